"""Ablations of the method: a grid of runs with several seeds, and the table the paper prints.

    python -m train.ablate --grid components --data PHOTOGRAPHS --labelled LABELLED --out DIR
    python -m train.ablate --grid distillation --teacher embedded --recipe shipped --emergence 600 --data … --out DIR
    python -m train.ablate --grid scaling --models 48x4x3 96x4x3 --counts 500 2000 0 --data … --out DIR

    DIR/
    ├── runs/CELL-seed0/        run folders, as `train.pretrain` leaves them; scores.json beside
    ├── results.json            every score of every run, means and deviations
    └── ablation.html           the scores as figures that open without a network; scaling.html of the grid `scaling`

A run that is finished is not run again, one that was stopped goes on: the same command continues.
"""

import json
import logging
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Annotated

import torch
import tyro

from core import RequestError, load_model
from core.bounds import SEED, Bounds, require_bounds
from core.command import run_command
from core.files import Output
from core.model.device import default_device
from core.records.runs import CONFIG
from train import checkpoint, recipes
from train.ablate.figures import draw_grid, draw_scaling
from train.ablate.grids import GRIDS, Cell, Row, data_cells, distillation_cells, named_cells, scaling_cells
from train.ablate.scores import ScoreConfig, scores
from train.config import RunConfig, read_config
from train.data.sources import open_source
from train.evaluate.results import write_results
from train.pretrain import RecipeName, one_of, pretrain, recipe_name
from train.run.memory import keep_freed_memory
from train.run.setup import completed

PROGRAM = "python -m train.ablate"
log = logging.getLogger(__name__)

GridName = Annotated[str, one_of((*GRIDS, "data", "distillation", "scaling"))]
SCORES = "scores.json"


@dataclass(frozen=True)
class Command:
    """Train a grid of models that differ in one thing, with several seeds, and print how they compare.

    Grids: koleo, ibot, heads (tied or not), centring (softmax or Sinkhorn-Knopp), components (one more in each row),
    data (each --data alone), distillation (from scratch or from --teacher), scaling (--models by --counts). The scores
    are also drawn, as interactive figures in one HTML file that needs no network. The same command goes on where it was
    stopped. The defaults shown are the recipe's; each can be changed for all runs.
    """

    data: tuple[Path, ...]
    """Images to train on, as `python -m train.pretrain` takes them."""
    out: Annotated[Path, Output.FOLDER]
    """The folder for runs and results."""
    grid: GridName = "components"
    seeds: Annotated[tuple[int, ...], SEED] = (0, 1, 2)
    scoring: Annotated[ScoreConfig, tyro.conf.arg(name="")] = field(default_factory=ScoreConfig)
    teacher: str = ""
    """Of the grid `distillation`: the frozen model, by any name that `core.load_model` takes."""
    models: tuple[str, ...] = ()
    """Of the grid `scaling`: WIDTHxDEPTHxHEADS each; the recipe's model where none is given."""
    counts: Annotated[tuple[int, ...], Bounds(0, 10**12)] = ()
    """Of the grid `scaling`: numbers of images to train on; 0 for all."""
    show: tuple[str, ...] = ()
    """Scores in the table and the figures, by their names in results.json, which has all; all where none is named."""
    recipe: RecipeName = "tiny"
    config: Annotated[RunConfig, tyro.conf.arg(name="")] = field(default_factory=RunConfig)

    def __post_init__(self):
        require_bounds(self, "--")

    def shown(self, rows: Sequence[Row]) -> list[str]:
        """Names of the scores to show. RequestError for one that the runs have not."""
        names = list(rows[0].scores[0])
        unknown = [name for name in self.show if name not in names]
        if unknown:
            raise RequestError(f"There is no score {unknown[0]!r} to show; choose from {', '.join(names)}.")
        return list(self.show) or names

    def cells(self) -> list[Cell]:
        if self.grid == "scaling":
            return scaling_cells(self.config, self.data, self.models, self.counts)
        if self.grid == "data":
            return data_cells(self.config, self.data)
        if self.grid == "distillation":
            return distillation_cells(self.config, self.data, self.teacher)
        return named_cells(self.grid, self.config, self.data)


def ablate(command: Command) -> list[Row]:
    """Run what is not finished, write the results, and give them. Raises RequestError where a folder holds another
    run than the one it is to hold, or a run was asked to stop."""
    command.scoring.require_something()
    if "RANK" in os.environ:
        raise RequestError("python -m train.ablate trains one run after the other in one process; start it alone.")
    rows = []
    for cell in command.cells():
        found = [_scored(cell, seed, command) for seed in command.seeds]
        images = cell.config.images or len(open_source(*cell.data, channels=cell.config.model.channels))
        rows.append(Row(cell, [one for one, _ in found], found[0][1], images))
        _write(command, rows)
    return rows


def _scored(cell: Cell, seed: int, command: Command) -> tuple[dict[str, float], int]:
    """The scores of one run and how many parameters its backbone has; trained first where it is not."""
    run = command.out / "runs" / f"{cell.folder}-seed{seed}"
    config = completed(replace(cell.config, seed=seed), default_device())
    path = run / SCORES
    begun = (run / CONFIG).exists()
    if begun and read_config(run / CONFIG) != config:
        raise RequestError(f"{run} holds a run with other values; choose another --out, or remove it.")
    scoring = json.loads(json.dumps(asdict(command.scoring), default=str))
    if path.exists():
        kept = json.loads(path.read_text(encoding="utf-8"))
        if kept.get("scoring") == scoring:
            return kept["scores"], kept["parameters"]
    if checkpoint.last_step(run) < config.steps:
        log.info("%s, seed %d", cell.name, seed)
        pretrain(config, cell.data, run, resume=begun)
    if checkpoint.last_step(run) < config.steps:
        raise RequestError(f"{run} was asked to stop; the same command goes on.")
    model = load_model(run)
    found = scores(model, command.scoring, config.augment.global_size, run / "features")
    write_results(path, {"scoring": scoring, "scores": found, "parameters": model.loaded_from().parameters})
    return found, model.loaded_from().parameters


def _write(command: Command, rows: Sequence[Row]) -> None:
    names = list(rows[0].scores[0])
    results = {
        "grid": command.grid,
        "recipe": command.recipe,
        "seeds": command.seeds,
        "rows": [
            {
                "cell": row.cell.name,
                "images": row.images,
                "parameters": row.parameters,
                "scores": row.scores,
                "means": {name: row.mean(name) for name in names},
                "deviations": {name: row.deviation(name) for name in names},
            }
            for row in rows
        ],
    }
    write_results(command.out / "results.json", results)


def as_text(rows: Sequence[Row], names: Sequence[str], seeds: int) -> str:
    """The table, the mean over seeds ± the deviation between them: a line for each cell, or for each score where these
    are more."""
    table = [["", *names]]
    table += [[row.cell.name, *(f"{row.mean(name):.3f} ±{row.deviation(name):.3f}" for name in names)] for row in rows]
    if len(names) > len(rows):
        table = [list(column) for column in zip(*table, strict=True)]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    lines = [
        "  ".join(
            [line[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(line[1:], widths[1:], strict=True))]
        )
        for line in table
    ]
    note = f"± is the deviation between {seeds} seeds." if seeds > 1 else "One seed: differences may be chance."
    return "\n".join([*(line.rstrip() for line in lines), "", note])


def main(words: list[str]) -> int:
    """Run `python -m train.ablate` with a command line; the exit status."""
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")

    def read() -> Command:
        recipe = recipes.recipe(recipe_name(words))
        chosen = replace(recipe, log=replace(recipe.log, snapshots=False))
        waiting = Command(tyro.MISSING, tyro.MISSING, config=chosen)
        return tyro.cli(Command, prog=PROGRAM, args=words, default=waiting)

    def work(command: Command) -> None:
        if not torch.cuda.is_available():
            keep_freed_memory()
        rows = ablate(command)
        names = command.shown(rows)
        draw = draw_scaling if command.grid == "scaling" else draw_grid
        files = f"Written to {command.out / 'results.json'}, drawn into {draw(rows, names, command.out)}."
        print(f"{as_text(rows, names, len(command.seeds))} {files}")

    return run_command(PROGRAM, read, work)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
