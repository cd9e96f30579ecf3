"""Pictures beside what is known of their pixels: ADE20K, PASCAL VOC, NYU Depth v2, or the plain form.

ADEChallengeData2016/                    SceneParsing benchmark, 150 classes; 0 is "other" and ignored
├── images/{training,validation}/*.jpg
└── annotations/{training,validation}/*.png
VOCdevkit/VOC2012/                       21 classes with the background; 255 is ignored
├── JPEGImages/*.jpg  SegmentationClass/*.png
└── ImageSets/Segmentation/{train,val}.txt
nyu/                                     as listed for BTS (Lee et al. 2019): picture, depth in millimetres, focal
├── nyu_train.txt   /kitchen_0028b/rgb_00045.jpg /kitchen_0028b/sync_depth_00045.png 518.8579
└── nyu_test.txt
any/                                     plain: equal stems; or the same within train/ and val/ (or test/)
├── images/*.jpg                          in masks 255 is ignored; where all hold 0 and 255 alone, it is label 1
└── masks/*.png  or  depth/*.{png,npy}    of pictures that their EXIF data turn: see `datasets.truth`
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from core.pictures.listing import pictures_below
from core.wording import counted
from train.data.sources import DataError
from train.evaluate.datasets.layouts.classes import TEST_FOLDERS
from train.evaluate.datasets.truth import IGNORED, mask_reader, read_depth, read_labels, turned_along

TEST_SHARE = 0.25


class Pictured(NamedTuple):
    """A picture and the file that knows its pixels."""

    image: Path
    truth: Path


@dataclass(frozen=True)
class DenseSet:
    """Pictures to train and to test on, and the function that reads their truth: [H, W]."""

    train: list[Pictured]
    test: list[Pictured]
    read: Callable[[Path], np.ndarray]
    classes: int = 0
    """Of segmentation; 0 where the masks have to be looked at."""
    crop: tuple[int, int, int, int] | None = None
    """Top, bottom, left, right of the part that is scored, in pixels."""
    depth_range: tuple[float, float] | None = None
    """Metres that are scored."""

    def truth(self, one: Pictured) -> np.ndarray:
        """The truth of a picture's pixels as it is shown. ImageError as `turned_along`."""
        return turned_along(self.read(one.truth), one.image, one.truth)


EIGEN_CROP = (45, 471, 41, 601)
"""Of NYU pictures of 480 × 640 (Eigen et al. 2014)."""
NYU_RANGE = (1e-3, 10.0)


def segmentation_set(root: Path, seed: int = 0) -> DenseSet:
    """Pictures with masks. DataError where the folder has none of the forms above, or pictures lack their masks."""
    if (root / "annotations" / "training").is_dir():
        train, test = (
            _stems(root / "images" / part, root / "annotations" / part) for part in ("training", "validation")
        )
        return DenseSet(train, test, _read_ade, classes=150)
    for voc in (root, root / "VOC2012", root / "VOCdevkit" / "VOC2012"):
        if (voc / "SegmentationClass").is_dir():
            return DenseSet(_voc(voc, "train"), _voc(voc, "val"), read_labels, classes=21)
    train, test = _plain(root, "masks", seed)
    return DenseSet(train, test, mask_reader([one.truth for one in (*train, *test)]))


def depth_set(root: Path, seed: int = 0) -> DenseSet:
    """Pictures with depth. DataError as `segmentation_set`."""
    lists = [root / f"nyu_{part}.txt" for part in ("train", "test")]
    if all(path.is_file() for path in lists):
        train, test = (_listed(root, path) for path in lists)
        return DenseSet(train, test, read_depth, crop=EIGEN_CROP, depth_range=NYU_RANGE)
    return DenseSet(*_plain(root, "depth", seed), read_depth)


def plain_pictures(root: Path, kind: str) -> list[Pictured]:
    """The pictures of a plain folder with its `masks` or `depth`, by their stems, in natural order."""
    if not (root / "images").is_dir() or not (root / kind).is_dir():
        raise DataError(f"{root} has no folders `images` and `{kind}` with files of equal stems; give such a folder.")
    return _stems(root / "images", root / kind)


def _plain(root: Path, kind: str, seed: int) -> tuple[list[Pictured], list[Pictured]]:
    """The given parts; without them, a quarter of the pictures at random is for test."""
    test = next((root / name for name in TEST_FOLDERS if (root / name / "images").is_dir()), None)
    if (root / "train" / "images").is_dir() and test is not None:
        return plain_pictures(root / "train", kind), plain_pictures(test, kind)
    pictures = plain_pictures(root, kind)
    if len(pictures) < 2:
        raise DataError(
            f"{root} has {counted(len(pictures), 'picture')} with {kind}; give two or more, to learn from and to ask."
        )
    order = np.random.default_rng(seed).permutation(len(pictures))
    count = max(1, round(TEST_SHARE * len(pictures)))
    return [pictures[place] for place in sorted(order[count:])], [pictures[place] for place in sorted(order[:count])]


def _stems(images: Path, truths: Path) -> list[Pictured]:
    """Pictures and truths of one stem, in one folder below both."""
    problems: list[str] = []
    known = {_stem(name): truths / name for name in pictures_below(truths, problems, frozenset((".png", ".npy")))}
    names = pictures_below(images, problems)
    if problems:
        raise DataError(" ".join(problems))
    missing = [name for name in names if _stem(name) not in known]
    if missing or not names:
        what = f"{len(missing)} pictures of {images}, such as {missing[0]}, have" if missing else f"{images} has"
        raise DataError(f"{what} nothing in {truths}; give each picture a file of its stem there.")
    return [Pictured(images / name, known[_stem(name)]) for name in names]


def _stem(name: str) -> str:
    return os.path.splitext(name)[0]


def _voc(voc: Path, part: str) -> list[Pictured]:
    names = lines_of(voc / "ImageSets" / "Segmentation" / f"{part}.txt")
    return [Pictured(voc / "JPEGImages" / f"{name}.jpg", voc / "SegmentationClass" / f"{name}.png") for name in names]


def _listed(root: Path, path: Path) -> list[Pictured]:
    found = []
    for line in lines_of(path):
        words = line.split()
        if len(words) < 2:
            raise DataError(f"{path} has a line with no picture and depth: {line[:60]!r}.")
        if words[1] != "None":
            found.append(Pictured(*(root / word.lstrip("/") for word in words[:2])))
    return found


def lines_of(path: Path) -> list[str]:
    """The lines of a dataset's own list that hold something. DataError where it cannot be read."""
    try:
        lines = path.read_text(encoding="utf-8-sig", errors="surrogateescape").splitlines()
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror}); unpack the dataset whole.") from error
    return [line.strip() for line in lines if line.strip()]


def _read_ade(path: Path) -> np.ndarray:
    """Classes 1 to 150 counted from 0; 0, which is none of them, is ignored."""
    labels = read_labels(path)
    return np.where(labels > 0, labels - 1, IGNORED)
