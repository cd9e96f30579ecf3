"""The task `emergence`."""

import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated

import tyro

from core import load_model
from train.dist import World
from train.evaluate import emergence
from train.evaluate.emergence import FIRST_SEED, ScaleConfig, read_scale
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

    def run(self, world: World) -> str:
        """Measure, write the results, and say what they are."""
        if not world.leads:
            return ""
        out = results_path("emergence", self.model, self.out)
        started, model = time.perf_counter(), load_model(self.model, world.device)
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
