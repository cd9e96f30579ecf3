"""`python -m train.evaluate TASK --model NAME_OR_PATH`: what frozen features are worth."""

import logging
import sys
from typing import Annotated

import tyro

from core import DinoError
from train import dist
from train.evaluate.commands.emergence import Emergence
from train.evaluate.commands.pictures import Depth, Foreground, Matching, Retrieval, Segmentation
from train.evaluate.commands.recognition import FewShot, Knn, Linear, Logreg
from train.evaluate.commands.robustness import Robustness

Task = (
    Annotated[Emergence, tyro.conf.subcommand("emergence")]
    | Annotated[Knn, tyro.conf.subcommand("knn")]
    | Annotated[Linear, tyro.conf.subcommand("linear")]
    | Annotated[Logreg, tyro.conf.subcommand("logreg")]
    | Annotated[FewShot, tyro.conf.subcommand("fewshot")]
    | Annotated[Robustness, tyro.conf.subcommand("robustness")]
    | Annotated[Segmentation, tyro.conf.subcommand("segmentation")]
    | Annotated[Depth, tyro.conf.subcommand("depth")]
    | Annotated[Retrieval, tyro.conf.subcommand("retrieval")]
    | Annotated[Matching, tyro.conf.subcommand("matching")]
    | Annotated[Foreground, tyro.conf.subcommand("foreground")]
)


def main(words: list[str]) -> int:
    """What `python -m train.evaluate` does with its command line; the exit status."""
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    try:
        task = tyro.cli(
            Task,
            prog="python -m train.evaluate",
            description="What the frozen features of a model are worth. TASK --help explains each. Features are kept "
            "and shared between tasks; started by torchrun, all processes compute them.",
            args=words,
        )
        told = task.run(dist.join())
        if told:
            print(told)
    except DinoError as error:
        print(f"python -m train.evaluate: {error}", file=sys.stderr)
        return 2
    finally:
        dist.leave()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
