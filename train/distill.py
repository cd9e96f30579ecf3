"""Distillation of a frozen model into smaller ones:

    python -m train.distill --teacher NAME_OR_PATH --recipe NAME --data PATH --out RUN

The run is a run of `train.pretrain` in all else: launcher, checkpoints, logs, sharding, what it leaves in RUN. What
the teacher does is `train.method.distillation`.
"""

import sys
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated

import tyro

from core import RequestError
from core.files import Output
from train.config import RunConfig
from train.pretrain import RecipeName, launch


@dataclass(frozen=True)
class Command:
    """Have a frozen model teach a smaller one what it says of images; labels are never needed.

    Teacher and student may differ in width and patch: the teacher looks at the global crops at the nearest multiple
    of its own patch, and its patches are resampled to the student's grid. Where the teacher's heads are not known (a
    run folder keeps them, released models do not), heads are learned on its features beside the student. What is
    exported is the EMA of the student.

    The defaults shown are the recipe's, without masks (--masks.probability) and without stochastic depth
    (--optim.drop-rate); --recipe NAME --help shows another's.
    """

    teacher: str
    """A name (embedded, dinov2-large …), hf:owner/name, a run folder or a weights file."""
    data: tuple[Path, ...]
    """Folders of images, list files (.txt, .csv: a path a line, relative to the list), tar shards (.tar), Parquet files
    (.parquet)."""
    out: Annotated[Path, Output.FOLDER]
    """The run folder: new, or with --resume one to go on with."""
    labelled: tuple[Path, ...] = ()
    """Images with labels (folders of class folders, Parquet, tar), to score the student's EMA by while it learns."""
    recipe: RecipeName = "tiny"
    """Whose model learns, and how."""
    also: tuple[RecipeName, ...] = ()
    """Recipes whose models learn from the same passes of the teacher; each is exported to OUT/NAME."""
    fixed_crops: bool = False
    """Cut the same crops in every epoch, so that what the teacher says of them is computed once and kept in
    OUT/teacher. Less variety for less work: for a large teacher and many epochs."""
    resume: bool = False
    """Go on from the last checkpoint, with the configuration the run was started with; of other values, as
    train.pretrain --help says."""
    config: Annotated[RunConfig, tyro.conf.arg(name="")] = field(default_factory=RunConfig)

    @classmethod
    def waiting(cls, config: RunConfig) -> "Command":
        """The defaults that a command line completes: the recipe's or the run's values, the rest to be given."""
        known = config.distillation
        if not known.teacher:
            return cls(tyro.MISSING, tyro.MISSING, tyro.MISSING, config=config)
        return cls(
            known.teacher,
            tyro.MISSING,
            tyro.MISSING,
            also=known.also,
            fixed_crops=known.fixed_crops,
            config=config,
        )

    def whole_config(self) -> RunConfig:
        """The run's configuration, the teacher's name in it. RequestError where none is named."""
        if not self.teacher:
            raise RequestError("--teacher is empty; give a name, hf:owner/name, a run folder or a weights file.")
        named = replace(self.config.distillation, teacher=self.teacher, also=self.also, fixed_crops=self.fixed_crops)
        return replace(self.config, distillation=named)


def for_distillation(recipe: RunConfig) -> RunConfig:
    """A recipe's configuration with nothing hidden from the student and no depth dropped."""
    return replace(recipe, masks=replace(recipe.masks, probability=0.0), optim=replace(recipe.optim, drop_rate=0.0))


def main(words: list[str]) -> int:
    """Run `python -m train.distill` with a command line; the exit status."""
    return launch("python -m train.distill", Command, words, for_distillation)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
