"""`python -m train.curate --curated PATH --pool PATH --out DIR`: of a pool of images, those worth training on."""

import logging
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Protocol

import tyro

from core.bounds import Bounds, require_bounds
from core.command import run_command
from core.files import Output
from core.records.curation import FATES, REPORT
from core.wording import counted
from train import dist
from train.curate.config import ClusterConfig, DeduplicateConfig, EmbedConfig, RetrieveConfig
from train.curate.folder import SELECTED, read_record
from train.curate.report.report import write_report
from train.curate.steps.cluster import cluster
from train.curate.steps.deduplicate import deduplicate
from train.curate.steps.dropped import BROWSED, write_browsed
from train.curate.steps.embed import UNREADABLE, embed
from train.curate.steps.fates import write_fates
from train.curate.steps.pack import pack
from train.curate.steps.retrieve import retrieve
from train.dist import World

MEMORY = 4.0


@dataclass(frozen=True, kw_only=True)
class Embed:
    """Turn images into vectors. Each of the sets is folders, list files, tar shards and Parquet files, mixed."""

    out: Annotated[Path, Output.FOLDER]
    """The folder of this curation."""
    pool: tuple[Path, ...]
    """Images to choose from."""
    curated: tuple[Path, ...] = ()
    """Images that others should resemble; each path is a set of its own."""
    evaluation: tuple[Path, ...] = ()
    """Images that must not be trained on, nor their near-duplicates."""
    embed: Annotated[EmbedConfig, tyro.conf.arg(name="")] = field(default_factory=EmbedConfig)

    def run(self, world: World) -> str:
        found = embed(self.out, _sets(self), self.embed, world)
        counts = ", ".join(f"{one['images']:,} in {name}" for name, one in found["sets"].items())
        return f"embed        {counts}; what cannot be read: {self.out / 'embeddings' / UNREADABLE}"


@dataclass(frozen=True, kw_only=True)
class Deduplicate:
    """Keep each image of the pool once, and none that evaluation sets hold."""

    out: Annotated[Path, Output.FOLDER]
    """The folder of this curation."""
    memory: Annotated[float, Bounds(0, 2**20, above=True)] = MEMORY
    """GiB that search may use."""
    deduplicate: Annotated[DeduplicateConfig, tyro.conf.arg(name="")] = field(default_factory=DeduplicateConfig)

    def __post_init__(self):
        require_bounds(self, "--")

    def run(self, world: World) -> str:
        found = deduplicate(self.out, self.deduplicate, self.memory, world)
        if world.leads and read_record(self.out, "retrieve") is None:
            write_fates(self.out)
        counts = ", ".join(f"{count:,} {fate}" for fate, count in found["fates"].items() if count)
        how = found["search"]["pool"]
        return f"deduplicate  {counts}; {how['method']} search, {how['recall']:.3f} of the neighbours found"


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """Group what is left of the pool."""

    out: Annotated[Path, Output.FOLDER]
    """The folder of this curation."""
    cluster: Annotated[ClusterConfig, tyro.conf.arg(name="")] = field(default_factory=ClusterConfig)

    def run(self, world: World) -> str:
        found = cluster(self.out, self.cluster, world)
        before, after = found["before"]["effective"], found["after_deduplication"]["effective"]
        return f"cluster      {counted(found['clusters'], 'cluster')}, as varied as {before:,} equal ones, {after:,} without copies"


@dataclass(frozen=True, kw_only=True)
class Retrieve:
    """Take what resembles the curated images, and write down what became of every image."""

    out: Annotated[Path, Output.FOLDER]
    """The folder of this curation."""
    memory: Annotated[float, Bounds(0, 2**20, above=True)] = MEMORY
    """GiB that search may use."""
    retrieve: Annotated[RetrieveConfig, tyro.conf.arg(name="")] = field(default_factory=RetrieveConfig)

    def __post_init__(self):
        require_bounds(self, "--")

    def run(self, world: World) -> str:
        found = retrieve(self.out, self.retrieve, self.memory, world)
        listed = self.out / (SELECTED if (self.out / SELECTED).exists() else FATES)
        return f"retrieve     {found['taken']:,} of {found['left']:,}; with the curated images they are in {listed}"


@dataclass(frozen=True, kw_only=True)
class Report:
    """Write a page that shows what each step did, which opens in a browser without a network, and small pictures of
    what was dropped, which the app's Search tab can browse."""

    out: Annotated[Path, Output.FOLDER]
    """The folder of this curation."""
    browse: Annotated[int, Bounds(1, 10**6)] = BROWSED
    """Dropped images of each kind that can be browsed, at most."""

    def __post_init__(self):
        require_bounds(self, "--")

    def run(self, world: World) -> str:
        if world.leads:
            write_report(self.out)
            write_browsed(self.out, self.browse)
        dist.wait()
        return f"report       {self.out / REPORT}"


@dataclass(frozen=True, kw_only=True)
class Pack:
    """Copy the images that are kept into Parquet shards in OUT/selected, for training from any kind of source."""

    out: Annotated[Path, Output.FOLDER]
    """The folder of this curation."""

    def run(self, world: World) -> str:
        folder, images = pack(self.out, world)
        return f"pack         {counted(images, 'image')} in {folder}"


@dataclass(frozen=True, kw_only=True)
class Curate:
    """Choose from a pool of images those that resemble a curated set, each once: all steps in turn.

    Steps alone: python -m train.curate {embed,deduplicate,cluster,retrieve,report,pack} --help. What is finished is not done again;
    after a kill the same command goes on. Over several processes or machines with one file system: torchrun -m
    train.curate. The images that were given are only read.
    """

    out: Annotated[Path, Output.FOLDER]
    """The folder to make, or to go on with; what it holds is drawn in train/curate/folder.py."""
    curated: tuple[Path, ...]
    """Images that others should resemble; each path is a set of its own."""
    pool: tuple[Path, ...]
    """Images to choose from: folders, list files, tar shards, Parquet files."""
    evaluation: tuple[Path, ...] = ()
    """Images that must not be trained on, nor their near-duplicates."""
    memory: Annotated[float, Bounds(0, 2**20, above=True)] = MEMORY
    """GiB that search may use."""
    embed: EmbedConfig = field(default_factory=EmbedConfig)
    deduplicate: DeduplicateConfig = field(default_factory=DeduplicateConfig)
    cluster: ClusterConfig = field(default_factory=ClusterConfig)
    retrieve: RetrieveConfig = field(default_factory=RetrieveConfig)

    def __post_init__(self):
        require_bounds(self, "--")

    def run(self, world: World) -> str:
        steps = (
            Embed(out=self.out, **_sets(self), embed=self.embed),
            Deduplicate(out=self.out, memory=self.memory, deduplicate=self.deduplicate),
            Cluster(out=self.out, cluster=self.cluster),
            Retrieve(out=self.out, memory=self.memory, retrieve=self.retrieve),
            Report(out=self.out),
        )
        for step in steps[:-1]:
            line = step.run(world)
            if world.leads:
                print(line, flush=True)
        return steps[-1].run(world)


class Step(Protocol):
    """A step, or all of them."""

    @property
    def out(self) -> Path: ...

    def run(self, world: World) -> str:
        """Do it, and say in a line what came of it. Every rank calls it."""


STEPS: dict[str, type[Step]] = {
    one.__name__.lower(): one for one in (Embed, Deduplicate, Cluster, Retrieve, Report, Pack)
}


def _sets(given: Embed | Curate) -> dict[str, tuple[Path, ...]]:
    return {"curated": given.curated, "pool": given.pool, "evaluation": given.evaluation}


def main(arguments: list[str]) -> int:
    """Run `python -m train.curate` with a command line; the exit status."""
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    step = STEPS.get(arguments[0]) if arguments else None
    kind: type[Step] = step or Curate
    program = f"python -m train.curate{f' {arguments[0]}' if step else ''}"

    def work(command: Step) -> None:
        try:
            world = dist.join()
            line = command.run(world)
        finally:
            dist.leave()
        if world.leads:
            print(line)

    return run_command(program, lambda: tyro.cli(kind, prog=program, args=arguments[1:] if step else arguments), work)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
