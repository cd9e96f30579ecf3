"""Named grids of runs that differ from a recipe in one thing, or in one more each.

Oquab et al. 2023: the components one by one in table 1, the data in table 2, KoLeo and the loss on patches in table 3.
"""

import re
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from core import RequestError
from train.config import RunConfig
from train.distill import for_distillation


@dataclass(frozen=True)
class Cell:
    """One row of a table: its name, the run's configuration but for the seed, and the images it learns from."""

    name: str
    config: RunConfig
    data: tuple[Path, ...]

    @property
    def folder(self) -> str:
        """A file name for it.

        >>> Cell("+ KoLeo, 0.1", RunConfig(), ()).folder
        'KoLeo-0.1'
        """
        return re.sub(r"[^\w.]+", "-", self.name).strip("-") or "cell"


@dataclass(frozen=True)
class Row:
    """A cell's runs: the scores of each seed, all by the same names."""

    cell: Cell
    scores: list[dict[str, float]]
    parameters: int
    images: int
    """That were learned from, counted where all were."""

    def mean(self, name: str) -> float:
        return statistics.fmean(one[name] for one in self.scores)

    def deviation(self, name: str) -> float:
        """Between seeds; 0 where there is one."""
        return statistics.stdev([one[name] for one in self.scores]) if len(self.scores) > 1 else 0.0


Change = Callable[[RunConfig], RunConfig]


def _without_koleo(config: RunConfig) -> RunConfig:
    return replace(config, objective=replace(config.objective, koleo_weight=0.0))


def _without_ibot(config: RunConfig) -> RunConfig:
    return replace(config, objective=replace(config.objective, ibot_weight=0.0))


def _softmax(config: RunConfig) -> RunConfig:
    return replace(config, objective=replace(config.objective, centring="softmax"))


def _sinkhorn(config: RunConfig) -> RunConfig:
    return replace(config, objective=replace(config.objective, centring="sinkhorn"))


def _tied(config: RunConfig) -> RunConfig:
    return replace(config, heads=replace(config.heads, tied=True))


def _untied(config: RunConfig) -> RunConfig:
    return replace(config, heads=replace(config.heads, tied=False))


def _same(config: RunConfig) -> RunConfig:
    return config


GRIDS: dict[str, tuple[tuple[str, Change], ...]] = {
    "koleo": (("without KoLeo", _without_koleo), ("with KoLeo", _same)),
    "ibot": (("without iBOT", _without_ibot), ("with iBOT", _same)),
    "heads": (("tied heads", _tied), ("untied heads", _untied)),
    "centring": (
        ("softmax centring", _softmax),
        ("Sinkhorn-Knopp", _sinkhorn),
    ),
    "components": (
        ("DINO and iBOT", lambda config: _tied(_softmax(_without_koleo(config)))),
        ("+ KoLeo", lambda config: _tied(_softmax(config))),
        ("+ Sinkhorn-Knopp", lambda config: _tied(_sinkhorn(config))),
        ("+ untied heads", lambda config: _untied(_sinkhorn(config))),
    ),
}
"""Names and changes of a recipe; in `components` each row has what the rows above it have."""


def named_cells(grid: str, recipe: RunConfig, data: Sequence[Path]) -> list[Cell]:
    """The cells of one of GRIDS, all on the same images."""
    return [Cell(name, change(recipe), tuple(data)) for name, change in GRIDS[grid]]


def data_cells(recipe: RunConfig, data: Sequence[Path]) -> list[Cell]:
    """A cell for each source alone, all for as many steps.

    Raises RequestError for a single source, or two of one name.
    """
    cells = [Cell(path.stem, recipe, (path,)) for path in data]
    if len(cells) < 2 or len({cell.folder for cell in cells}) < len(cells):
        raise RequestError("The grid `data` compares sources: give --data two or more, of different names.")
    return cells


def distillation_cells(recipe: RunConfig, data: Sequence[Path], teacher: str) -> list[Cell]:
    """The recipe's model from scratch, and the same taught by a frozen model: same data, steps and seeds.

    Raises RequestError where no teacher is named.
    """
    if not teacher:
        raise RequestError("The grid `distillation` needs --teacher: a model's name, run folder or file.")
    taught = for_distillation(recipe)
    taught = replace(taught, distillation=replace(taught.distillation, teacher=teacher))
    return [Cell("from scratch", recipe, tuple(data)), Cell("distilled", taught, tuple(data))]


def scaling_cells(recipe: RunConfig, data: Sequence[Path], models: Sequence[str], counts: Sequence[int]) -> list[Cell]:
    """Every model on every number of images. Models are written WIDTHxDEPTHxHEADS; 0 images are all.

    Raises RequestError for a model that is not written so.
    """
    cells = []
    for model in models or (f"{recipe.model.width}x{recipe.model.depth}x{recipe.model.heads}",):
        shape = re.fullmatch(r"(\d+)x(\d+)x(\d+)", model)
        if not shape:
            raise RequestError(f"{model!r} is no model; write WIDTHxDEPTHxHEADS, such as 192x12x3.")
        width, depth, heads = (int(number) for number in shape.groups())
        shaped = replace(recipe.model, width=width, depth=depth, heads=heads)
        for count in counts or (0,):
            config = replace(recipe, model=shaped, images=count)
            cells.append(Cell(f"{model}, {count or 'all'} images", config, tuple(data)))
    return cells
