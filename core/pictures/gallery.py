"""Pictures to look at before anything is downloaded: photographs of installed packages, and two collections that ship."""

import importlib.util
import json
from dataclasses import dataclass
from pathlib import Path

from core.errors import ImageError


@dataclass(frozen=True)
class Sample:
    """A photograph: a short unique name, where it lies, what it shows, and whom to thank for it."""

    name: str
    path: Path
    title: str
    credit: str


@dataclass(frozen=True)
class Rendered:
    """A picture of the small world that ships with the app: where it lies, what it shows, in which domain."""

    path: Path
    category: str
    domain: str


@dataclass(frozen=True)
class Photograph:
    """A small photograph that ships with the app: where it lies, and what it shows, as its data set calls it."""

    path: Path
    kind: str
    label: str


RENDERED = Path(__file__).parents[2] / "assets" / "gallery"
PHOTOGRAPHS = RENDERED.with_name("photographs")
PHOTOGRAPHS_CREDIT = "Photographs: Caltech-101 by Li, Andreeto, Ranzato and Perona, CC BY 4.0, made smaller."
_FOLDERS = {"gradio": "media_assets/images", "skimage": "data", "sklearn": "datasets/images"}
_PHOTOGRAPHS = (
    # Faces of three cats first, turned different ways, so that parts can be followed from one animal to the next;
    # then the whole cheetah, then what has other parts, then scenes.
    ("cheetah", "gradio", "cheetah1.jpg", "A cheetah's face", "gradio"),
    ("lion", "gradio", "lion.jpg", "A lion on a rock", "gradio"),
    ("cat", "skimage", "chelsea.png", "Chelsea the cat", "Stéfan van der Walt, CC0; scikit-image"),
    ("cheetah-running", "gradio", "cheetah.jpg", "A cheetah at full speed", "gradio"),
    ("motorcycle", "skimage", "motorcycle_left.png", "A motorcycle", "Middlebury stereo 2014; scikit-image"),
    (
        "motorcycle-right",
        "skimage",
        "motorcycle_right.png",
        "The motorcycle from 19 cm further right",
        "Middlebury stereo 2014; scikit-image",
    ),
    ("astronaut", "skimage", "astronaut.png", "Eileen Collins", "NASA, public domain; scikit-image"),
    ("flower", "sklearn", "flower.jpg", "A dahlia", "vultilion, CC BY 2.0; scikit-learn"),
    ("pagoda", "sklearn", "china.jpg", "A pagoda by a lake", "danielbuechele, CC BY 2.0; scikit-learn"),
    ("tower", "gradio", "tower.jpg", "The Eiffel Tower at dusk", "gradio"),
    ("coffee", "skimage", "coffee.png", "A cup of coffee", "Rachel Michetti, CC0; scikit-image"),
    ("rocket", "skimage", "rocket.jpg", "A rocket on its pad at night", "SpaceX, public domain; scikit-image"),
)


def samples() -> list[Sample]:
    """The photographs that are installed here, in the order that makes the best first impression.

    Packages are located, not imported. Raises ImageError where no photograph is found.
    """
    folders = {package: _folder(package) for package in _FOLDERS}
    found = [
        Sample(name, folder / file, title, credit)
        for name, package, file, title, credit in _PHOTOGRAPHS
        if (folder := folders[package]) and (folder / file).is_file()
    ]
    if not found:
        raise ImageError(
            "No sample photographs are here: they come with gradio, scikit-image and scikit-learn, and none of these "
            "has its pictures installed. Install them: python -m pip install gradio scikit-image scikit-learn"
        )
    return found


def rendered() -> list[Rendered]:
    """The rendered pictures that ship; none where the folder is not there."""
    return [Rendered(RENDERED / row["file"], row["category"], row["domain"]) for row in _table(RENDERED)]


def photographs() -> list[Photograph]:
    """The photographs that ship, class by class; none where the folder is not there."""
    return [Photograph(PHOTOGRAPHS / row["file"], row["kind"], row["label"]) for row in _table(PHOTOGRAPHS)]


def _table(folder: Path) -> list[dict[str, str]]:
    """What is known of each picture in a folder that ships."""
    table = folder / "table.json"
    return json.loads(table.read_text(encoding="utf-8")) if table.is_file() else []


def _folder(package: str) -> Path | None:
    """The folder of an installed package's pictures."""
    spec = importlib.util.find_spec(package)
    places = spec.submodule_search_locations if spec else None
    return Path(next(iter(places))) / _FOLDERS[package] if places else None
