"""Questions that open at one click, asked with photographs that ship.

A test asks each of the model that ships: of the first FIRST other results LEAST or more have the label of the picture
asked with, and a part is found on that part. `python -m tests.benchmarks.searching` names candidates for other weights.
"""

from dataclasses import dataclass

from app.search.question import QueryPart
from app.server.built_in import GALLERY, PHOTOGRAPHS
from app.server.session import Tray
from app.server.shelf import Shelf
from core import RequestError
from core.collection.collection import Collection

FIRST, LEAST = 8, 6


@dataclass(frozen=True)
class Example:
    """A picture of the collection by its name, as a whole or the part at `point`, (x, y) in shares of its sides."""

    name: str
    point: tuple[float, float] | None = None


EXAMPLES = {
    "A sunflower": Example("sunflower/sunflower_0060.webp"),
    "One petal": Example("sunflower/sunflower_0079.webp", (0.531, 0.125)),
    "A car": Example("car_side/car_side_0001.webp"),
    "An accordion": Example("accordion/accordion_0042.webp"),
    "A leopard": Example("Leopards/Leopards_0160.webp"),
}
"""By what is written on their buttons. The first is what the tab opens with."""


def offered(shelf: Shelf) -> list[str]:
    """The examples whose pictures ship with this copy."""
    names = {one.name for one in shelf.shipped[PHOTOGRAPHS].pictures} if PHOTOGRAPHS in shelf.shipped else set()
    return [title for title, one in EXAMPLES.items() if one.name in names]


def question(collection: Collection, title: str) -> tuple[QueryPart, ...]:
    """The question of an example, to the photographs that ship; RequestError where its picture is not among them."""
    wanted = EXAMPLES[title]
    found = (record.id for record in collection.records() if record.name == wanted.name)
    identity = next(found, None)
    if identity is None:
        raise RequestError(f"{wanted.name} is not in the collection {collection.title!r}; choose another example.")
    return (QueryPart(record=identity, collection=PHOTOGRAPHS, point=wanted.point),)


def is_opening(shelf: Shelf, tray: Tray, key: str) -> bool:
    """Whether somebody who has asked nothing yet is shown the first example: among the photographs that ship, with
    nothing selected but samples and rendered pictures, which a model hardly finds among photographs."""
    drawn = {one.name.split("/")[-1] for one in shelf.shipped[GALLERY].pictures} if GALLERY in shelf.shipped else set()
    return key == PHOTOGRAPHS and all(picture.sample or picture.name in drawn for picture in tray.chosen)
