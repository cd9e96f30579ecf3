"""Which recipe makes the most of a processor's hours: `python -m tests.benchmarks.recipes --data … --labelled … --out DIR`.

Every row trains from scratch (or from --start-from) for equally many operations, whatever its crops, patches and width,
and is judged by nearest neighbours among labelled photographs: features are cls beside the mean patch at 112 pixels,
and k is 10. Rows that are finished are read again, a row that was stopped goes on: the same command continues.

`--labelled` takes Parquet files with the columns `image`, `label`, `source`, `domain`: of Caltech-101 and of the photos
of PACS every fourth picture is asked about, the drawings of PACS are asked about with its photos as the bank.
"""

import json
import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow.parquet as pq
import torch
import tyro
from torch import Tensor

from core import VisionTransformer, load_image, load_model
from core.features import IMAGENET_MEAN, IMAGENET_STD
from train import checkpoint, recipes
from train.config import RunConfig
from train.evaluate.features.crops import centre_crop, pooled, tokens_of
from train.evaluate.probes.knn import knn_accuracy
from train.phase_config import PhaseConfig
from train.pretrain import pretrain
from train.run.account import step_work
from train.run.memory import keep_freed_memory
from train.run.phases import phases

SIDE, NEIGHBOURS = 112, 10
MOST_ASKED, MOST_KNOWN = 2000, 3000
"""Pictures of a question and of its bank, drawn the same way every time."""

Change = Callable[[RunConfig], RunConfig]


def _augment(**values: object) -> Change:
    return lambda config: replace(config, augment=replace(config.augment, **values))


def _optim(**values: object) -> Change:
    return lambda config: replace(config, optim=replace(config.optim, **values))


def _masks(**values: object) -> Change:
    return lambda config: replace(config, masks=replace(config.masks, **values))


def _objective(**values: object) -> Change:
    return lambda config: replace(config, objective=replace(config.objective, **values))


def _model(**values: object) -> Change:
    return lambda config: replace(config, model=replace(config.model, **values))


def _crops(size: int, patch: int = 14) -> Change:
    return lambda config: replace(
        config,
        augment=replace(config.augment, global_size=size, local_size=size // 2 // patch * patch),
        model=replace(config.model, image_size=size, patch=patch),
    )


def _coarse_to_fine(config: RunConfig) -> RunConfig:
    """Half of the work at 42 pixels, a quarter at 56, a quarter at 84."""
    return replace(
        _crops(42)(config), phases=(PhaseConfig(1, 0.6, global_size=56), PhaseConfig(1, 0.3, global_size=84))
    )


ROWS: dict[str, tuple[Change, tuple[float, ...]]] = {
    "192 wide, 56 px": (lambda config: config, (1,)),
    "42 px": (_crops(42), (1,)),
    "84 px": (_crops(84), (1,)),
    "42 px, patch 7": (_crops(42, 7), (1,)),
    "42, then 56, then 84 px": (_coarse_to_fine, (0.5, 0.25, 0.25)),
    "96 wide": (_model(width=96), (1,)),
    "96 wide, 42 px": (lambda config: _model(width=96)(_crops(42)(config)), (1,)),
    "128 wide, 8 deep": (_model(width=128, depth=8, heads=2), (1,)),
    "crops of 8 to 100 %": (_augment(global_scale=(0.08, 1.0)), (1,)),
    "teacher's momentum 0": (_optim(teacher_momentum=(0.0, 0.0)), (1,)),
    "teacher's momentum 0.9": (_optim(teacher_momentum=(0.9, 1.0)), (1,)),
    "colours changed more": (_augment(saturation=0.4, hue=0.2, grey=0.3), (1,)),
    "and 4 crops of 28 px": (_augment(local_crops=4), (1,)),
    "momentum 0, queue of 1,024": (
        lambda config: _optim(teacher_momentum=(0.0, 0.0))(_objective(queue=1024)(config)),
        (1,),
    ),
    "2 masks a picture": (_masks(draws=2), (1,)),
    "4 masks a picture": (_masks(draws=4), (1,)),
}
"""What a row changes of the recipe `shipped`, and the share of the work of each of its phases."""


class Question(NamedTuple):
    """Bank and queries of one labelled set: crops uint8 [n, 3, SIDE, SIDE] and labels [n]."""

    bank: Tensor
    bank_labels: Tensor
    queries: Tensor
    query_labels: Tensor


@dataclass(frozen=True)
class Grid:
    """Which rows, on what, and how long each."""

    data: tuple[Path, ...]
    labelled: tuple[Path, ...]
    out: Path
    rows: tuple[str, ...] = ()
    """Names of the wanted rows; all without."""
    teraflop: float = 10.0
    """Of every row."""
    batch: int = 64
    base_lr: float = 0.006
    start_from: str = ""
    seed: int = 0


def with_work(config: RunConfig, shares: tuple[float, ...], teraflop: float) -> RunConfig:
    """The configuration with as many steps in each phase as its share of the work allows."""
    steps = [
        max(round(share * teraflop * 1e12 / step_work(phase.config).total), 1)
        for share, phase in zip(shares, phases(config), strict=True)
    ]
    later = tuple(replace(phase, steps=count) for phase, count in zip(config.phases, steps[1:], strict=True))
    optim = replace(config.optim, steps=steps[0], warmup_steps=steps[0] // 20, temperature_warmup_steps=steps[0])
    return replace(config, optim=optim, phases=later)


def row_config(name: str, grid: Grid) -> RunConfig:
    change, shares = ROWS[name]
    recipe = recipes.shipped()
    plain = replace(
        recipe,
        phases=(),
        optim=replace(recipe.optim, batch=grid.batch, base_lr=grid.base_lr),
        compute=replace(recipe.compute, precision="auto"),
        log=replace(recipe.log, every=20, save_every=100, snapshots=False),
        start_from=grid.start_from,
        seed=grid.seed,
    )
    return with_work(change(plain), shares, grid.teraflop)


def questions(files: tuple[Path, ...]) -> dict[str, Question]:
    """The labelled sets by name, their pictures cut once."""
    table = {key: [] for key in ("image", "label", "source", "domain")}
    for file in files:
        part = pq.read_table(file, columns=list(table)).to_pydict()
        table = {key: values + part[key] for key, values in table.items()}
    where = np.array([f"{source}/{domain}" for source, domain in zip(table["source"], table["domain"], strict=True)])
    asked = np.array([zlib.crc32(one["bytes"]) % 4 == 0 for one in table["image"]])

    def sample(rows: np.ndarray, most: int) -> tuple[Tensor, list[str]]:
        chosen = np.random.default_rng(0).permutation(rows)[:most]
        crops = [centre_crop(np.array(load_image(table["image"][row]["bytes"])), SIDE) for row in chosen]
        return torch.cat(crops), [table["label"][row] for row in chosen]

    found, photographs = {}, sample(np.flatnonzero(where == "pacs/photo"), MOST_KNOWN)
    for name, bank, queries in (
        ("Caltech-101", (where == "caltech101/photo") & ~asked, (where == "caltech101/photo") & asked),
        ("PACS photo", (where == "pacs/photo") & ~asked, (where == "pacs/photo") & asked),
        ("→ art", None, where == "pacs/art_painting"),
        ("→ cartoon", None, where == "pacs/cartoon"),
        ("→ sketch", None, where == "pacs/sketch"),
    ):
        known, known_names = photographs if bank is None else sample(np.flatnonzero(bank), MOST_KNOWN)
        wanted, wanted_names = sample(np.flatnonzero(queries), MOST_ASKED)
        numbers = {label: number for number, label in enumerate(sorted({*known_names, *wanted_names}))}
        labels = [torch.tensor([numbers[label] for label in names]) for names in (known_names, wanted_names)]
        found[name] = Question(known, labels[0], wanted, labels[1])
    return found


@torch.no_grad()
def scored(model: VisionTransformer, asked: dict[str, Question]) -> dict[str, float]:
    """By question the share of queries whose label most of the nearest of its bank have."""
    known: dict[int, Tensor] = {}

    def features(pixels: Tensor) -> Tensor:
        if id(pixels) not in known:
            known[id(pixels)] = torch.cat(pooled(tokens_of(model, pixels, None, IMAGENET_MEAN, IMAGENET_STD)), dim=1)
        return known[id(pixels)]

    found = {}
    for name, (bank, bank_labels, queries, query_labels) in asked.items():
        accuracy = knn_accuracy(features(bank), bank_labels, features(queries), query_labels, [NEIGHBOURS])
        found[name] = accuracy[NEIGHBOURS].top1
    return found


def main() -> None:
    """Train what is not finished, and print a line for each row."""
    grid = tyro.cli(Grid)
    keep_freed_memory()
    asked = questions(grid.labelled)
    print(f"{'':26}{'images':>9}" + "".join(f"{name:>13}" for name in asked), flush=True)
    torch.manual_seed(0)
    for name, model in (
        ("untrained", VisionTransformer(recipes.shipped().model)),
        ("embedded", load_model("embedded", "cpu")),
    ):
        print(f"{name:35}" + "".join(f"{100 * value:13.1f}" for value in scored(model, asked).values()), flush=True)
    for name in grid.rows or ROWS:
        config, run = row_config(name, grid), grid.out / name.replace(" ", "-").replace("%", "percent")
        kept = run / "neighbours.json"
        if not kept.exists():
            if checkpoint.last_step(run) < config.steps:
                pretrain(config, list(grid.data), run, resume=(run / "config.json").exists())
            kept.write_text(json.dumps(scored(load_model(run, "cpu"), asked)))
        images = sum((phase.last - phase.first) * phase.config.optim.batch for phase in phases(config))
        values = json.loads(kept.read_text()).values()
        print(f"{name:26}{images:9,}" + "".join(f"{100 * value:13.1f}" for value in values), flush=True)


if __name__ == "__main__":
    main()
