"""A head trained on one set and tested on others: the classes that their folders mean.

ImageNet-A, -R and -Sketch name their folders by WordNet ids, as ImageNet does, A and R a fifth of them; ImageNet-V2
numbers its folders by the place of the id among all 1,000, sorted. Other sets come with a table that says it:

    lion,n02129165               A CSV, TSV or text file: folder, then class, one pair a line.

n images, C classes of the head, C' of them in the other set.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated, NamedTuple

import numpy as np
import torch
import tyro
from torch import Tensor

from core import VisionTransformer
from train.data.sources import DataError, Source, open_source
from train.dist import World
from train.evaluate.accuracy import ranks
from train.evaluate.bootstrap import Estimate, of_mean
from train.evaluate.datasets.labelled_split import LabelledConfig, Side, labelled_split
from train.evaluate.features.bank import feature_bank
from train.evaluate.probes.classification import feature_choices, hits_of
from train.evaluate.probes.linear import linear_head
from train.evaluate.task import Findings, Task


@dataclass(frozen=True, kw_only=True)
class Robustness(Task):
    """Accuracy of a linear layer trained on ImageNet, on other kinds of pictures of its classes: ImageNet-A, -R,
    -Sketch, -V2, or any set whose folders a table assigns to classes. It sees the cls tokens of the last four blocks
    beside the mean patch, and chooses among the classes that the set has."""

    data: tuple[Path, ...]
    """Training images: ImageNet as published, or a folder with train and val in it, of class folders each."""
    sets: tuple[Path, ...]
    """Folders of class folders to test on."""
    class_map: tuple[Path, ...] = ()
    """Files with lines of folder and class, for sets whose folders bear other names."""
    images: Annotated[LabelledConfig, tyro.conf.arg(name="")] = field(default_factory=LabelledConfig)

    def measure(self, model: VisionTransformer, world: World) -> Findings | None:
        mapping = {folder: name for path in self.class_map for folder, name in read_class_map(path).items()}
        sources = [open_source(path, channels=model.config.channels) for path in self.sets]
        split = labelled_split(model, self.data, self.images, world)
        sides = [_side(model, source, split.classes, mapping, self.images, world) for source in sources]
        if not world.leads:
            return None
        *_, (inputs, blocks, mean_patch) = feature_choices(split.train)
        generator = np.random.default_rng([self.images.seed, 1])
        head = linear_head(
            split.train.inputs(blocks, mean_patch, world.device),
            split.train.labels.to(world.device),
            len(split.classes),
            generator,
        )
        rows = []
        for name, side in zip(["held out", *(path.name for path in self.sets)], [split.test, *sides], strict=True):
            kept = restricted(head.logits(side.inputs(blocks, mean_patch, world.device)).cpu(), side.labels)
            hits = hits_of(name, ranks(kept.logits, kept.labels))
            rows.append((name, kept.logits.shape[1], len(side.labels), of_mean(hits.top1, generator)))
        results = {
            "images": asdict(self.images),
            "features": inputs,
            "left_out": sum(side.left_out for side in (split.train, split.test, *sides)),
            "rows": [
                {"set": name, "classes": classes, "images": count, "top1": top1.value, "interval": top1[1:]}
                for name, classes, count, top1 in rows
            ],
        }
        return Findings(results, f"{_as_text(rows)}\n\n")


def _side(
    model: VisionTransformer,
    source: Source,
    classes: tuple[str, ...],
    mapping: dict[str, str],
    config: LabelledConfig,
    world: World,
) -> Side:
    labels = [label for place in range(len(source)) if (label := source.label(place)) is not None]
    if len(labels) < len(source):
        raise DataError("Some images of a set lie in no class folder; give folders of class folders.")
    places = class_places(sorted(set(labels)), classes, mapping)
    indices, numbers = torch.arange(len(labels)), torch.tensor([places[label] for label in labels])
    bank = feature_bank(model, source, indices, config.size, config.features, world, config.precision)
    left_out = len(indices) - len(bank.kept)
    return Side(bank.cls, bank.mean_patch, numbers[bank.kept], source, indices[bank.kept], left_out)


def _as_text(rows: list[tuple[str, int, int, Estimate]]) -> str:
    width = max(len(row[0]) for row in rows)
    lines = [f"{'':{width}}  top-1          classes  images"]
    lines += [
        f"{name:{width}}  {top1.value:.3f} ±{top1.half:.3f}   {classes:7}  {count:6}"
        for name, classes, count, top1 in rows
    ]
    return "\n".join(lines)


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
    """Of logits [n, C] for labels [n]: a set is scored among the classes it has, as its authors evaluate it.

    >>> restricted(torch.tensor([[9.0, 0.0, 1.0], [9.0, 2.0, 1.0]]), [2, 1]).logits.argmax(dim=1)
    tensor([1, 0])
    """
    labels = torch.as_tensor(labels)
    present, within = labels.unique(return_inverse=True)
    return Restricted(logits[:, present], within)
