"""A column of the comparison: which model, after which block, at which resolution, and what else is on offer for it."""

from collections.abc import Sequence
from dataclasses import dataclass

from app.explore.settings import Settings
from app.server.encode import cost_to_usual, resolution
from app.server.engine import Engine, tokens_of
from app.server.jobs import duration
from app.server.models import Loaded
from app.server.session import FeatureSettings, Tray
from core import RequestError
from core.pictures.geometry import whole_size
from core.wording import counted

PAGES = "page's"
"""In the place of a block or a resolution: that of the whole page."""
SHARES = (0.25, 0.5, 0.75, 1, 1.5, 2)
"""Resolutions on offer beside the page's, in shares of the model's own; any other may be typed."""


@dataclass(frozen=True)
class Column:
    """One column's model and settings; `told` says what was asked for and is not to be had."""

    model: Loaded
    settings: Settings
    told: str = ""

    @property
    def block(self) -> int:
        """Counted from 1."""
        return self.settings.layer(self.model.depth) + self.model.depth + 1

    @property
    def size(self) -> int:
        """Longer side in pixels, as this model's patch divides it."""
        return whole_size(self.settings.size, self.model.model.config.patch)

    @property
    def line(self) -> str:
        """Where in the model it looks, as under its title."""
        return f"block {self.block} of {self.model.depth}, {self.size} px"


def pages_settings(model: Loaded, block: float, size: float) -> FeatureSettings:
    """The page's own block and resolution, for the columns that name none. The last block of the model in use stands
    for the last of every model."""
    return FeatureSettings(size=int(size), block=0 if block >= model.depth else int(block))


def column_of(model: Loaded, view: str, block: str, size: str, page: FeatureSettings) -> Column:
    """The column that the texts of its widgets name; RequestError where one is no number.

    A block beyond the last is the last, and a resolution that this model is not offered at the nearest one that it is;
    `told` says so.
    """
    told = []
    asked_block, asked_size = _whole(block, "block"), _whole(size, "resolution")
    wanted = asked_block or page.block
    if wanted > model.depth:
        told.append(f"This model has {counted(model.depth, 'block')}: the last is shown, not block {wanted}.")
    pixels = page.size
    if asked_size:
        pixels = resolution(model, asked_size, 0).value
        if pixels != asked_size:
            told.append(f"{pixels} px is this model's nearest resolution to {asked_size}.")
    settings = Settings(view=view, size=pixels, block=min(wanted, model.depth))
    return Column(model, settings, " ".join(told))


def blocks_offered(model: Loaded) -> list[str]:
    """The choices for a column's block."""
    return [PAGES, *map(str, range(1, model.depth + 1))]


def sizes_offered(engine: Engine, tray: Tray, column: Column) -> list[tuple[str, str]]:
    """(words with the price, value) of the choices for a column's resolution; without a price the one that it has.

    The price is the time for the selected pictures by the last forward pass, before the first one how many times that of
    the model's own resolution.
    """
    model, items = column.model, engine.items(tray)
    sizes = dict.fromkeys(resolution(model, round(model.default_size * share), 0).value for share in SHARES)
    offered = [(PAGES, PAGES)]
    for size in sizes:
        estimate = model.estimate(tokens_of(engine.geometries(model, items, size)))
        price = f"about {duration(estimate)}" if estimate else f"×{cost_to_usual(engine, items, model, size):.1f}"
        offered.append((f"{size} px" + (f" · {price}" if size != column.size else ""), str(size)))
    return offered


def titles(columns: Sequence[Column]) -> list[str]:
    """The columns' names in a sentence: the model's, and where two have the same, its block and resolution too."""
    plain = [column.model.source.title for column in columns]
    return [
        f"{title} ({column.line})" if plain.count(title) > 1 else title
        for title, column in zip(plain, columns, strict=True)
    ]


def _whole(text: str | float | None, name: str) -> int:
    """The number in a widget's text; 0 for the page's own, RequestError for anything else."""
    words = str(text or PAGES).strip()
    if words == PAGES:
        return 0
    number = words.removesuffix("px").strip()
    if not (number.isascii() and number.isdigit() and len(number) < 7 and int(number)):
        raise RequestError(f"The {name} is {words[:20]!r}; choose {PAGES!r} or a whole number from 1.")
    return int(number)
