"""One step's loss: what the teacher says, what the student says, and the terms between them.

B images, G = 2 global crops, L local crops, N patches of a global crop, M masked patches, K prototypes, D width.
Crops lie crop after crop: rows 0..B−1 are the first crops of all images, rows B..2B−1 the second.
"""

from dataclasses import dataclass
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from train.dist import first_row, gather_rows
from train.losses import dino_cross_entropy, ibot_cross_entropy, koleo, sinkhorn_knopp
from train.student_teacher import StudentTeacher


class Batch(NamedTuple):
    """What one step sees.

    `global_crops` [2B, 3, H, W] and `local_crops` [L·B, 3, H', W'] float, ImageNet-normalised; `masks` [2B, N]
    bool, True where the student sees the mask token. `local_crops` may be empty.
    """

    global_crops: Tensor
    local_crops: Tensor
    masks: Tensor

    @property
    def images(self) -> int:
        return len(self.global_crops) // 2

    @property
    def locals_per_image(self) -> int:
        return len(self.local_crops) // self.images


class Losses(NamedTuple):
    """The weighted terms; their sum is what the student descends."""

    dino_local: Tensor
    dino_global: Tensor
    ibot: Tensor
    koleo: Tensor

    def total(self) -> Tensor:
        return sum(self)


@dataclass(frozen=True)
class ObjectiveConfig:
    """Weights and temperatures of the terms (Oquab et al. 2023, table 16)."""

    dino_weight: float = 1.0
    ibot_weight: float = 1.0
    koleo_weight: float = 0.1
    student_temperature: float = 0.1
    centring: Literal["sinkhorn", "softmax"] = "sinkhorn"
    """How the teacher's logits become targets that do not collapse."""


class TeacherTargets(NamedTuple):
    """`cls` [2, B, K]: targets of the two global crops; `patches` [M, K']: those of the masked patches."""

    cls: Tensor
    patches: Tensor


@torch.no_grad()
def teacher_targets(
    networks: StudentTeacher, batch: Batch, temperature: float, config: ObjectiveConfig
) -> TeacherTargets:
    """What the teacher, seeing the whole global crops, asks of the student."""
    teacher = networks.teacher
    softmax = config.centring == "softmax"
    balance_cls, balance_patches = (
        (networks.cls_centring, networks.patch_centring) if softmax else (sinkhorn_knopp, sinkhorn_knopp)
    )
    tokens = teacher.backbone(batch.global_crops)
    cls = balance_cls(teacher.dino_head(tokens.cls), temperature)
    patches = balance_patches(teacher.ibot_head(tokens.patches[batch.masks]), temperature)
    return TeacherTargets(cls.unflatten(0, (2, batch.images)), patches)


def losses(
    networks: StudentTeacher,
    batch: Batch,
    targets: TeacherTargets,
    config: ObjectiveConfig,
    drop_rate: float = 0.0,
    generator: torch.Generator | None = None,
) -> Losses:
    """The terms of the objective for a batch, as the reference weighs them.

    Both DINO terms are divided by the number of (student crop, teacher crop) pairs, 2·L + 2; `drop_rate` is
    the student's stochastic depth, drawn from `generator`.
    """
    student, images = networks.student, batch.images
    crops, masks = [batch.global_crops], [batch.masks]
    if len(batch.local_crops):
        crops.append(batch.local_crops)
        masks.append(None)
    packed = student.backbone.forward_packed(crops, masks, drop_rate=drop_rate, generator=generator)
    global_cls = packed[0].cls
    logits = student.dino_head(torch.cat([tokens.cls for tokens in packed]))
    global_logits, local_logits = logits.split([2 * images, len(logits) - 2 * images])
    pairs = 2 * batch.locals_per_image + 2

    across = targets.cls.flip(0).flatten(0, 1)  # each global crop against the other one's target
    dino_global = dino_cross_entropy(global_logits[None], across[None], config.student_temperature) * 2 / pairs
    dino_local = global_logits.new_zeros(())
    if len(local_logits):
        by_crop = local_logits.unflatten(0, (-1, images))
        dino_local = dino_cross_entropy(by_crop, targets.cls, config.student_temperature) / pairs

    weights = (1 / batch.masks.sum(dim=1).clamp(min=1)).unsqueeze(1).expand_as(batch.masks)[batch.masks]
    ibot = ibot_cross_entropy(
        student.ibot_head(packed[0].patches[batch.masks]),
        targets.patches,
        weights,
        2 * images,
        config.student_temperature,
    )
    spread = sum(_spread(chunk) for chunk in global_cls.chunk(2))
    return Losses(
        config.dino_weight * dino_local,
        config.dino_weight * dino_global,
        config.ibot_weight * ibot,
        config.koleo_weight * spread,
    )


def _spread(cls: Tensor) -> Tensor:
    """KoLeo of this rank's images [B, D] among those of all ranks; zero where there is one image in all."""
    everyone = gather_rows(cls)
    return koleo(cls, everyone, first_row(len(cls))) if len(everyone) > 1 else cls.new_zeros(())
