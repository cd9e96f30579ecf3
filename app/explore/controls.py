"""The controls of a view as plain values; `app.explore.widgets` makes widgets of them.

`name` is the field of the view's options that a control sets, and the id of its element; it starts with the field's own
default. No two views share a name.
"""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Slider:
    """A number from `low` to `high`."""

    name: str
    label: str
    low: float
    high: float
    step: float = 1


@dataclass(frozen=True)
class Choice:
    """One of a few, all of which are seen: values, or pairs of a label and a value."""

    name: str
    label: str
    choices: Sequence
    info: str | None = None


@dataclass(frozen=True)
class Menu:
    """One of several, in a list that opens."""

    name: str
    label: str
    choices: Sequence


@dataclass(frozen=True)
class Switch:
    """On or off."""

    name: str
    label: str


@dataclass(frozen=True)
class Text:
    """A line of text, taken once Enter is pressed; `example` stands in it while it is empty."""

    name: str
    label: str
    example: str
    info: str | None = None


@dataclass(frozen=True)
class Hint:
    """A sentence in place of a control."""

    text: str


@dataclass(frozen=True)
class Part:
    """A part of the page, such as the histogram, comes to stand here. See `app.explore.widgets.PARTS`."""

    name: str


@dataclass(frozen=True)
class Row:
    """Controls beside one another."""

    name: str
    inside: "Controls"


@dataclass(frozen=True)
class Fold:
    """Controls that are hidden until asked for."""

    name: str
    label: str
    inside: "Controls"


Controls = tuple[Slider | Choice | Menu | Switch | Text | Hint | Part | Row | Fold, ...]
