"""Accuracy by the groups that a table names."""

import numpy as np
import pytest

from train.data.sources import DataError
from train.evaluate.datasets.groups import by_group, groups_of, read_groups


def test_groups(tmp_path):
    table = tmp_path / "groups.csv"
    table.write_text("image,group,income\nlion/1.jpg,Africa,3\n2.jpg,Europe,9\n")
    assert groups_of(["/data/lion/1.jpg", "/x/2.jpg", "/x/3.jpg"], read_groups(table)) == ["Africa", "Europe", ""]
    found = by_group(np.array([1.0, 0.0, 1.0, 1.0]), ["a", "a", "b", ""], np.random.default_rng(0))
    assert [(group.name, group.images, group.accuracy.value) for group in found] == [("a", 2, 0.5), ("b", 1, 1.0)]
    for text, message in (("image,region\n1.jpg,x\n", "no columns"), ("image,group\n9.jpg,x\n", "none of the images"),
                          ("image,group\n1.jpg,x\n1.jpg,y\n", "into x and into y")):  # fmt: skip
        table.write_text(text)
        with pytest.raises(DataError, match=message):
            groups_of(["/data/1.jpg"], read_groups(table))
