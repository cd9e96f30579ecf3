"""`python -m train.evaluate TASK --model NAME_OR_PATH`: what frozen features are worth."""

import logging
import sys
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated

import tyro

from core import DinoError, load_model
from train.evaluate import classification, emergence
from train.evaluate.classification import LabelledConfig, Outcome, linear_layers, nearest_neighbours
from train.evaluate.emergence import FIRST_SEED, ScaleConfig, read_scale
from train.evaluate.knn import NEIGHBOURS
from train.evaluate.results import about, results_path, short_name, write_results


@dataclass(frozen=True)
class Emergence:
    """How much of each property has emerged: objects, parts, categories, near-duplicates and depth, measured on
    pictures rendered for it, whose truth is known, beside models that have learnt nothing. Minutes on a processor."""

    model: str
    """A name (embedded, untrained, dinov2-small …), hf:owner/name, a run folder or a weights file."""
    out: Path | None = None
    """The JSON file to write; by default emergence-MODEL.json here."""
    data: tuple[Path, ...] = ()
    """Real images with labels (folders of class folders, Parquet, tar), for a row of k-NN on them."""
    scale: Annotated[ScaleConfig, tyro.conf.arg(name="")] = field(default_factory=ScaleConfig)

    def run(self) -> str:
        """Measure, write the results, and say what they are."""
        out = results_path("emergence", self.model, self.out)
        started, model = time.perf_counter(), load_model(self.model)
        columns = read_scale(model, short_name(self.model), self.scale, self.data)
        seconds = round(time.perf_counter() - started, 1)
        results = {
            "task": "emergence",
            "model": about(model),
            "pictures": asdict(self.scale) | {"first_seed": FIRST_SEED},
            "data": self.data,
            "seconds": seconds,
            "rows": emergence.as_json(columns),
        }
        write_results(out, results)
        return f"{emergence.as_text(columns)}\n{self.scale.images} pictures, {seconds:.0f} s. Written to {out}."


@dataclass(frozen=True)
class Knn:
    """The share of labelled images whose nearest neighbours vote for the right label."""

    model: str
    """A name (embedded, untrained, dinov2-small …), hf:owner/name, a run folder or a weights file."""
    data: tuple[Path, ...]
    """Images with labels: folders of class folders, Parquet files, tar shards."""
    out: Path | None = None
    """The JSON file to write; by default knn-MODEL.json here."""
    ks: tuple[int, ...] = NEIGHBOURS
    """Numbers of neighbours to try; those beyond the images to learn from are left out."""
    images: Annotated[LabelledConfig, tyro.conf.arg(name="")] = field(default_factory=LabelledConfig)

    def run(self) -> str:
        """Measure, write the results, and say what they are."""
        out = results_path("knn", self.model, self.out)
        model = load_model(self.model)
        outcome = nearest_neighbours(model, self.data, self.images, self.ks)
        return _written("knn", about(model), self.data, self.images, outcome, out)


@dataclass(frozen=True)
class Linear:
    """The share of labelled images that a linear layer on frozen features gets right."""

    model: str
    """A name (embedded, untrained, dinov2-small …), hf:owner/name, a run folder or a weights file."""
    data: tuple[Path, ...]
    """Images with labels: folders of class folders, Parquet files, tar shards."""
    out: Path | None = None
    """The JSON file to write; by default linear-MODEL.json here."""
    images: Annotated[LabelledConfig, tyro.conf.arg(name="")] = field(default_factory=LabelledConfig)

    def run(self) -> str:
        """Measure, write the results, and say what they are."""
        out = results_path("linear", self.model, self.out)
        model = load_model(self.model)
        outcome = linear_layers(model, self.data, self.images)
        return _written("linear", about(model), self.data, self.images, outcome, out)


Task = (
    Annotated[Emergence, tyro.conf.subcommand("emergence")]
    | Annotated[Knn, tyro.conf.subcommand("knn")]
    | Annotated[Linear, tyro.conf.subcommand("linear")]
)


def _written(
    task: str, model: dict[str, str | int], data: tuple[Path, ...], images: LabelledConfig, outcome: Outcome, out: Path
) -> str:
    rows = [{"how": one.how, "top1": one.accuracy.top1, "top5": one.accuracy.top5} for one in outcome.scored]
    counts = {"classes": outcome.classes, "learnt": outcome.learnt, "asked": outcome.asked}
    results = {"task": task, "model": model, "data": data, "images": asdict(images) | counts, "rows": rows}
    write_results(out, results)
    return f"{classification.as_text(outcome)}\n\nWritten to {out}."


def main(words: list[str]) -> int:
    """What `python -m train.evaluate` does with its command line; the exit status."""
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    try:
        task = tyro.cli(
            Task,
            prog="python -m train.evaluate",
            description="What the frozen features of a model are worth. TASK --help explains each.",
            args=words,
        )
        print(task.run())
    except DinoError as error:
        print(f"python -m train.evaluate: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
