"""A view: its words, its controls, how it is painted, the code that reproduces it, its endpoint. No Gradio here.

h w patch grid, H W pixels of the original, k components. Everything per picture comes in the pictures' order.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

import numpy as np
from PIL import Image

from app.explore.controls import Controls
from app.server.session import Captured
from core.analysis.foreground import Foreground
from core.analysis.pca import PcaBasis
from core.features import FeatureMap

PinnedPatch = tuple[int, tuple[int, int]]
"""Number of a picture and (row, col) of its pinned patch."""
Program = tuple[list[str], list[str]]
"""Lines of Python: imports, and what follows once `model`, `files` and `images` are there. `values` must become the
view's numbers and `colours` what is shown, per picture."""


@dataclass(frozen=True)
class Scene:
    """Everything a view is painted from."""

    options: Any
    """The view's own, of the class that it names."""
    images: Sequence[Image.Image]
    maps: Sequence[FeatureMap]
    captures: Sequence = ()
    """One `AttentionCapture` per picture, for a view that `attends`, one `WordsCapture` for one of words."""
    asked: PinnedPatch | None = None
    """The pinned patch."""
    basis: PcaBasis | None = None
    """A PCA basis of another day, applied instead of computing one."""


@dataclass(frozen=True)
class Reading:
    """The words in which the page says the numbers of one patch.

    >>> Reading(("share of the attention",), unit="%", factor=100)
    Reading(names=('share of the attention',), unit='%', factor=100, digits=2, groups=(), note='')
    """

    names: tuple[str, ...] = ("value",)
    """What each of the k numbers is."""
    unit: str = ""
    factor: float = 1
    """What a number is multiplied by to be in that unit."""
    digits: int = 2
    """Decimals."""
    groups: tuple[str, ...] = ()
    """For labels: what is said of each instead of its number."""
    note: str = ""
    """A sentence that tells what the numbers are to be held against."""


PLAIN = Reading()
"""A number with two decimals."""


@dataclass(frozen=True)
class Painted:
    """One view of several pictures, ready for the browser."""

    layers: list[np.ndarray]
    """uint8 per picture: [h, w, 3] colours, or [H, W] grey scores where `aligned` is "picture"."""
    values: list[np.ndarray]
    """The numbers behind the colours, float32 or int64 per picture, [h, w] or [h, w, k]."""
    aligned: str = "grid"
    legend: dict | None = None
    facts: str = ""
    """One line of numbers that belong to the view, as Markdown."""
    found: Foreground | None = field(default=None, repr=False)
    """Of a view whose layers are scores: what the threshold cuts."""
    basis: PcaBasis | None = field(default=None, repr=False)
    explained: tuple[float, ...] = ()
    """Shares of variance of all components, PCA only."""
    reading: Reading = PLAIN


@dataclass(frozen=True)
class Code:
    """Everything the code that reproduces a view is written from."""

    options: Any
    size: int
    layer: int
    asked: PinnedPatch | None = None
    basis: str | None = None
    """Name of the file of a saved basis."""

    @property
    def extract(self) -> str:
        """The line that computes `maps`."""
        return f"maps = core.extract(model, images, size={self.size}, layer={self.layer})"


@dataclass(frozen=True)
class Nothing:
    """The options of a view that has none."""


@dataclass(frozen=True)
class Endpoint:
    """The way programs ask for a view of one picture, under the view's key. `image`, `size` and `layer` are common to all."""

    options: Callable[..., Any]
    """Its own parameters, each `Annotated` with its label, → the view's options. The docstring is the endpoint's."""
    numbers: Callable[[Painted], dict] = lambda painted: {}
    """Its numbers beside the grid and the values."""
    digits: int = 4
    """Decimals of the values."""


@dataclass(frozen=True, eq=False)
class View:
    """One way to look at features. It is on the page, in the API and among the downloads once `VIEWS` names it."""

    name: str
    """As on its button."""
    caption: str
    lesson: str
    """Half a page for a class, Markdown."""
    paint: Callable[[Scene], Painted]
    program: Callable[[Code], Program]
    options: type = Nothing
    """A frozen dataclass, each field with its default."""
    controls: Controls = ()
    endpoint: Endpoint | None = None
    blend: float = 0.85
    """Its opacity over the picture at first, 0..1."""
    smooth: bool = True
    """Whether it is interpolated between patches at first."""
    scores: bool = False
    """Whether its layers are scores with a threshold: the ground is dimmed instead of the picture covered."""
    cut: Callable[[Foreground, Any], tuple[dict, str]] | None = None
    """For layers that are scores: the histogram with its threshold, and the facts, of `Painted.found` and options."""
    in_browser: tuple[str, ...] = ()
    """Options that the browser follows by itself, so that nothing is painted anew for them."""
    takes: Captured = ""
    """What it is painted from beside features, which takes a forward pass of its own."""
    asks: Callable[[Any], bool] = lambda options: False
    """Whether, with these options, the pinned patch changes what is painted."""
    turns: bool = False
    """Whether its colours have no direction of their own, so that those of two models may be turned to be alike."""
    compared: str = ""
    """The caption where models stand side by side, if it is another one."""

    @property
    def attends(self) -> bool:
        return self.takes == "attention"

    @property
    def key(self) -> str:
        """Its name in addresses, ids and file names."""
        return self.name.lower()

    def chosen(self, values: dict[str, Any]) -> Any:
        """The options of the values of widgets by name; sliders give floats for whole numbers, too."""
        known = {one.name: one.default for one in fields(self.options)}
        return self.options(
            **{
                name: int(value) if type(known[name]) is int else value
                for name, value in values.items()
                if name in known
            }
        )

    def painted_by(self, options: Any) -> Any:
        """The options without those that only the browser draws."""
        known = {one.name: one.default for one in fields(self.options)}
        return replace(options, **{name: known[name] for name in self.in_browser})


def scores_of(painted: Painted) -> Foreground:
    """The scores of a view that has them; TypeError for another."""
    if painted.found is None:
        raise TypeError("This view has no scores.")
    return painted.found


def basis_of(painted: Painted) -> PcaBasis:
    """The PCA basis of a view that has one; TypeError for another."""
    if painted.basis is None:
        raise TypeError("This view has no PCA basis.")
    return painted.basis


def as_bytes(values: np.ndarray) -> np.ndarray:
    """0..1 → uint8."""
    return (np.clip(values, 0, 1) * 255).round().astype(np.uint8)
