"""`python -m train.world.gallery --out assets/gallery`: the rendered pictures that ship with the app.

    DIR/
    ├── CATEGORY/NAME.webp   three pictures of each category in each domain
    └── table.json           for each: file, category, family, domain, seed

Their seeds are below those that models are judged by, and `python -m train.world` makes the same from them.
"""

import json
import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from core.bounds import Bounds, require_bounds
from core.command import run_command
from core.files import Output, require_output
from core.wording import counted
from train.world import CATEGORIES, DOMAINS
from train.world.names import HELD_OUT
from train.world.write import write_world

PROGRAM = "python -m train.world.gallery"
EACH = 3
"""Pictures of a category in a domain: 240 in all, 2 to 3 MB."""
SIZE = 224
SEED = 900_000_000
"""Far above the seeds that a training set takes, so that no shipped picture was trained on."""
COLUMNS = ("file", "category", "family", "domain", "seed")


@dataclass(frozen=True)
class Command:
    """Render the gallery: every category in every domain, three times."""

    out: Annotated[Path, Output.NEW_FOLDER]
    """The folder to make; it must not hold anything yet."""
    seed: Annotated[int, Bounds(0, HELD_OUT - 1)] = SEED
    workers: Annotated[int, Bounds(1, 1024)] = 1
    """Processes that draw."""

    def __post_init__(self):
        require_bounds(self, "--")


def write_gallery(out: Path, seed: int = SEED, workers: int = 1, each: int = EACH) -> int:
    """Write the gallery's pictures and its table; how many there are.

    Raises RequestError where `out` holds something already.
    """
    import pyarrow.parquet as parquet

    require_output(out, Output.NEW_FOLDER)
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{out.name}-", dir=out.parent) as made:
        world = Path(made) / "world"
        if out.exists():
            out.rmdir()
        count = write_world(world, len(CATEGORIES) * len(DOMAINS) * each, SIZE, seed, domains=DOMAINS, workers=workers)
        rows = parquet.read_table(world / "truth.parquet", columns=list(COLUMNS)).to_pylist()
        lines = ",\n".join(json.dumps(row) for row in rows)
        (world / "images" / "table.json").write_text(f"[\n{lines}\n]\n", "utf-8")
        shutil.move(world / "images", out)
    return count


def main(words: list[str]) -> int:
    """Run the command with a command line; the exit status."""

    def draw(command: Command) -> None:
        made = write_gallery(command.out, command.seed, command.workers)
        print(f"{counted(made, 'picture')} in {command.out}")

    return run_command(PROGRAM, lambda: tyro.cli(Command, args=words, prog=PROGRAM), draw)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
