"""`python -m train.world --count N --out DIR`: a folder of pictures with everything known about them."""

import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import tyro

from core import DinoError
from train.world import CATEGORIES, WorldConfig
from train.world.write import write_world


@dataclass(frozen=True)
class Command:
    """Render pictures of animals, vehicles, boats and furniture, with masks, parts, depth and key points.

    DIR/images holds the pictures in class folders (what --data of the other commands takes); masks, parts, depth
    and truth.parquet lie beside it.
    """

    count: int
    """Number of pictures; near-duplicates come on top."""
    out: Path
    """The folder to make; it must not hold anything yet."""
    size: int = 224
    """Pixels along each side."""
    seed: int = 0
    """Picture n is made from seed + n: the same seed gives the same pictures."""
    categories: tuple[str, ...] = tuple(CATEGORIES)
    """Categories to draw, in turn."""
    domains: tuple[Literal["photo", "cartoon", "sketch", "night"], ...] = ("photo",)
    """Domains to draw them in, in turn."""
    duplicates: float = 0.0
    """Share of the pictures of which a near-duplicate is added (cropped, recompressed, written over, …)."""
    workers: int = 1
    """Processes that draw."""
    scenes: WorldConfig = field(default_factory=WorldConfig)


def main(words: list[str]) -> int:
    """Run the command with a command line; the exit status."""
    command = tyro.cli(Command, args=words, prog="python -m train.world")
    try:
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
    except DinoError as error:
        print(f"python -m train.world: {error}", file=sys.stderr)
        return 2
    print(f"{made} pictures in {command.out / 'images'}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
