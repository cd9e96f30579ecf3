"""Pretraining from a folder of images: `python -m train.pretrain --recipe NAME --data PATH --out RUN`.

    RUN/
    ├── config.json         what is trained, with every value
    ├── metrics.jsonl       the log (`train.metrics`), and tensorboard/
    ├── checkpoints/        to continue from (`train.checkpoint`)
    ├── unreadable.txt      images that could not be read, and why
    └── backbone.safetensors  the teacher's backbone: what core.load_model and the app open (`core.runs`)

Reads straight down: join the ranks, build, resume, then one step after the other.
"""

import argparse
import itertools
import logging
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

import torch
import tyro

from core import DinoError, RequestError
from train import checkpoint, dist, recipes
from train.config import RunConfig, from_json, to_json
from train.data.batch import CutBatch, cut_batches, quarantine, step_masks, to_device
from train.data.sampler import Order, StepSampler
from train.data.sources import open_source
from train.metrics import Log, Meter
from train.objective import Batch
from train.optim import parameter_groups
from train.shard import prepare
from train.step import Report, Rhythm, update
from train.student_teacher import build


def pretrain(config: RunConfig, data: Sequence[Path], out: Path, resume: bool = False) -> Path:
    """Train, or go on training, and return the run folder. Started by torchrun, every rank calls it.

    Raises RequestError where `out` holds a run and `resume` is not asked for, or the other way round with
    another configuration.
    """
    world = dist.join()
    source = open_source(*data)
    Rhythm(config).at(0)  # schedules that cannot be are refused before a folder is claimed for them
    config = _claim(out, config, resume, world)
    torch.manual_seed(config.seed)  # the same initial weights on every rank
    heads = config.heads
    networks = build(config.model, heads.dino_prototypes, heads.ibot_prototypes, heads.hidden, heads.bottleneck)
    networks = prepare(networks, config.compute, world)
    optim = config.optim
    groups = parameter_groups(networks.student.children(), optim.layer_decay, optim.patch_embed_lr)
    optimiser = torch.optim.AdamW(groups, betas=optim.betas, fused=True)
    scaler = torch.amp.GradScaler(world.device.type, enabled=config.compute.precision == "float16")
    extra = {"scaler": scaler.state_dict()}
    done = checkpoint.load(out, networks, optimiser, extra) if resume else 0
    scaler.load_state_dict(extra["scaler"])

    order, accumulate = Order(source.blocks, config.seed), config.compute.accumulate
    sampler = StepSampler(order, optim.batch, done, optim.steps, world.rank, world.size, accumulate)
    pin = world.device.type == "cuda"
    cuts = cut_batches(source, config.augment, sampler, config.seed, config.compute.workers, pin)
    log = Log(out, done, optim.steps) if world.leads else None
    stop, meter, known = StopSignal(), Meter(), set()
    for step in range(done, optim.steps):
        waiting = time.perf_counter()
        parts = list(itertools.islice(cuts, accumulate))
        meter.step(optim.batch, time.perf_counter() - waiting)
        quarantine(out, [bad for part in parts for bad in part.unreadable], known)
        batches = _batches(parts, sampler, step, config, world)
        report = update(networks, optimiser, scaler, batches, step, config, world, out)
        done = step + 1
        if log is not None:
            log.advance()
            if not report.skipped and (done % config.log.every == 0 or done == optim.steps):
                log.write(done, _values(report, meter))
                meter.reset()
        asked_to_stop = stop.anywhere(world)
        if done % config.log.save_every == 0 or done == optim.steps or asked_to_stop:
            checkpoint.save(out, done, networks, optimiser, {"scaler": scaler.state_dict()}, config.log.keep)
            checkpoint.export_teacher(out, done, networks)
        if asked_to_stop:
            break
    if log is not None:
        log.close()
    dist.leave()
    return out


class StopSignal:
    """Turns SIGTERM and SIGINT into a wish that the loop sees after its step; a second one stops at once."""

    def __init__(self):
        self.received = False
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._receive)

    def _receive(self, number: int, _frame) -> None:
        self.received = True
        signal.signal(number, signal.SIG_DFL)

    def anywhere(self, world: dist.World) -> bool:
        """Whether any rank was asked to stop: they must all leave the loop at the same step."""
        return bool(dist.average(torch.tensor(float(self.received), device=world.device)) > 0)


def _claim(out: Path, config: RunConfig, resume: bool, world: dist.World) -> RunConfig:
    """The configuration the run folder holds from now on; a run is never begun over another."""
    path = out / "config.json"
    if resume:
        if not path.exists():
            raise RequestError(f"{out} holds no run to resume (no config.json); leave out --resume to start one.")
        return from_json(RunConfig, path.read_text(encoding="utf-8"))
    if path.exists():
        raise RequestError(f"{out} already holds a run; add --resume to go on with it, or choose another --out.")
    dist.wait()  # every rank has looked before one of them writes
    if world.leads:
        out.mkdir(parents=True, exist_ok=True)
        path.write_text(to_json(config), encoding="utf-8")
    return config


def _batches(
    parts: list[CutBatch], sampler: StepSampler, step: int, config: RunConfig, world: dist.World
) -> Iterator[Batch]:
    grid = config.augment.global_size // config.model.patch
    for number, part in enumerate(parts):
        masks = step_masks(config.optim.batch, grid, config.seed, step, sampler.rows(number), config.masks)
        yield to_device(part, world.device, masks)


def _values(report: Report, meter: Meter) -> dict[str, float]:
    norms = {f"gradient_norm/{name}": value for name, value in report.gradient_norms.items()}
    return {"loss": sum(report.losses.values())} | report.losses | norms | meter.rates()


@dataclass(frozen=True)
class Command:
    """Pretrain a DINOv2 on images alone; labels are never needed.

    The recipe gives every value below its default; --help after --recipe NAME shows that recipe's.
    """

    data: tuple[Path, ...]
    """Folders of images, list files (.txt, .csv), tar shards (.tar), Parquet files (.parquet)."""
    out: Path
    """The run folder: new, or with --resume one to go on with."""
    recipe: Literal["tiny", "vits14_small_gpu", "vits14", "vitb14", "vitl14", "vitg14"] = "tiny"
    resume: bool = False
    """Go on from the last checkpoint, with the configuration the run was started with."""
    config: Annotated[RunConfig, tyro.conf.arg(name="")] = field(default_factory=RunConfig)


def main(words: list[str]) -> int:
    """What `python -m train.pretrain` does with its command line; the exit status."""
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    try:
        chosen = recipes.recipe(_recipe_name(words))
        command = tyro.cli(Command, args=words, default=Command(tyro.MISSING, tyro.MISSING, config=chosen))
        pretrain(command.config, command.data, command.out, command.resume)
    except DinoError as error:
        print(f"python -m train.pretrain: {error}", file=sys.stderr)
        return 2
    return 0


def _recipe_name(words: list[str]) -> str:
    """The recipe on a command line, which must be known before the defaults of the other flags are."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--recipe", default="tiny")
    return parser.parse_known_args(words)[0].recipe


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
