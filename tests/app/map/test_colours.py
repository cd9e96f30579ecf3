from dataclasses import replace

import numpy as np
import pytest

from app.map.colours import CHOICES, MOST_COLOURS, OTHERS, coloured
from core import RequestError
from core.projection.components import project
from tests.app.map.made import made_atlas

ATLAS = made_atlas()
PLACES = project(ATLAS.vectors).coordinates


def test_islands_are_the_three_groups_each_named_by_one_of_its_own():
    found = coloured(ATLAS, PLACES, "cluster")
    assert [entry.count for entry in found.entries] == [20, 20, 20]
    for level, entry in enumerate(found.entries):
        members = np.flatnonzero(found.levels == level)
        assert len({point % 3 for point in members}) == 1 and entry.medoid in members


def test_as_many_clusters_as_asked_for():
    assert len(coloured(ATLAS, PLACES, "cluster", groups=5).entries) == 5


def test_labels_beyond_the_colours_are_one_grey_kind():
    many = replace(ATLAS, labels=[f"kind {point // 2}" for point in range(60)])
    found = coloured(many, PLACES, "label")
    assert len(found.entries) == MOST_COLOURS + 1
    assert found.entries[-1].count == 60 - 2 * MOST_COLOURS == (found.levels == OTHERS).sum()
    assert len({entry.colour for entry in found.entries}) == MOST_COLOURS + 1


def test_dates_run_along_a_scale_and_unknown_ones_lie_at_its_start():
    known = replace(ATLAS, dates=[float("nan"), *ATLAS.dates[1:]])
    found = coloured(known, PLACES, "date")
    assert found.scale == ("cividis", "2023-11-15", "2024-01-12")
    assert found.levels[[0, 1, 59]].tolist() == [0, 0, 255]
    assert (np.diff(found.levels[1:].astype(int)) > 0).all()


def test_similarity_is_greatest_at_the_point_asked_about():
    found = coloured(ATLAS, PLACES, "similarity", asked=7)
    assert found.levels[7] == 255 == found.levels.max()
    assert found.levels[1::3].min() > found.levels[0::3].max()


@pytest.mark.parametrize(
    ("changes", "by", "message"),
    [({"labels": [""] * 60}, "label", "no labels"), ({"dates": [float("nan")] * 60}, "date", "no dates"),
     ({}, "similarity", "Click a point first"), ({}, "mood", "choose from cluster")],
)  # fmt: skip
def test_where_there_is_nothing_to_colour_by_it_says_so(changes, by, message):
    with pytest.raises(RequestError, match=message):
        coloured(replace(ATLAS, **changes), PLACES, by)


def test_every_choice_gives_each_point_a_level():
    for by in CHOICES:
        levels = coloured(ATLAS, PLACES, by, asked=0).levels
        assert levels.shape == (60,) and levels.dtype == np.uint8
