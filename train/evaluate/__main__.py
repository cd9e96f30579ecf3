"""`python -m train.evaluate TASK --model NAME_OR_PATH`: what frozen features are worth."""

import logging
import sys

import tyro

from core import DinoError
from train import dist
from train.evaluate import tasks


def main(words: list[str]) -> int:
    """Run `python -m train.evaluate` with a command line; the exit status."""
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    try:
        task = tyro.extras.subcommand_cli_from_dict(
            {task.name(): task for task in tasks.TASKS},
            prog="python -m train.evaluate",
            description="What the frozen features of a model are worth. TASK --help explains each. Features are kept "
            "and shared between tasks; started by torchrun, all processes compute them.",
            args=words,
        )
        results = task.run(dist.join())
        if results:
            print(results)
    except DinoError as error:
        print(f"python -m train.evaluate: {error}", file=sys.stderr)
        return 2
    finally:
        dist.leave()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
