"""The task `emergence`."""

import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated

import tyro

from core import VisionTransformer
from core.wording import counted
from train.dist import World
from train.evaluate.emergence import FIRST_SEED, ScaleConfig, as_json, as_text, read_scale
from train.evaluate.results import short_name
from train.evaluate.task import Findings, Task


@dataclass(frozen=True, kw_only=True)
class Emergence(Task):
    """The emergence scale: objects, parts, categories, near-duplicates and depth, measured on
    pictures rendered for it, whose truth is known, beside models that have learned nothing. Minutes on a processor."""

    data: tuple[Path, ...] = ()
    """Real images with labels (folders of class folders, Parquet, tar), for a row of k-NN on them."""
    scale: Annotated[ScaleConfig, tyro.conf.arg(name="")] = field(default_factory=ScaleConfig)

    def measure(self, model: VisionTransformer, world: World) -> Findings | None:
        if not world.leads:
            return None
        started = time.perf_counter()
        columns = read_scale(model, short_name(self.model), self.scale, self.data)
        seconds = round(time.perf_counter() - started, 1)
        results = {
            "pictures": asdict(self.scale) | {"first_seed": FIRST_SEED},
            "seconds": seconds,
            "rows": as_json(columns),
        }
        return Findings(results, f"{as_text(columns)}\n{counted(self.scale.images, 'picture')}, {seconds:.0f} s. ")
