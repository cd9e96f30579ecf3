"""The tray's pictures: the samples it opens with, those that are taken out, and their thumbnails."""

from PIL import Image

from app.server.engine import Engine
from app.server.session import Picture, Tray
from app.server.uploads import GALLERY
from core import RequestError
from core.pictures.gallery import samples

FIRST_SHOWN, FIRST_SELECTED = 5, 4
"""Sample pictures in the tray, and of these looked at, when the page opens."""


def gallery(engine: Engine) -> list[tuple[str, str]]:
    """(name, hash) of every sample picture, kept where all visitors may read it."""
    return engine.painted.recall(
        "gallery",
        lambda: [
            (sample.name, engine.library.add(GALLERY, sample.path.read_bytes(), sample.name)) for sample in samples()
        ],
    )


def open_tray(engine: Engine, visitor: str) -> Tray:
    """The tray a page opens with: the gallery, its first pictures selected."""
    tray = Tray(visitor)
    for index, (name, digest) in enumerate(gallery(engine)[:FIRST_SHOWN]):
        tray = tray.add(name, digest, sample=True, select=index < FIRST_SELECTED)
    return tray


def add_sample(engine: Engine, tray: Tray, index: int) -> Tray:
    """With one of the gallery's pictures back in the tray."""
    choices = gallery(engine)
    if not 0 <= index < len(choices):
        raise RequestError(f"There is no sample {index}; there are {len(choices)}.")
    name, digest = choices[index]
    return tray.add(name, digest, sample=True)


def remove(engine: Engine, tray: Tray, identity: str) -> Tray:
    """Without one picture, whose file is forgotten."""
    engine.library.drop(tray.visitor, tray.find(identity).digest)
    return tray.remove(identity)


def thumbnail(engine: Engine, tray: Tray, picture: Picture, side: int = 192) -> Image.Image:
    """A small copy of one picture, longer side `side` pixels."""

    def make() -> Image.Image:
        (item,) = engine.items(tray, [picture])
        small = item.image.copy()
        small.thumbnail((side, side))
        return small

    return engine.painted.recall(("small", picture.digest, side), make)


def sample_pictures(engine: Engine) -> list[tuple[Image.Image, str]]:
    """(small picture, name) of the whole gallery."""
    pictures = [Picture("", name, digest, sample=True) for name, digest in gallery(engine)]
    return [(thumbnail(engine, Tray(), picture), picture.name) for picture in pictures]
