"""The code that reproduces a view: a runnable program for exactly the settings on the page."""

from collections.abc import Sequence

from app.explore.settings import Settings
from app.explore.view import Code, PinnedPatch
from app.server.models import Loaded
from app.server.session import Picture

NEEDS = (
    "# It runs in the folder of Dinoscope, a clone of its repository, where `core` lies. Once, in that folder:",
    "# python -m pip install -r requirements.txt",
)
OWN_FILES = (
    "# Your pictures and saved bases are named as you added them: put them into that folder, or give their paths below."
)


def program(
    settings: Settings,
    model: Loaded,
    pictures: Sequence[Picture],
    layer: int,
    asked: PinnedPatch | None = None,
    basis: str | None = None,
) -> str:
    """Python that says what it needs and computes the view with `core` alone: `values` are its numbers, `colours` what is shown, per picture.

    Sample pictures are found where they are installed; a visitor's own, and a saved basis, are named as the files
    they came from, in the folder the program runs in.
    """
    imports, body = settings.shown.program(Code(settings.options, settings.size, layer, asked, basis))
    own = basis is not None or not all(picture.sample for picture in pictures)
    opening = [*NEEDS, *([OWN_FILES] if own else []), "", "import core"]
    if any(picture.sample for picture in pictures):
        opening.append("from core.pictures.gallery import samples")
        body = ["paths = {sample.name: sample.path for sample in samples()}", *_loading(pictures), *body]
    else:
        body = [*_loading(pictures), *body]
    return "\n".join([*opening, *imports, "", f"model = core.load_model({model.name!r})", *body]) + "\n"


def _loading(pictures: Sequence[Picture]) -> list[str]:
    lines = [f"    paths[{picture.name!r}]," if picture.sample else f"    {picture.name!r}," for picture in pictures]
    return ["files = [", *lines, "]", "images = [core.load_image(file) for file in files]"]
