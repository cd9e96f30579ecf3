"""Values that the browser sends with an event, read by name and kind."""

import math
from collections.abc import Callable
from typing import Any, NoReturn, TypeVar

from core import RequestError

LONGEST_TEXT, MOST_VALUES, LARGEST_WHOLE = 300, 100_000, 2**53
Value = TypeVar("Value")


class Told:
    """What an event brings. RequestError for anything that no control of this page sends.

    >>> told = Told({"id": 3, "threshold": 0.5, "picture": "p1"})
    >>> told.whole("id"), told.number("threshold"), told.text("picture"), told.wholes("ids", ())
    (3, 0.5, 'p1', ())
    """

    def __init__(self, data: Any):
        self._data = data if isinstance(data, dict) else {}

    def __contains__(self, name: str) -> bool:
        return self._data.get(name) is not None

    def whole(self, name: str) -> int:
        return self._read(name, _whole)

    def number(self, name: str) -> float:
        """A finite number."""
        return self._read(name, _number)

    def numbers(self, name: str, count: int) -> tuple[float, ...]:
        """That many finite numbers."""
        numbers = tuple(map(_number, self.list(name)))
        return numbers if len(numbers) == count else _refuse()

    def text(self, name: str) -> str:
        return self._read(name, _text)

    def flag(self, name: str) -> bool:
        return self._read(name, _flag)

    def wholes(self, name: str, otherwise: tuple[int, ...] | None = None) -> tuple[int, ...]:
        """A list of whole numbers; `otherwise`, if given, where there is none."""
        if otherwise is not None and name not in self:
            return otherwise
        return tuple(map(_whole, self.list(name)))

    def list(self, name: str) -> list:
        """A list of anything, for a reader of its own."""
        return self._read(name, _list)

    def _read(self, name: str, kind: Callable[[Any], Value]) -> Value:
        return kind(self._data.get(name))


def _whole(value: Any) -> int:
    number = _number(value)
    return int(number) if number.is_integer() and abs(number) < LARGEST_WHOLE else _refuse()


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or abs(value) > 1e300 or math.isnan(value):
        _refuse()
    return float(value)


def _text(value: Any) -> str:
    return value if isinstance(value, str) and len(value) <= LONGEST_TEXT else _refuse()


def _flag(value: Any) -> bool:
    return value if isinstance(value, bool) else _refuse()


def _list(value: Any) -> list:
    return value if isinstance(value, list) and len(value) <= MOST_VALUES else _refuse()


def _refuse() -> NoReturn:
    raise RequestError("The page sent something that this server cannot read; reload the page and try again.")
