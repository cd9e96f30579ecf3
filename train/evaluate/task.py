"""A task of `python -m train.evaluate`: a frozen dataclass whose fields are its flags and whose docstring is its help.

To add one: a file in `train.evaluate.tasks` with a subclass of Task, LabelledTask or PictureTask, and its entry in
`train.evaluate.tasks.TASKS`.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated, NamedTuple

import tyro

from core import VisionTransformer, load_model
from core.bounds import SEED, Bounds, require_bounds
from core.files import Output
from core.model.precision import Precision
from core.pictures.geometry import LARGEST_SIZE
from core.wording import counted
from train.dist import World
from train.evaluate.bootstrap import Estimate
from train.evaluate.datasets.groups import groups_of, read_groups
from train.evaluate.datasets.labelled_split import LabelledConfig, Split, labelled_split
from train.evaluate.probes import classification
from train.evaluate.probes.classification import Hits
from train.evaluate.results import about, results_path, write_results


class Findings(NamedTuple):
    """Results for programs, beside the task, model and data that every task names, and the same for reading."""

    results: Mapping[str, object]
    text: str
    """It ends where "Written to FILE." goes on."""


@dataclass(frozen=True, kw_only=True)
class Task(ABC):
    """The flags that every task has; a task says in its own words what `data` may be."""

    model: str
    """A name (embedded, untrained, dinov2-small …), hf:owner/name, a run folder or a weights file."""
    data: Path | tuple[Path, ...]
    out: Annotated[Path | None, Output.FILE] = None
    """The JSON file to write; by default TASK-MODEL.json here."""

    def __post_init__(self):
        require_bounds(self, "--")

    @classmethod
    def name(cls) -> str:
        """The task's name on the command line and in the results: the class's name in lower case."""
        return cls.__name__.lower()

    def run(self, world: World) -> str:
        """Measure, write the results, and say what they are. Every process calls it; "" for all but the one that
        leads. Raises RequestError, before the work, where the results cannot be written."""
        out, model = results_path(self.name(), self.model, self.out), load_model(self.model, world.device)
        found = self.measure(model, world)
        if found is None:
            return ""
        write_results(out, {"task": self.name(), "model": about(model), "data": self.data, **found.results})
        return f"{found.text}Written to {out}."

    @abstractmethod
    def measure(self, model: VisionTransformer, world: World) -> Findings | None:
        """The findings on the model. Every process calls it and helps to compute features; None for all but the one
        that leads."""


@dataclass(frozen=True, kw_only=True)
class LabelledTask(Task):
    """On labelled images: the share that is right, with intervals, by class and by group."""

    data: tuple[Path, ...]
    """Images with labels: ImageNet as published, folders of class folders, Parquet files, tar shards."""
    images: Annotated[LabelledConfig, tyro.conf.arg(name="")] = field(default_factory=LabelledConfig)

    @abstractmethod
    def hits(self, split: Split, world: World) -> Sequence[Hits]:
        """The test images that are classified correctly, by each classifier."""

    def measure(self, model: VisionTransformer, world: World) -> Findings | None:
        """The hits as accuracies."""
        known = read_groups(self.images.groups) if self.images.groups else None
        split = labelled_split(model, self.data, self.images, world)
        if not world.leads:
            return None
        groups = [] if known is None else groups_of(split.test.names(), known)
        outcome = classification.outcome(split, self.hits(split, world), self.images.seed, groups)
        counts = {"classes": len(outcome.classes)} | outcome.counts._asdict()
        results = {"images": asdict(self.images) | counts, "rows": classification.as_json(outcome)}
        return Findings(results, f"{classification.as_text(outcome)}\n\n")


class Estimates(NamedTuple):
    """Figures by name, and what else the results hold."""

    rows: Sequence[tuple[str, Estimate]]
    more: Mapping[str, object]


@dataclass(frozen=True, kw_only=True)
class PictureTask(Task):
    """On whole pictures: figures with the interval that covers 95 % of resampled pictures."""

    size: Annotated[int | None, Bounds(1, LARGEST_SIZE)] = None
    """Longer side in pixels; the model's own by default."""
    precision: Precision = "auto"
    """Of the features: bfloat16 where that is fast, or float32."""
    seed: Annotated[int, SEED] = 0
    """Of what is drawn."""

    @abstractmethod
    def estimates(self, model: VisionTransformer, size: int, world: World) -> Estimates | None:
        """The figures, of pictures at `size`; None as `measure` says."""

    def measure(self, model: VisionTransformer, world: World) -> Findings | None:
        """The figures and their intervals, beside the settings they were reached with."""
        size = model.default_size if self.size is None else self.size
        found = self.estimates(model, size, world)
        if found is None:
            return None
        settings = {name: value for name, value in vars(self).items() if name not in ("model", "data", "out")}
        rows = [{"measure": name, "value": one.value, "interval": one[1:]} for name, one in found.rows]
        width = max(len(name) for name, _ in found.rows)
        lines = [f"{name:{width}}  {one.value:.3f} ±{one.half:.3f}" for name, one in found.rows]
        left_out = found.more.get("left_out")
        if isinstance(left_out, int) and left_out:
            lines += [
                "",
                f"{counted(left_out, 'picture could not be read and is', 'pictures could not be read and are')} left out.",
            ]
        lines += ["", "± is half of the interval that covers 95 % of resampled pictures. "]
        return Findings({"settings": settings | {"size": size}, "rows": rows, **found.more}, "\n".join(lines))
