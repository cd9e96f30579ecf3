"""Labelled images to train and to test on: ImageNet as published, or any folder of class folders.

imagenet/                               from image-net.org, or as Kaggle packs it
├── ILSVRC/Data/CLS-LOC/                or without these folders around
│   ├── train/n01440764/*.JPEG
│   └── val/                            class folders, or all images flat, and beside the outermost folder:
├── LOC_val_solution.csv                ImageId,PredictionString (Kaggle)
└── ILSVRC2012_devkit_t12/data/         ILSVRC2012_validation_ground_truth.txt and meta.mat (image-net.org)

any/{train,val}/CLASS/*.jpg             `test` serves for `val`
"""

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from core.wording import counted
from train.data.sources import DataError, Files, Source, open_source

DEVKIT = Path("ILSVRC2012_devkit_t12/data")
TEST_FOLDERS = ("val", "test")


class Published(NamedTuple):
    """The parts of a dataset that its authors divided."""

    train: Source
    test: Source


def published_parts(root: Path) -> Published | None:
    """The parts of a folder that holds `train` and `val` (or `test`); None where it holds no such folders.

    Raises DataError where validation images lie flat and nothing says what they show.
    """
    for inner in (root / "ILSVRC" / "Data" / "CLS-LOC", root / "Data" / "CLS-LOC", root):
        test = next((inner / name for name in TEST_FOLDERS if (inner / name).is_dir()), None)
        if (inner / "train").is_dir() and test is not None:
            source = open_source(test)
            if (
                isinstance(source, Files)
                and source.labels is None
                and all(path.parent == test for path in source.files)
            ):
                source = _flat_validation(root, test, sorted(source.files))
            return Published(open_source(inner / "train"), source)
    return None


def _flat_validation(root: Path, folder: Path, paths: Sequence[Path]) -> Files:
    solution, devkit = root / "LOC_val_solution.csv", root / DEVKIT
    if solution.is_file():
        try:
            with solution.open(newline="", encoding="utf-8-sig") as file:
                known = {row["ImageId"]: row["PredictionString"].split()[0] for row in csv.DictReader(file)}
        except (OSError, UnicodeDecodeError, csv.Error, KeyError, IndexError, AttributeError) as error:
            reason = f"{type(error).__name__}: {error}"
            raise DataError(f"{solution} is not the table that Kaggle packs ({reason}); download it again.") from error
        missing = [path.name for path in paths if path.stem not in known]
        if missing:
            raise DataError(f"{solution} does not name {missing[0]} (nor {len(missing) - 1} more); take it whole.")
        return Files(folder, paths, [known[path.stem] for path in paths])
    if (devkit / "meta.mat").is_file():
        return Files(folder, paths, _devkit_labels(devkit, len(paths)))
    raise DataError(
        f"The images in {folder} lie flat and nothing says what they show; put LOC_val_solution.csv or "
        f"{DEVKIT.parent} into {root}, or sort them into class folders."
    )


def _devkit_labels(devkit: Path, images: int) -> list[str]:
    """The WNID of each validation image, in the order of their names."""
    from scipy.io import loadmat
    from scipy.io.matlab import MatReadError

    try:
        synsets = loadmat(devkit / "meta.mat", squeeze_me=True)["synsets"]
        wnids = {int(one["ILSVRC2012_ID"]): str(one["WNID"]) for one in synsets}
        truth = (devkit / "ILSVRC2012_validation_ground_truth.txt").read_text(encoding="ascii").split()
        labels = [wnids[int(number)] for number in truth]
    except (OSError, ValueError, KeyError, IndexError, TypeError, MatReadError) as error:
        reason = f"{type(error).__name__}: {error}"
        raise DataError(f"{devkit} is not ImageNet's development kit ({reason}); unpack it anew.") from error
    if len(labels) != images:
        raise DataError(
            f"{devkit} knows {counted(len(labels), 'validation image')}, the folder holds {images}; unpack it whole."
        )
    return labels
