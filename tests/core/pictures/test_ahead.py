"""Threads that work ahead: in order, and no further than asked."""

import pytest

from core.pictures.ahead import ahead


def test_items_are_read_no_further_ahead_than_needed():
    begun = []
    for asked, (item, made) in enumerate(ahead(begun.append, range(100), threads=2, most=5)):
        made.result()
        assert item == asked
        assert len(begun) <= asked + 5
    assert sorted(begun) == list(range(100))


def test_a_failure_is_its_item_s_own():
    results = [made for _, made in ahead(lambda number: 1 / number, [1, 0, 2], threads=2, most=2)]
    assert [results[0].result(), results[2].result()] == [1, 0.5]
    with pytest.raises(ZeroDivisionError):
        results[1].result()
