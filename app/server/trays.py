"""The tray's pictures: the samples it opens with, those that are taken out, and their thumbnails."""

from collections.abc import Sequence
from dataclasses import replace

from PIL import Image

from app.server.engine import Engine
from app.server.session import Picture, Tray
from app.server.uploads import GALLERY
from core import RequestError
from core.pictures.gallery import samples

FIRST_SHOWN, FIRST_SELECTED = 5, 4
"""Sample pictures in the tray, and of these looked at, when the page opens."""

OWN, OWN_DIGITS = "own-", 12
"""How the name of a visitor's own picture in an address begins, and the digits of its hash that follow."""


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
    return replace(tray, untouched=True)


def shows_opening(engine: Engine, tray: Tray) -> bool:
    """Whether just those pictures are selected that are when the page opens, by choice or because nobody chose yet."""
    return {picture.digest for picture in tray.chosen} == {digest for _, digest in gallery(engine)[:FIRST_SELECTED]}


def add_sample(engine: Engine, tray: Tray, index: int) -> Tray:
    """With one of the gallery's pictures back in the tray."""
    choices = gallery(engine)
    if not 0 <= index < len(choices):
        raise RequestError(f"There is no sample {index}; there are {len(choices)}.")
    name, digest = choices[index]
    return tray.add(name, digest, sample=True)


def address_name(picture: Picture) -> str:
    """A picture's name in an address: a sample's own, or of a visitor's the beginning of its hash, which tells nothing."""
    return picture.name if picture.sample else f"{OWN}{picture.digest[:OWN_DIGITS]}"


def show_only(engine: Engine, tray: Tray, names: Sequence[str]) -> tuple[Tray, list[str]]:
    """The tray with just the pictures of these address names selected, and the names that lead to none.

    Samples come into it where they are not yet. With none of the names known the tray stays as it is.
    """
    samples = [name for name, _ in gallery(engine)]
    selected, unknown, before = replace(tray, selected=()), [], tray
    for name in names:
        known = next((picture for picture in selected.pictures if address_name(picture) == name), None)
        if known is not None:
            selected = selected.select(known.id, True)
        elif name in samples:
            selected = add_sample(engine, selected, samples.index(name))
        else:
            unknown.append(name)
    return (selected if selected.selected else before), unknown


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
