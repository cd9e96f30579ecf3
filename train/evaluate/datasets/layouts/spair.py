"""Pairs of pictures with corresponding key points, as SPair-71k (Min et al. 2019) writes them.

SPair-71k/
├── JPEGImages/CATEGORY/*.jpg
└── PairAnnotation/{trn,val,test}/*.json     one file a pair:
    {"src_imname": "2008_000001.jpg", "trg_imname": "2008_000002.jpg", "category": "cat",
     "src_kps": [[x, y], …], "trg_kps": [[x, y], …], "trg_bndbox": [left, top, right, bottom], …}
any/
├── images/*.jpg                             with folders below it or not
└── pairs/*.json
"""

import json
import os
from pathlib import Path
from typing import NamedTuple

import numpy as np

from train.data.sources import DataError


class Pair(NamedTuple):
    """Two pictures; point i of one corresponds to point i of the other, [k, 2] (x, y) in pixels each."""

    source: Path
    target: Path
    source_points: np.ndarray
    target_points: np.ndarray
    extent: float
    """Longer side of the object's box in the target, in pixels."""
    category: str


def read_pairs(root: Path, part: str = "test") -> list[Pair]:
    """The pairs of a folder, in the order of their files' names. DataError where it has none, or one is malformed.

    Pictures that are missing are kept, for whoever reads them to report.
    """
    for images, pairs in (
        (root / "JPEGImages", root / "PairAnnotation" / part),
        (root / "images", root / "pairs"),
    ):
        if pairs.is_dir():
            found = [_pair(path, images) for path in sorted(pairs.glob("[!.]*.json"))]
            if found:
                return found
    raise DataError(f"{root} has no pairs in PairAnnotation/{part} or pairs; give SPair-71k or a folder of its form.")


def _pair(path: Path, images: Path) -> Pair:
    try:
        known = json.loads(path.read_text(encoding="utf-8"))
        category = str(known.get("category", ""))
        points = [np.array(known[name], dtype=np.float32).reshape(-1, 2) for name in ("src_kps", "trg_kps")]
        left, top, right, bottom = (float(value) for value in known["trg_bndbox"])
        names = [str(known[name]) for name in ("src_imname", "trg_imname")]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(f"{path} is no pair ({type(error).__name__}: {error}); see SPair-71k's format.") from error
    if len(points[0]) != len(points[1]) or not len(points[0]):
        raise DataError(f"{path} has {len(points[0])} and {len(points[1])} key points; they must correspond.")
    source, target = (_place(path, images, category, name) for name in names)
    return Pair(source, target, points[0], points[1], max(right - left, bottom - top), category)


def _place(path: Path, images: Path, category: str, name: str) -> Path:
    """The picture that a pair names, in its category's folder or beside that. DataError where it leads elsewhere."""
    candidates = [images / category / name, images / name]
    if any(os.path.isabs(one) or ".." in Path(one).parts for one in (category, name)):
        raise DataError(f"{path} names {name}, which is not in {images}.")
    return next((one for one in candidates if one.is_file()), candidates[0])
