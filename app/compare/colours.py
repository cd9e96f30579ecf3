"""The layers of several columns, with colours that mean the same in all of them as far as they can."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from app.explore.handlers import Screen
from app.explore.settings import Settings
from app.explore.view import Reading, as_bytes, basis_of
from core.analysis.grids import resampled
from core.analysis.steady import turned

FIRST = "Its own components; the other columns' colours follow them."
SAME = "The first column's components and range: equal colours mean equal places in them."
OTHER_WEIGHTS = (
    f"{SAME} These are other weights: where the two were not trained from one another, the components mean little here."
)
TURNED_WORDS = "Its own components, turned to be most like the first column's colours."
TURNED = Reading(("red", "green", "blue"), note="Components turned to be most like the first column's colours.")


@dataclass(frozen=True)
class Look:
    """One column's layers and the numbers behind them, the words to read these in, and where its colours come from."""

    layers: list[np.ndarray]
    values: list[np.ndarray]
    reading: Reading
    note: str = ""


def looks(screens: Sequence[Screen], settings: Settings, one_basis: bool = False) -> Iterator[Look]:
    """The screens of the columns as looks, the first as it was painted.

    Where colours have no direction of their own, the others are turned to be most like the first's, whose colours are
    taken on their grid. With `one_basis`, those whose features are as wide as the first's are projected on its components
    instead, and clipped at its limits.
    """
    first = screens[0]
    for screen in screens:
        painted = screen.painted
        if not settings.shown.turns or len(screens) == 1:
            yield Look(painted.layers, painted.values, painted.reading)
        elif screen is first:
            yield Look(painted.layers, painted.values, painted.reading, FIRST)
        elif one_basis and _width(screen) == _width(first):
            yield _projected(screen, first, settings)
        else:
            fits = f" Its features are {_width(screen)} wide, the first column's {_width(first)}." if one_basis else ""
            yield _turned(screen, first, TURNED_WORDS + fits)


def _projected(screen: Screen, first: Screen, settings: Settings) -> Look:
    chosen = [number - 1 for number in settings.options.components]
    maps = screen.encoded.maps
    images = basis_of(first.painted).apply(maps, any_origin=True)
    values = [image[..., chosen].numpy() for image in images]
    weights = {one.encoded.maps[0].origin.weights or one.encoded.maps[0].origin.model for one in (screen, first)}
    note = SAME if len(weights) == 1 else OTHER_WEIGHTS
    return Look([as_bytes(value) for value in values], values, first.painted.reading, note)


def _turned(screen: Screen, first: Screen, note: str) -> Look:
    own, towards = screen.painted.values, _on_grids(first, screen)
    flat = turned(*(np.concatenate([one.reshape(-1, 3) for one in each]) for each in (own, towards)))
    pieces = np.split(flat, np.cumsum([one.shape[0] * one.shape[1] for one in own])[:-1])
    values = [piece.reshape(one.shape).astype(np.float32) for piece, one in zip(pieces, own, strict=True)]
    return Look([as_bytes(value) for value in values], values, TURNED, note)


def _on_grids(first: Screen, screen: Screen) -> list[np.ndarray]:
    """The first's colours [h, w, 3] on the grids of another screen, as they are where these are the same."""
    pairs = zip(first.painted.values, first.encoded.maps, screen.encoded.maps, strict=True)
    return [
        colours if one.grid == other.grid
        else resampled(torch.from_numpy(colours), one.geometry, other.geometry).numpy()
        for colours, one, other in pairs
    ]  # fmt: skip


def _width(screen: Screen) -> int:
    return screen.encoded.maps[0].patches.shape[-1]
