"""Pictures and where their objects are: PASCAL VOC's boxes and masks, or the plain form's masks.

VOCdevkit/VOC2012/
├── JPEGImages/*.jpg  Annotations/*.xml                 boxes, counted from 1
├── SegmentationClass/*.png                             for the pictures of ImageSets/Segmentation
└── ImageSets/{Main,Segmentation}/trainval.txt
any/images/*.jpg  any/masks/*.png                       any label but 0 is an object, 255 is ignored; or 0 and 255 alone
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

import numpy as np

from core.pictures.reading import read_file
from train.data.sources import DataError
from train.evaluate.datasets.layouts.dense import lines_of, plain_pictures
from train.evaluate.datasets.truth import IGNORED, check_places, mask_reader, read_labels, turned_along

Box = tuple[float, float, float, float]
"""Left, top, right, bottom in pixels."""


class Objects(NamedTuple):
    """A picture; `labels` and `boxes` read what is known, and are None where nothing is."""

    image: Path
    labels: Callable[[], np.ndarray] | None
    boxes: Callable[[], list[Box]] | None


def read_objects(root: Path) -> list[Objects]:
    """The pictures of a folder. DataError where it has neither form."""
    for voc in (
        root,
        root / "VOC2012",
        root / "VOCdevkit" / "VOC2012",
        root / "VOC2007",
        root / "VOCdevkit" / "VOC2007",
    ):
        if (voc / "Annotations").is_dir() and (voc / "JPEGImages").is_dir():
            return _voc(voc)
    pictures = plain_pictures(root, "masks")
    read = mask_reader([one.truth for one in pictures])
    return [Objects(one.image, partial(_labels, read, *one), partial(_boxes_in, read, *one)) for one in pictures]


def _labels(read: Callable[[Path], np.ndarray], image: Path, mask: Path) -> np.ndarray:
    return turned_along(read(mask), image, mask)


def _boxes_in(read: Callable[[Path], np.ndarray], image: Path, mask: Path) -> list[Box]:
    return mask_boxes(_labels(read, image, mask))


def _noted_boxes(image: Path, annotation: Path) -> list[Box]:
    check_places(image)
    return read_boxes(annotation)


def _voc(voc: Path) -> list[Objects]:
    """The pictures of Main/trainval, with masks where they have them; all that have boxes, where there is no list.
    What the list names and is missing is kept, for whoever reads it to report."""
    listed = voc / "ImageSets" / "Main" / "trainval.txt"
    if listed.is_file():
        names = [line.split()[0] for line in lines_of(listed)]
    else:
        names = sorted(path.stem for path in (voc / "Annotations").glob("[!.]*.xml"))
    found = []
    for name in names:
        image, boxes, mask = (
            voc / folder / f"{name}.{ending}"
            for folder, ending in (("JPEGImages", "jpg"), ("Annotations", "xml"), ("SegmentationClass", "png"))
        )
        labels = partial(_labels, read_labels, image, mask) if mask.is_file() else None
        found.append(Objects(image, labels, partial(_noted_boxes, image, boxes)))
    return found


def read_boxes(path: Path) -> list[Box]:
    """The boxes of a VOC annotation, in pixels counted from 0 (in the file from 1, ends included)."""
    text = read_file(path).decode("utf-8", "replace")
    if "<!DOCTYPE" in text or "<!ENTITY" in text:  # VOC's files have none, and entities can grow without end
        raise DataError(f"{path} declares entities; VOC's annotations do not. Do not trust it.")
    try:
        root = ElementTree.fromstring(text)
        corners = [
            [float(one.findtext(f"bndbox/{name}", "")) for name in ("xmin", "ymin", "xmax", "ymax")]
            for one in root.findall("object")
        ]
    except (ElementTree.ParseError, ValueError) as error:
        raise DataError(f"{path} is no VOC annotation ({error}); unpack the dataset anew.") from error
    return [(left - 1, top - 1, right, bottom) for left, top, right, bottom in corners]


def mask_boxes(labels: np.ndarray) -> list[Box]:
    """The box around each label [H, W] but 0; ignored pixels have none."""
    return [box_around(labels == label) for label in np.unique(labels) if label not in (0, IGNORED)]


def box_around(mask: np.ndarray) -> Box:
    """The box around what is true in a mask [H, W] that holds something.

    >>> box_around(np.array([[False, False, False], [False, True, True]]))
    (1.0, 1.0, 3.0, 2.0)
    """
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return float(columns[0]), float(rows[0]), float(columns[-1] + 1), float(rows[-1] + 1)
