"""Event data as our controls send it, and as anyone could."""

import pytest

from app.page.told import MOST_VALUES, Told
from core import RequestError

RUBBISH = [None, "word", True, float("nan"), float("inf"), 10**400, {}, [], [[]], [None], "x" * 1000, -1e301, 0.5]
READERS = {
    "whole": (3, -2, 4.0),
    "number": (3, 0.5, -1e300),
    "text": ("p1", ""),
    "flag": (True, False),
    "wholes": ([1, 2], []),
    "list": ([1, "a"], []),
}


@pytest.mark.parametrize(("kind", "value"), [(kind, value) for kind, values in READERS.items() for value in values])
def test_what_a_control_sends_is_read(kind, value):
    read = getattr(Told({"it": value}), kind)("it")
    assert read == (tuple(value) if kind == "wholes" else value)


@pytest.mark.parametrize("kind", READERS)
def test_anything_else_is_refused_in_words(kind):
    typed = {"whole": int, "number": (int, float), "text": str, "flag": bool, "wholes": list, "list": list}[kind]
    refused = [value for value in RUBBISH if not _is_read(value, kind, typed)]
    assert len(RUBBISH) - len(refused) <= 3
    for data in (None, [], "word", {"other": 1}, {"it": None}):
        with pytest.raises(RequestError, match="reload the page"):
            getattr(Told(data), kind)("it")


def _is_read(value, kind: str, typed) -> bool:
    try:
        read = getattr(Told({"it": value}), kind)("it")
    except RequestError as error:
        assert "reload the page" in str(error)
        return False
    assert isinstance(value, typed) and value == (list(read) if kind == "wholes" else read)
    return True


def test_places_come_by_their_number_and_lists_have_an_end():
    assert Told({"at": [3, 4.5]}).numbers("at", 2) == (3.0, 4.5)
    for at in ([3], [3, "4"], [1, 2, 3], [float("nan"), 0]):
        with pytest.raises(RequestError):
            Told({"at": at}).numbers("at", 2)
    with pytest.raises(RequestError):
        Told({"ids": list(range(MOST_VALUES + 1))}).wholes("ids")
    assert Told({}).wholes("ids", ()) == ()
