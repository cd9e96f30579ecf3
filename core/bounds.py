"""Bounds of numbers, said where a number is declared:

    @dataclass(frozen=True)
    class Settings:
        steps: Annotated[int, Bounds(1, 1_000_000)] = 100
        scale: Annotated[tuple[float, float], Bounds(0, 1)] = (0.3, 1.0)

        def __post_init__(self):
            require_bounds(self)

Whatever the values come from, a command line, a file or Python, they are refused in one way.
"""

import dataclasses
import functools
import types
from dataclasses import dataclass
from typing import Any, NamedTuple, Union, get_args, get_origin, get_type_hints

from core.errors import RequestError


@dataclass(frozen=True)
class Bounds:
    """The numbers that a field may be: finite, from `least` to `most`.

    In a tuple they hold for each number, and None stays allowed where the type allows it.
    """

    least: float
    most: float
    above: bool = False
    """Whether `least` itself is left out."""
    below: bool = False
    """Whether `most` itself is left out."""
    rising: bool = False
    """Whether the numbers of a tuple must not fall: the lower end of a range comes first."""

    def allow(self, number: float) -> bool:
        """Whether a number is within them; NaN, which no comparison holds for, is not."""
        high_enough = number > self.least if self.above else number >= self.least
        return high_enough and (number < self.most if self.below else number <= self.most)

    def __str__(self) -> str:
        """As it stands in a sentence.

        >>> print(Bounds(1, 10_000), "and", Bounds(0, 1, above=True), "and", Bounds(0, 1, below=True))
        from 1 to 10,000 and above 0 and up to 1 and from 0 to below 1
        """
        least, most = (f"{one:,}" if one == int(one) else f"{one:g}" for one in (self.least, self.most))
        most = f"below {most}" if self.below else most
        if not self.above:
            return f"from {least} to {most}"
        return f"above {least} and {most}" if self.below else f"above {least} and up to {most}"


SHARE = Bounds(0, 1)
SEED = Bounds(0, 2**32 - 1)
"""What every generator of random numbers takes."""


class Declared(NamedTuple):
    """A field with bounds: whether its numbers are whole, and how many it has (None: just one; ...: any number)."""

    name: str
    bounds: Bounds
    whole: bool
    optional: bool
    count: Any


@functools.cache
def declared(kind: type) -> tuple[Declared, ...]:
    """The fields of a dataclass that have bounds, in order."""
    hints = get_type_hints(kind, include_extras=True)
    found = []
    for item in dataclasses.fields(kind):
        hint = hints[item.name]
        bounds = [one for one in getattr(hint, "__metadata__", ()) if isinstance(one, Bounds)]
        if bounds:
            found.append(_declared(item.name, bounds[0], get_args(hint)[0]))
    return tuple(found)


def _declared(name: str, bounds: Bounds, kind: Any) -> Declared:
    parts = get_args(kind) if get_origin(kind) in (Union, types.UnionType) else (kind,)
    (one,) = (part for part in parts if part is not type(None))
    numbers = get_args(one) if get_origin(one) is tuple else (one,)
    count = (... if ... in numbers else len(numbers)) if get_origin(one) is tuple else None
    return Declared(name, bounds, float not in numbers, type(None) in parts, count)


def require_bounds(config: object, before: str = "") -> None:
    """RequestError for the first number of a dataclass that is outside its bounds, not finite, or no number.

    `before` is put before the field's name: the name of what the dataclass is part of, or the dashes of a flag.
    """
    for field in declared(type(config)):  # type: ignore[arg-type]  # mypy looks for an instance's __hash__ in a class
        value = getattr(config, field.name)
        if value is None and field.optional:
            continue
        numbers = (value,) if field.count is None else value
        fine = isinstance(numbers, tuple) and field.count in (None, ..., len(numbers))
        fine = fine and all(_allowed(number, field) for number in numbers)
        if not fine or (field.bounds.rising and list(numbers) != sorted(numbers)):
            name = before + (field.name.replace("_", "-") if before.endswith("--") else field.name)
            raise RequestError(
                f"{name} is {_said(value)}; give {_wanted(field)} {field.bounds}{', the lower first' * field.bounds.rising}."
            )


def _allowed(number: object, field: Declared) -> bool:
    kinds = int if field.whole else (int, float)
    return isinstance(number, kinds) and not isinstance(number, bool) and field.bounds.allow(number)


def _said(value: object) -> str:
    return f"{value}" if isinstance(value, int | float) else repr(value)


def _wanted(field: Declared) -> str:
    whole = "whole " if field.whole else ""
    if field.count is None:
        return f"a {whole}number"
    return f"{whole}numbers" if field.count is ... else f"{field.count} {whole}numbers"
