"""`python -m train.figures RUN`: the curves of a run as one HTML file.

RUN/figures.html      losses, scores and whatever else was logged; opens without a network
"""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from core import RequestError
from core.command import run_command
from core.files import Output
from core.records.runs import read_metrics
from core.records.scores import curves

PROGRAM = "python -m train.figures"
FIGURES = "figures.html"


@dataclass(frozen=True)
class Command:
    """Draw the curves of a run, also while it trains: losses, scores of its snapshots, rates, norms and speed, as
    interactive figures in one HTML file that needs no network. Any of them is saved as SVG by the button above it."""

    run: Annotated[Path, tyro.conf.Positional]
    """The run folder."""
    out: Annotated[Path | None, Output.FILE] = None
    """The file to write; by default figures.html in the run folder."""


def draw_run(run: Path, out: Path | None = None) -> Path:
    """The file with the curves of a run. RequestError where it has logged nothing."""
    from core.figures import run_figures, save_page  # half a second to import, wanted only here

    figures = run_figures(curves(run), read_metrics(run))
    if not figures:
        raise RequestError(f"{run} holds no log and no scores; give the folder that --out of train.pretrain named.")
    return save_page(out or run / FIGURES, run.name, figures)


def main(words: list[str]) -> int:
    """Run `python -m train.figures` with a command line; the exit status."""

    def draw(command: Command) -> None:
        print(f"Drawn into {draw_run(command.run, command.out)}.")

    return run_command(PROGRAM, lambda: tyro.cli(Command, prog=PROGRAM, args=words), draw)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
