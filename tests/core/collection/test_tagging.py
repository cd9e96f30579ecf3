"""Tags are put on and taken off, and exactly what changed is undone; a lasso's pictures alone are counted."""

import pytest

from core.collection.collection import Collection
from core.collection.facets import Filter
from tests.core.collection.made import entries, store


@pytest.fixture
def made(tmp_path) -> Collection:
    """Six pictures, ids 1 to 6; the odd ids are tagged "even", after their number from 0."""
    store(tmp_path).append(entries(6))
    return Collection(tmp_path)


def tags(made: Collection) -> dict[int, tuple[str, ...]]:
    return {record.id: record.tags for record in made.records()}


def test_undoing_tags_leaves_those_that_were_there_before(made):
    before = tags(made)
    change = made.tag([1, 2, 3], ["even", "new"])
    assert change.pairs == (("new", 1), ("even", 2), ("new", 2), ("new", 3)) and change.ids == {1, 2, 3}
    assert tags(made)[1] == ("even", "new") and tags(made)[2] == ("even", "new", "odd")
    assert made.undo_tags(change).ids == {1, 2, 3} and tags(made) == before


def test_tags_that_were_taken_off_come_back_to_those_pictures_that_are_still_there(made):
    change = made.tag([1, 2, 3, 5], ["even"], off=True)
    assert change.off and change.ids == {1, 3, 5}
    made.remove([3])
    assert made.undo_tags(change).pairs == (("even", 1), ("even", 5))
    assert made.tags()["even"] == 2


def test_a_picture_that_is_not_there_is_passed_over(made):
    assert made.tag([99], ["new"]).pairs == () and "new" not in made.tags()


def test_facets_of_some_pictures_count_these_alone(made):
    records = made.store.records
    assert records.facets(Filter(among=(1, 2, 3)))["tags"] == {"even": 2, "odd": 1}
    assert records.facets(Filter(tags=("odd",), among=(1, 2, 3)))["tags"] == {"odd": 1}
    assert records.matching(Filter(among=())) == [] and not Filter() and Filter(among=())
    many = tuple(range(1, 100_001))
    assert records.count(Filter(among=many)) == 6, "more ids than SQLite takes values"
