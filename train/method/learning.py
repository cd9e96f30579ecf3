"""What the training loop asks of the networks it trains, whoever teaches them."""

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import torch
from torch import nn

from core import VisionTransformer
from train.data.batch import Batch
from train.method.heads import PrototypeHead
from train.method.objective import ObjectiveConfig, Term
from train.method.student_teacher import StudentTeacher


class Learning(Protocol):
    """A module (its parameters and buffers are what a checkpoint holds) that knows its own loss.

    `train.method.student_teacher.StudentTeacher` learns from its EMA, `train.method.distillation.Distillation` from a
    frozen model.
    """

    def terms(
        self,
        batch: Batch,
        temperature: float,
        objective: ObjectiveConfig,
        drop_rate: float,
        generator: torch.Generator,
    ) -> list[Term]:
        """The weighted terms whose sum is descended; the same names in every step.

        `temperature` of the teacher, `drop_rate` of the student's branches, drawn from `generator`.
        """

    def update_teacher(self, momentum: float) -> None:
        """Move every EMA towards what it follows."""

    def trained(self) -> Iterator[tuple[str, nn.Module]]:
        """The sub-networks that learn, each of which has its gradient clipped by itself."""

    def pairs(self) -> list[StudentTeacher]:
        """Every student and its EMA."""

    def backbones(self) -> list[VisionTransformer]:
        """All of them, frozen ones too: what is sharded and compiled."""

    def heads(self) -> list[PrototypeHead]: ...

    def exported(self) -> dict[Path, VisionTransformer]:
        """The backbones a run leaves behind, by their folders within that of the run; the first is the run's own."""
