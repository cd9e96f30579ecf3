"""The tasks on labelled images: `knn`, `linear`, `logreg`, `fewshot`."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated

import tyro

from core import load_model
from train.dist import World
from train.evaluate import classification
from train.evaluate.classification import Hits
from train.evaluate.groups import read_groups
from train.evaluate.knn import NEIGHBOURS
from train.evaluate.labelled_split import LabelledConfig, Split, labelled_split
from train.evaluate.results import about, results_path, write_results

SHOTS = (1, 2, 5, 10)


@dataclass(frozen=True)
class Knn:
    """The share of labelled images whose nearest neighbours vote for the right label."""

    model: str
    """A name (embedded, untrained, dinov2-small …), hf:owner/name, a run folder or a weights file."""
    data: tuple[Path, ...]
    """Images with labels: ImageNet as published, folders of class folders, Parquet files, tar shards."""
    out: Path | None = None
    """The JSON file to write; by default knn-MODEL.json here."""
    ks: tuple[int, ...] = NEIGHBOURS
    """Numbers of neighbours to try; those beyond the images to learn from are left out."""
    images: Annotated[LabelledConfig, tyro.conf.arg(name="")] = field(default_factory=LabelledConfig)

    def run(self, world: World) -> str:
        """Measure, write the results, and say what they are."""
        return _measured("knn", self, world, lambda split: classification.nearest_neighbours(split, self.ks))


@dataclass(frozen=True)
class Linear:
    """The share of labelled images that a linear layer on frozen features gets right: on the cls token of the last
    block or of the last four, alone or beside the mean patch, each layer chosen from a grid of learning rates."""

    model: str
    """A name (embedded, untrained, dinov2-small …), hf:owner/name, a run folder or a weights file."""
    data: tuple[Path, ...]
    """Images with labels: ImageNet as published, folders of class folders, Parquet files, tar shards."""
    out: Path | None = None
    """The JSON file to write; by default linear-MODEL.json here."""
    images: Annotated[LabelledConfig, tyro.conf.arg(name="")] = field(default_factory=LabelledConfig)

    def run(self, world: World) -> str:
        """Measure, write the results, and say what they are."""
        seed, device = self.images.seed, world.device
        return _measured("linear", self, world, lambda split: classification.linear_layers(split, seed, device))


@dataclass(frozen=True)
class Logreg:
    """The share of labelled images that logistic regression on frozen features gets right, its penalty chosen on
    images held out."""

    model: str
    """A name (embedded, untrained, dinov2-small …), hf:owner/name, a run folder or a weights file."""
    data: tuple[Path, ...]
    """Images with labels: ImageNet as published, folders of class folders, Parquet files, tar shards."""
    out: Path | None = None
    """The JSON file to write; by default logreg-MODEL.json here."""
    images: Annotated[LabelledConfig, tyro.conf.arg(name="")] = field(default_factory=LabelledConfig)

    def run(self, world: World) -> str:
        """Measure, write the results, and say what they are."""
        return _measured(
            "logreg", self, world, lambda split: classification.logistic_regressions(split, self.images.seed)
        )


@dataclass(frozen=True)
class FewShot:
    """The share of labelled images told apart from a few of each label: by the nearest class mean and by logistic
    regression, the mean over several draws of the few."""

    model: str
    """A name (embedded, untrained, dinov2-small …), hf:owner/name, a run folder or a weights file."""
    data: tuple[Path, ...]
    """Images with labels: ImageNet as published, folders of class folders, Parquet files, tar shards."""
    out: Path | None = None
    """The JSON file to write; by default fewshot-MODEL.json here."""
    shots: tuple[int, ...] = SHOTS
    """Images of each label to learn from."""
    draws: int = 5
    """How often they are drawn anew."""
    images: Annotated[LabelledConfig, tyro.conf.arg(name="")] = field(default_factory=LabelledConfig)

    def run(self, world: World) -> str:
        """Measure, write the results, and say what they are."""
        seed = self.images.seed
        return _measured(
            "fewshot", self, world, lambda split: classification.few_shots(split, self.shots, self.draws, seed)
        )


def _measured(
    task: str, given: Knn | Linear | Logreg | FewShot, world: World, method: Callable[[Split], Sequence[Hits]]
) -> str:
    out, config = results_path(task, given.model, given.out), given.images
    model = load_model(given.model, world.device)
    split = labelled_split(model, given.data, config, world)
    if not world.leads:
        return ""
    groups = read_groups(config.groups, split.test.names()) if config.groups else []
    outcome = classification.outcome(split, method(split), config.seed, groups)
    counts = {"classes": len(outcome.classes), "learnt": outcome.learnt, "asked": outcome.asked}
    results = {
        "task": task,
        "model": about(model),
        "data": given.data,
        "images": asdict(config) | counts,
        "rows": classification.as_json(outcome),
    }
    write_results(out, results)
    return f"{classification.as_text(outcome)}\n\nWritten to {out}."
