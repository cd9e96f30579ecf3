"""Pictures and the tray in the form the browser's components take."""

from collections.abc import Sequence

import gradio as gr

from app.page import stage
from app.server.engine import Engine, Item
from app.server.models import Loaded
from app.server.session import Picture, Tray
from app.server.trays import thumbnail
from core.encoding import picture_address


def empty_stage() -> gr.HTML:
    """No picture; the stage then says what to do."""
    return gr.HTML(pictures=stage.pictures_prop([]), features={}, view={}, busy=False)


def photographs(engine: Engine, tray: Tray, model: Loaded, size: int) -> gr.HTML:
    """The stage of a page just opened, on which the photographs wait for the first view."""
    return gr.HTML(pictures=pictures_of(engine, tray, model, size), busy=True)


def pictures_of(engine: Engine, tray: Tray, model: Loaded, size: int) -> dict:
    """The selected photographs, for a stage's `pictures`. No model runs."""
    items = engine.items(tray)
    ids, names = [picture.id for picture in tray.chosen], [picture.name for picture in tray.chosen]
    return pictures_sent(engine, ids, names, items, engine.geometries(model, items, size))


def tray_update(engine: Engine, tray: Tray) -> gr.HTML:
    """The tray with its pictures as they are now."""
    return gr.HTML(items=tray_items(engine, tray))


def tray_items(engine: Engine, tray: Tray) -> list[dict]:
    """The tray's pictures as its component takes them."""
    return [
        {
            "id": picture.id,
            "name": picture.name,
            "thumb": thumbnail_address(engine, tray, picture),
            "selected": picture.id in tray.selected,
        }
        for picture in tray.pictures
    ]


def pictures_sent(
    engine: Engine, ids: Sequence[str], names: Sequence[str], items: Sequence[Item], geometries: list
) -> dict:
    """The pictures prop, kept for whoever sends the same pictures again."""
    key = tuple(zip(ids, names, (item.digest for item in items), geometries, strict=True))

    def make() -> dict:
        images = [item.image for item in items]
        return stage.pictures_prop(list(map(stage.StagePicture, ids, names, images, geometries)))

    return engine.painted.recall(("pictures", key), make)


def thumbnail_address(engine: Engine, tray: Tray, picture: Picture, side: int = 192) -> str:
    """A small copy, longer side `side` pixels, as an address that holds it; kept."""

    def make() -> str:
        return picture_address(thumbnail(engine, tray, picture, side), "JPEG", quality=85)

    return engine.painted.recall(("thumb", picture.digest, side), make)
