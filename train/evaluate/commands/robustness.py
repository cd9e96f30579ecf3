"""The task `robustness`."""

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import tyro

from core import load_model
from train.data.sources import DataError, Source, open_source
from train.dist import World
from train.evaluate import classification
from train.evaluate.accuracy import ranks
from train.evaluate.bank import feature_bank
from train.evaluate.bootstrap import Estimate, of_mean
from train.evaluate.classification import hits_of
from train.evaluate.labelled_split import LabelledConfig, Side, labelled_split
from train.evaluate.linear import linear_head
from train.evaluate.results import about, results_path, write_results
from train.evaluate.robustness import class_places, read_class_map, restricted


@dataclass(frozen=True)
class Robustness:
    """How well a linear layer trained on ImageNet does on pictures of its classes of another kind: ImageNet-A, -R,
    -Sketch, -V2, or any set whose folders a table assigns to classes. It sees the cls tokens of the last four blocks
    beside the mean patch, and is asked about the classes that the set has."""

    model: str
    """A name (embedded, untrained, dinov2-small …), hf:owner/name, a run folder or a weights file."""
    data: tuple[Path, ...]
    """Images to learn from: ImageNet as published, or a folder with train and val in it, of class folders each."""
    sets: tuple[Path, ...]
    """Folders of class folders to be asked about."""
    out: Path | None = None
    """The JSON file to write; by default robustness-MODEL.json here."""
    class_map: tuple[Path, ...] = ()
    """Files with lines of folder and class, for sets whose folders bear other names."""
    images: Annotated[LabelledConfig, tyro.conf.arg(name="")] = field(default_factory=LabelledConfig)

    def run(self, world: World) -> str:
        """Measure, write the results, and say what they are."""
        out = results_path("robustness", self.model, self.out)
        mapping = {folder: name for path in self.class_map for folder, name in read_class_map(path).items()}
        model = load_model(self.model, world.device)
        split = labelled_split(model, self.data, self.images, world)
        sources = [open_source(path, channels=model.config.channels) for path in self.sets]
        sides = [_side(model, source, split.classes, mapping, self.images, world) for source in sources]
        if not world.leads:
            return ""
        *_, (told, blocks, mean_patch) = classification.feature_choices(split.train)
        generator = np.random.default_rng([self.images.seed, 1])
        head = linear_head(
            split.train.inputs(blocks, mean_patch, world.device),
            split.train.labels.to(world.device),
            len(split.classes),
            generator,
        )
        rows = []
        for name, side in zip(["held out", *(path.name for path in self.sets)], [split.test, *sides], strict=True):
            said = restricted(head.logits(side.inputs(blocks, mean_patch, world.device)).cpu(), side.labels)
            hits = hits_of(name, ranks(said.logits, said.labels))
            rows.append((name, said.logits.shape[1], len(side.labels), of_mean(hits.top1, generator)))
        results = {
            "task": "robustness",
            "model": about(model),
            "data": self.data,
            "images": asdict(self.images),
            "features": told,
            "rows": [
                {"set": name, "classes": classes, "images": count, "top1": top1.value, "interval": top1[1:]}
                for name, classes, count, top1 in rows
            ],
        }
        write_results(out, results)
        return f"{_as_text(rows)}\n\nWritten to {out}."


def _side(
    model: torch.nn.Module,
    source: Source,
    classes: tuple[str, ...],
    mapping: dict[str, str],
    config: LabelledConfig,
    world: World,
) -> Side:
    labels = [source.label(place) for place in range(len(source))]
    if any(label is None for label in labels):
        raise DataError("Some images of a set lie in no class folder; give folders of class folders.")
    places = class_places(sorted(set(labels)), classes, mapping)
    indices, numbers = torch.arange(len(labels)), torch.tensor([places[label] for label in labels])
    bank = feature_bank(model, source, indices, config.size, config.features, world, config.precision)
    return Side(bank.cls, bank.mean_patch, numbers[bank.kept], source, indices[bank.kept])


def _as_text(rows: list[tuple[str, int, int, Estimate]]) -> str:
    width = max(len(row[0]) for row in rows)
    lines = [f"{'':{width}}  top-1          classes  images"]
    lines += [
        f"{name:{width}}  {top1.value:.3f} ±{top1.half:.3f}   {classes:7}  {count:6}"
        for name, classes, count, top1 in rows
    ]
    return "\n".join(lines)
