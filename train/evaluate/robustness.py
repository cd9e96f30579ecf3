"""A head trained on one set asked about others: which of its classes their folders mean.

ImageNet-A, -R and -Sketch name their folders by WordNet ids, as ImageNet does, A and R a fifth of them; ImageNet-V2
numbers its folders by the place of the id among all 1,000, sorted. Other sets come with a table that says it:

    lion,n02129165               A CSV, TSV or text file: folder, then class, one pair a line.

n images, C classes of the head, C' of them in the other set.
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from train.data.sources import DataError


def read_class_map(path: Path) -> dict[str, str]:
    """Folder → class, of the first two columns of a file; lines that begin with # are skipped.

    Raises DataError where the file cannot be read, or a line has no two columns.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path} cannot be read ({error}); give lines of folder and class.") from error
    mapping: dict[str, str] = {}
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.startswith("#"):
            continue
        parts = [part.strip() for part in re.split(r"[,\t]| +", line.strip(), maxsplit=2)]
        if len(parts) < 2 or not parts[1]:
            raise DataError(f"{path}, line {number}, has no two columns: {line[:60]!r}; write folder,class.")
        mapping[parts[0]] = parts[1]
    return mapping


def class_places(folders: Sequence[str], classes: Sequence[str], mapping: Mapping[str, str]) -> dict[str, int]:
    """The place among the head's sorted `classes` of each folder of another set.

    By the mapping where it names the folder, else by the same name, else, where all folders are numbers below C, by
    the number. Raises DataError that lists folders nothing is known of.

    >>> class_places(["n02", "x"], ["n01", "n02"], {"x": "n01"})
    {'n02': 1, 'x': 0}
    >>> class_places(["0", "1"], ["n01", "n02"], {})
    {'0': 0, '1': 1}
    """
    number = {name: place for place, name in enumerate(classes)}
    named = {folder: mapping.get(folder, folder) for folder in folders}
    unknown = sorted(folder for folder, name in named.items() if name not in number)
    if not unknown:
        return {folder: number[name] for folder, name in named.items()}
    if not mapping and all(folder.isdecimal() and int(folder) < len(classes) for folder in folders):
        return {folder: int(folder) for folder in folders}
    raise DataError(
        f"{len(unknown)} of {len(folders)} folders mean no class of the head, such as {', '.join(unknown[:3])}; give "
        "--class-map a file with lines of folder and class."
    )


class Restricted(NamedTuple):
    """Logits [n, C'] over the classes that a set has, and its labels [n] among them."""

    logits: Tensor
    labels: Tensor


def restricted(logits: Tensor, labels: Sequence[int] | Tensor) -> Restricted:
    """Of logits [n, C] for labels [n]: a set is asked about the classes it has, as its authors evaluate it.

    >>> restricted(torch.tensor([[9.0, 0.0, 1.0], [9.0, 2.0, 1.0]]), [2, 1]).logits.argmax(dim=1)
    tensor([1, 0])
    """
    labels = torch.as_tensor(labels)
    present, within = labels.unique(return_inverse=True)
    return Restricted(logits[:, present], within)
