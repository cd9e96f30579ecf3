"""`python -m train.world --count N --out DIR`: a folder of pictures with everything known about them."""

import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

import tyro

from core.bounds import SHARE, Bounds, require_bounds
from core.command import run_command
from core.files import Output
from core.wording import counted
from train.world import CATEGORIES, SIZES, WorldConfig
from train.world.names import HELD_OUT
from train.world.write import write_world

PROGRAM = "python -m train.world"


@dataclass(frozen=True)
class Command:
    """Render pictures of animals, vehicles, boats and furniture, with masks, parts, depth and key points.

    DIR/images holds the pictures in class folders (what --data of the other commands takes); masks, parts, depth
    and truth.parquet lie beside it.
    """

    count: Annotated[int, Bounds(1, 10**7)]
    """Number of pictures; near-duplicates come on top."""
    out: Annotated[Path, Output.NEW_FOLDER]
    """The folder to make; it must not hold anything yet."""
    size: Annotated[int, Bounds(SIZES[0], SIZES[-1])] = 224
    """Pixels along each side."""
    seed: Annotated[int, Bounds(0, HELD_OUT - 1)] = 0
    """Picture n is made from seed + n: the same seed gives the same pictures."""
    categories: tuple[str, ...] = tuple(CATEGORIES)
    """Categories to draw, in turn."""
    domains: tuple[Literal["photo", "cartoon", "sketch", "night"], ...] = ("photo",)
    """Domains to draw them in, in turn."""
    duplicates: Annotated[float, SHARE] = 0.0
    """Share of the pictures of which a near-duplicate is added (cropped, recompressed, written over, …)."""
    workers: Annotated[int, Bounds(1, 1024)] = 1
    """Processes that draw."""
    scenes: WorldConfig = field(default_factory=WorldConfig)

    def __post_init__(self):
        require_bounds(self, "--")


def draw(command: Command) -> None:
    """Write the folder that the command asks for."""
    made = write_world(
        command.out,
        command.count,
        command.size,
        command.seed,
        command.categories,
        command.domains,
        command.duplicates,
        command.workers,
        command.scenes,
    )
    print(f"{counted(made, 'picture')} in {command.out / 'images'}")


def main(words: list[str]) -> int:
    """Run the command with a command line; the exit status."""
    return run_command(PROGRAM, lambda: tyro.cli(Command, args=words, prog=PROGRAM), draw)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
