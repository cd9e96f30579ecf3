"""Learning from a frozen model: the objective of pretraining, with a teacher that does not move.

Oquab et al. 2023, section 5: a larger frozen model teaches, nothing is hidden from the student, iBOT's loss is of
every patch of the global crops, no depth is dropped, and the EMA of the student is what is kept.

A released model comes without the heads that turn tokens into prototypes. Then heads are learned beside the students
on the teacher's own features, by the same two losses with the teacher in the student's place: the cls token of one
global crop predicts the other's target, a patch its own; targets come from the EMA of these heads. (The
students' heads cannot serve: they need not be as wide as the teacher, nor are their features its features.) The
features are standardised first, since what all images share would else hide what they do not for long. What keeps the targets from collapsing is what does in pretraining: Sinkhorn-Knopp, or the centre, has every prototype used
about equally, whatever the heads would like; and the features beneath cannot collapse, being frozen.

B images, N patches of a global crop, D width, K prototypes. Several students share one pass of the teacher.
"""

import copy
from collections.abc import Iterator, Mapping
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from core import VisionTransformer
from train.data.batch import Batch
from train.losses import SoftmaxCentring, dino_cross_entropy, ibot_cross_entropy
from train.method.heads import HeadConfig, PrototypeHead
from train.method.objective import ObjectiveConfig, TeacherTargets, Term, student_losses, student_tokens, targets_of
from train.method.standardise import Standardiser
from train.method.student_teacher import StudentTeacher, move_towards
from train.method.teacher import FrozenTeacher, Heads, TeacherFeatures, on_grid, teacher_features
from train.method.teacher_memory import TeacherMemory

MAIN = "main"
"""The student that the run folder itself is of."""
PATCHES_LEARNED = 0.25
"""Share of a batch's patches that the teacher's iBOT head learns from: its prototypes need no more."""


class Distillation(nn.Module):
    """Students and their EMAs, taught by one frozen model, which no checkpoint holds a copy of.

    `teacher_heads`, the EMA of `head_learner`, give the targets; where the teacher's own heads are known
    these do, frozen, and nothing is learned on its features.
    """

    def __init__(
        self,
        teacher: FrozenTeacher,
        students: Mapping[str, StudentTeacher],
        heads: HeadConfig,
        memory: TeacherMemory | None = None,
    ):
        super().__init__()
        self.students = nn.ModuleDict(students)
        self._pairs = dict(students)  # the same, whose types a ModuleDict forgets
        self.head_learner = Heads(teacher.backbone.config.width, heads) if teacher.heads is None else None
        if self.head_learner is not None:
            self.teacher_heads = copy.deepcopy(self.head_learner).requires_grad_(False)
            self.cls_standardiser, self.patch_standardiser = (
                Standardiser(teacher.backbone.config.width) for _ in range(2)
            )
        self.cls_centring = SoftmaxCentring(heads.dino_prototypes)
        self.patch_centring = SoftmaxCentring(heads.patch_prototypes)
        self._frozen = (teacher,)  # a tuple, so that it is no part of the module
        self._memory = memory

    def terms(
        self,
        batch: Batch,
        temperature: float,
        objective: ObjectiveConfig,
        drop_rate: float,
        generator: torch.Generator,
    ) -> list[Term]:
        """Every student's terms, those of the main one under plain names, then those of the teacher's heads."""
        seen = self._see(batch)
        cls = self._cls_targets(seen, temperature, objective)
        by_grid: dict[int, Tensor] = {}
        found: list[Term] = []
        for name, pair in self._pairs.items():
            side = batch.global_crops.shape[-1] // pair.student.backbone.config.patch
            if side not in by_grid:
                by_grid[side] = self._patch_targets(on_grid(seen.patches, side).flatten(0, 1), temperature, objective)
            mine = batch._replace(masks=_masks_on_grid(batch.masks, side))
            packed = student_tokens(pair.student, mine, drop_rate, generator)
            targets, predicted = TeacherTargets(cls, by_grid[side]), torch.ones_like(mine.masks)
            said = student_losses(pair.student, packed, mine, predicted, targets, objective)
            found += said.terms("" if name == MAIN else f"{name}/")
        if self.head_learner is not None:
            found += self._head_terms(self.head_learner, seen, cls, temperature, objective, generator)
        return found

    def _see(self, batch: Batch) -> TeacherFeatures:
        """The teacher's features, as its heads take them."""
        backbone = self._frozen[0].backbone
        if self._memory is None:
            seen = teacher_features(backbone, batch.global_crops)
        else:
            seen = self._memory.recall(
                batch.global_crops, batch.indices, lambda crops: teacher_features(backbone, crops)
            )
        if self.head_learner is None:
            return seen
        return TeacherFeatures(self.cls_standardiser(seen.cls), self.patch_standardiser(seen.patches))

    @property
    def _target_heads(self) -> Heads:
        own = self._frozen[0].heads
        return self.teacher_heads if own is None else own

    @torch.no_grad()
    def _cls_targets(self, seen: TeacherFeatures, temperature: float, objective: ObjectiveConfig) -> Tensor:
        """[2, B, K]."""
        logits = self._target_heads.dino_head(seen.cls, exact=True)
        targets = targets_of(logits, temperature, objective, self.cls_centring)
        return targets.unflatten(0, (2, -1))

    @torch.no_grad()
    def _patch_targets(self, patches: Tensor, temperature: float, objective: ObjectiveConfig) -> Tensor:
        """[M, K] of patches [M, D]."""
        logits = self._target_heads.patch_head(patches, exact=True)
        return targets_of(logits, temperature, objective, self.patch_centring)

    def _head_terms(
        self,
        heads: Heads,
        seen: TeacherFeatures,
        cls: Tensor,
        temperature: float,
        objective: ObjectiveConfig,
        generator: torch.Generator,
    ) -> list[Term]:
        """The terms of the heads on the teacher's features: one crop predicts the other's target, a patch its own."""
        across = cls.flip(0).flatten(0, 1)
        dino = dino_cross_entropy(heads.dino_head(seen.cls)[None], across[None], objective.student_temperature)
        patches = seen.patches.flatten(0, 1)
        count = max(round(PATCHES_LEARNED * len(patches)), 1)
        chosen = patches[torch.randperm(len(patches), generator=generator)[:count].to(patches.device)]
        targets = self._patch_targets(chosen, temperature, objective)
        ones = torch.ones(count, device=patches.device)
        ibot = ibot_cross_entropy(heads.patch_head(chosen), targets, ones, count, objective.student_temperature)
        return [
            Term("teacher_heads/dino", objective.dino_weight * dino),
            Term("teacher_heads/ibot", objective.ibot_weight * ibot),
        ]

    def update_teacher(self, momentum: float) -> None:
        """Move the students' EMAs, and that of the heads on the teacher's features."""
        for pair in self.pairs():
            pair.update_teacher(momentum)
        if self.head_learner is not None:
            move_towards(self.teacher_heads, self.head_learner, momentum)

    def trained(self) -> Iterator[tuple[str, nn.Module]]:
        """The sub-networks that learn, each of which has its gradient clipped by itself."""
        for name, pair in self._pairs.items():
            for part, network in pair.trained():
                yield part if name == MAIN else f"{name}/{part}", network
        if self.head_learner is not None:
            for part, head in self.head_learner.named_children():
                yield f"teacher_heads/{part}", head

    def pairs(self) -> list[StudentTeacher]:
        """Every student and its EMA, the main one first."""
        return list(self._pairs.values())

    def backbones(self) -> list[VisionTransformer]:
        """All of them, the frozen one too: they are sharded and compiled."""
        return [*(one for pair in self.pairs() for one in pair.backbones()), self._frozen[0].backbone]

    def heads(self) -> list[PrototypeHead]:
        sets = [self._target_heads] if self.head_learner is None else [self.head_learner, self.teacher_heads]
        own = [head for heads in sets for head in heads.members()]
        return [*(head for pair in self.pairs() for head in pair.heads()), *own]

    def exported(self) -> dict[Path, VisionTransformer]:
        """The students' EMAs, those beside the main one in folders of their names."""
        return {Path() if name == MAIN else Path(name): pair.teacher.backbone for name, pair in self._pairs.items()}


def _masks_on_grid(masks: Tensor, side: int) -> Tensor:
    """Masks [2B, N] of a square grid on a grid of `side` × `side`, each patch as the nearest one was."""
    own = round(masks.shape[1] ** 0.5)
    if own == side:
        return masks
    square = masks.float().unflatten(1, (own, own)).unsqueeze(1)
    return F.interpolate(square, size=(side, side), mode="nearest-exact").flatten(1) > 0
