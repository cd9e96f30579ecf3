"""Whom a classifier serves less well: accuracy by the groups that a table names.

    image,group,…                A CSV with these two columns: a file's path, its end or its name; any text.
    dollarstreet/12.jpg,Africa

Oquab et al. 2023, section 8.1, compare regions and incomes so (Goyal et al. 2022). n images.
"""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from train.data.sources import DataError
from train.evaluate.bootstrap import Estimate, of_mean


class Group(NamedTuple):
    """The share of a group's images that are right."""

    name: str
    images: int
    accuracy: Estimate


def read_groups(table: Path) -> dict[str, str]:
    """The groups in a table by image.

    Raises DataError for one that cannot be read, has not the columns, or names two groups for an image.
    """
    try:
        with table.open(newline="", encoding="utf-8-sig") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{table} cannot be read as a table ({error}); give a CSV with columns image,group.") from error
    if not rows or not {"image", "group"} <= rows[0].keys():
        raise DataError(f"{table} has no columns `image` and `group`; its first line must name them.")
    known: dict[str, str] = {}
    for row in rows:
        name, group = row["image"].strip().replace("\\", "/"), (row["group"] or "").strip()
        if known.setdefault(name, group) != group:
            raise DataError(f"{table} puts {name} into {known[name]} and into {group}; name each image once.")
    return known


def groups_of(names: Sequence[str], groups: Mapping[str, str]) -> list[str]:
    """The group of each named image, empty where a table has none.

    An image is found by its whole path or by any end of it ("lion/3.jpg", "3.jpg"). Raises DataError where none is.
    """
    found = [next((groups[end] for end in _ends(name) if end in groups), "") for name in names]
    if not any(found):
        raise DataError(
            f"The table of groups names none of the images asked about, such as {names[0]}; give paths or file names."
        )
    return found


def _ends(name: str) -> list[str]:
    """A path and its ends, the longest first.

    >>> _ends("a/b/c.jpg")
    ['a/b/c.jpg', 'b/c.jpg', 'c.jpg']
    """
    parts = name.replace("\\", "/").split("/")
    return ["/".join(parts[start:]) for start in range(len(parts))]


def by_group(hits: np.ndarray, groups: Sequence[str], generator: np.random.Generator) -> list[Group]:
    """Accuracy of every group, the worst first, from hits [n] in 0..1; images of no group are left out."""
    members = np.array(groups)
    found = [
        Group(name, int((members == name).sum()), of_mean(hits[members == name], generator))
        for name in sorted(set(groups) - {""})
    ]
    return sorted(found, key=lambda group: group.accuracy.value)
