"""Pretraining from a folder of images: `python -m train.pretrain --recipe NAME --data PATH --out RUN`.

What it leaves in RUN is drawn in `core.records.runs`; the steps themselves are `train.run.loop`.
"""

import argparse
import contextlib
import logging
import sys
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any, Protocol

import torch
import tyro

from core import RequestError
from core.command import run_command
from core.files import Output
from core.records.runs import ACCOUNT, CONFIG, DATA
from train import checkpoint, dist, recipes
from train.config import RunConfig, read_config, with_origins, write_config
from train.data.quarantine import Quarantine
from train.data.resident import GIB, ResidentImages
from train.data.sources import Source, open_source, some_of
from train.method.objective import require_groups
from train.run.account import write_account
from train.run.advice import advice
from train.run.loop import Loop, StopSignal
from train.run.memory import keep_freed_memory
from train.run.metrics import Log
from train.run.monitor import Monitor
from train.run.phases import phases
from train.run.resume import compare_data, described, resumed, write_data
from train.run.setup import completed, prepared
from train.run.step import Schedules

log = logging.getLogger(__name__)


def one_of(names: Collection[str]) -> tyro.constructors.PrimitiveConstructorSpec[str]:
    """The flag for a name from a list that only the running program knows, as tyro has it for a Literal."""
    return tyro.constructors.PrimitiveConstructorSpec(
        nargs=1,
        metavar="{" + ",".join(names) + "}",
        instance_from_str=lambda words: words[0],
        is_instance=lambda value: value in names,
        str_from_instance=lambda name: [name],
        choices=tuple(names),
    )


RecipeName = Annotated[str, one_of(recipes.RECIPES)]


class TrainingCommand(Protocol):
    """A command line that starts a run: to pretrain, or to distill."""

    @property
    def data(self) -> tuple[Path, ...]: ...
    @property
    def out(self) -> Path: ...
    @property
    def labelled(self) -> tuple[Path, ...]: ...
    @property
    def recipe(self) -> str: ...
    @property
    def resume(self) -> bool: ...

    @classmethod
    def waiting(cls, config: RunConfig) -> "TrainingCommand":
        """The defaults that a command line completes: the recipe's or the run's values, the rest to be given."""

    def whole_config(self) -> RunConfig:
        """The configuration of the run."""


def pretrain(
    config: RunConfig,
    data: Sequence[Path],
    out: Path,
    resume: bool = False,
    labelled: Sequence[Path] = (),
    announcement: str = "",
) -> Path:
    """Train, or go on training, and return the run folder. Started by torchrun, every rank calls it.

    `labelled`: images with labels, by which the teacher is scored as it learns. A resumed run takes up of `config`
    what leaves the steps that are done as they are (`train.run.resume`). `announcement` is printed once nothing stands
    in the way. Raises RequestError where `out` holds a run and `resume` is not asked for, or the other way round, and
    for values that a resumed run cannot take up.
    """
    stored = run_config(out) if resume else None
    world = dist.join(group_of_one=config.compute.shard == "always")
    config, done, said = _settled(config, stored, out, world)
    source = some_of(open_source(*data, channels=config.model.channels), config.images)
    for phase in phases(config):
        _refuse_impossible(phase.config, world)
    monitor = _monitor(config, source, labelled) if world.leads else None
    if stored is None:
        _claim(out, config, world)
    if world.leads:
        if announcement:
            print(announcement)
        _keep_what_is_new(out, stored, config, described(data, source), done)
        for sentence in (*said, *advice(config, len(source))):
            log.warning(sentence)
    dist.wait()
    images, quarantine = _resident(config, source, world), Quarantine(out)
    with Log(out, done, config.steps) if world.leads else contextlib.nullcontext() as log_file:
        loop = Loop(config, out, world, source, images, log_file, monitor, StopSignal(), quarantine)
        for phase in phases(config):
            if done < phase.last and not loop.stop.received:
                done = loop.train(phase, done, *prepared(phase, done, config, out, world, len(source)))
    if world.leads and done == config.steps:
        write_account(out, config, world.device)
    dist.leave()
    return out


def _settled(
    config: RunConfig, stored: RunConfig | None, out: Path, world: dist.World
) -> tuple[RunConfig, int, list[str]]:
    """The configuration to train with, the step to go on from, and what is to be said of values given to a resumed run."""
    if stored is None:
        return completed(config, world.device), 0, []
    done = checkpoint.last_whole(out, world.device)
    taken, said = resumed(stored, config, done, out)
    return taken, done, said


def _refuse_impossible(config: RunConfig, world: dist.World) -> None:
    """RequestError for what a phase cannot be, before a folder is claimed for it."""
    Schedules(config).at(0)
    together = config.optim.batch // (world.size * config.compute.accumulate)
    require_groups(config.objective.koleo_images, together, world.size)


def run_config(out: Path) -> RunConfig:
    """The configuration of the run in a folder. RequestError where there is none to resume, or a damaged one."""
    path = out / CONFIG
    if not path.exists():
        raise RequestError(f"{out} holds no run to resume (no {CONFIG}); leave out --resume to start one.")
    return read_config(path)


def _keep_what_is_new(out: Path, stored: RunConfig | None, config: RunConfig, now: dict[str, Any], done: int) -> None:
    """Write down what a run learns from, and how from here on, where a resumed one does so in another way."""
    for sentence in compare_data(out, now) if stored is not None else ():
        log.warning(sentence)
    if not (out / DATA).exists():
        write_data(out, now)
    if stored is not None and config != stored:
        write_config(out / CONFIG, config)
    if done < config.steps:
        (out / ACCOUNT).unlink(missing_ok=True)  # of the steps before those that were added


def _claim(out: Path, config: RunConfig, world: dist.World) -> None:
    """Make the folder this run's; a run is never begun over another."""
    path = out / CONFIG
    if path.exists():
        raise RequestError(f"{out} already holds a run; add --resume to go on with it, or choose another --out.")
    dist.wait()  # every rank has looked before one of them writes
    if world.leads:
        write_config(path, config)
    dist.wait()


def _monitor(config: RunConfig, source: Source, labelled: Sequence[Path]) -> Monitor:
    scored = open_source(*labelled, channels=config.model.channels) if labelled else None
    return Monitor(config, source, scored)


def _resident(config: RunConfig, source: Source, world: dist.World) -> ResidentImages | None:
    compute = config.compute
    if not compute.resident:
        return None
    budget = int(compute.resident_gib * GIB)
    return ResidentImages.load(
        source, compute.resident_side, world.device, compute.workers, budget, config.model.channels
    )


@dataclass(frozen=True)
class Command:
    """Pretrain a DINOv2 on images alone; labels are never needed.

    The defaults shown are those of the recipe; --recipe NAME --help shows another's. When a run starts, it prints
    for each value whether it comes from the recipe, the command line, or the project's default, whose source the
    lines below name; RUN/config.json keeps them.
    """

    data: tuple[Path, ...]
    """Folders of images, list files (.txt, .csv: a path a line, relative to the list), tar shards (.tar), Parquet files
    (.parquet)."""
    out: Annotated[Path, Output.FOLDER]
    """The run folder: new, or with --resume one to go on with."""
    labelled: tuple[Path, ...] = ()
    """Images with labels (folders of class folders, Parquet, tar), to score the teacher by while it learns."""
    recipe: RecipeName = "tiny"
    resume: bool = False
    """Go on from the last checkpoint, with the configuration the run was started with. Of other values that are given,
    those are taken up with which the steps that are done would have been the same (later --phases, what concerns the
    computation and the log); others are refused."""
    config: Annotated[RunConfig, tyro.conf.arg(name="")] = field(default_factory=RunConfig)

    @classmethod
    def waiting(cls, config: RunConfig) -> "Command":
        """The defaults that a command line completes: the recipe's or the run's values, the rest to be given."""
        return cls(tyro.MISSING, tyro.MISSING, config=config)

    def whole_config(self) -> RunConfig:
        return self.config


def main(words: list[str]) -> int:
    """Run `python -m train.pretrain` with a command line; the exit status."""
    return launch("python -m train.pretrain", Command, words, lambda config: config)


def launch(
    program: str, kind: type[TrainingCommand], words: list[str], adapted: Callable[[RunConfig], RunConfig]
) -> int:
    """Read a command line of one `kind`, train as it says, and tell of mistakes in a sentence; the exit status.

    `adapted` makes of a recipe what the kind of training starts from; its values are the command line's defaults.
    """
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")

    def read() -> TrainingCommand:
        chosen, stored = adapted(recipes.recipe(recipe_name(words))), _to_resume(words)
        return tyro.cli(kind, prog=program, args=words, default=kind.waiting(stored or chosen))

    def work(command: TrainingCommand) -> None:
        if not torch.cuda.is_available():
            keep_freed_memory()
        config, announcement = command.whole_config(), f"Going on with {command.out}, as its {CONFIG} says"
        if not command.resume:
            config = replace(config, recipe=command.recipe)
            announcement = with_origins(config, adapted(recipes.recipe(command.recipe)), command.recipe)
        pretrain(config, command.data, command.out, command.resume, command.labelled, announcement)

    return run_command(program, read, work, again="go on with --resume")


def recipe_name(words: list[str], otherwise: str = "tiny") -> str:
    """The recipe on a command line, which must be known before the defaults of the other flags are."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--recipe", default=otherwise)
    return parser.parse_known_args(words)[0].recipe


def _to_resume(words: list[str]) -> RunConfig | None:
    """The configuration of the run that a command line goes on with; None where it starts one, or asks for help.

    RequestError where there is no such run, or a recipe is named that is not the one it was started with.
    """
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--resume", action="store_true")
    parser.add_argument("--out", nargs="?", type=Path)
    given = parser.parse_known_args(words)[0]
    if not given.resume or given.out is None or {"-h", "--help"} & set(words):
        return None
    stored, out = run_config(given.out), given.out
    named = recipe_name(words, stored.recipe)
    if named != stored.recipe and stored.recipe:
        raise RequestError(
            f"{out} was started with the recipe {stored.recipe}, not {named}; leave out --recipe to go on, or choose "
            "another --out to start a new run."
        )
    if named != stored.recipe:
        log.warning("The recipe %s is not looked at: %s does not say which it was started with", named, out / CONFIG)
    return stored


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
