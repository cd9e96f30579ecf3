"""`python -m train.evaluate TASK --model NAME_OR_PATH`: what frozen features are worth."""

import logging
import sys

import tyro

from core.command import run_command
from train import dist
from train.evaluate import tasks
from train.evaluate.task import Task

PROGRAM = "python -m train.evaluate"


def main(words: list[str]) -> int:
    """Run `python -m train.evaluate` with a command line; the exit status."""
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")

    def read() -> Task:
        return tyro.extras.subcommand_cli_from_dict(
            {task.name(): task for task in tasks.TASKS},
            prog=PROGRAM,
            description="What the frozen features of a model are worth. TASK --help explains each. Features are kept "
            "and shared between tasks; started by torchrun, all processes compute them.",
            args=words,
        )

    def work(task: Task) -> None:
        try:
            results = task.run(dist.join())
        finally:
            dist.leave()
        if results:
            print(results)

    return run_command(PROGRAM, read, work)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
