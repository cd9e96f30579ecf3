"""Two networks of one shape: the student that learns, and the teacher that is its EMA."""

import copy
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from core import VisionTransformer, ViTConfig
from train.data.batch import Batch
from train.losses import SinkhornQueue, SoftmaxCentring
from train.method.heads import HeadConfig, PrototypeHead
from train.method.network import Network
from train.method.objective import ObjectiveConfig, Term, losses, teacher_targets


class StudentTeacher(nn.Module):
    """Both networks. The teacher has no gradients and starts equal to the student.

    The centrings keep the EMAs of logits that softmax centring subtracts; Sinkhorn-Knopp leaves them alone. `queue`
    holds the logits of so many images, None for 0. `anchor` is the teacher's backbone as it was when a
    phase with a Gram term began, frozen; None in other phases.
    """

    def __init__(self, student: Network, queue: int = 0):
        super().__init__()
        self.student = student
        self.teacher = copy.deepcopy(student).requires_grad_(False).eval()
        prototypes = len(student.dino_head.last_layer.weight_v)
        self.cls_centring = SoftmaxCentring(prototypes)
        self.patch_centring = SoftmaxCentring(len(student.patch_head.last_layer.weight_v))
        self.queue = SinkhornQueue(queue, prototypes) if queue else None
        self.anchor: VisionTransformer | None = None

    def terms(
        self,
        batch: Batch,
        temperature: float,
        objective: ObjectiveConfig,
        drop_rate: float,
        generator: torch.Generator,
    ) -> list[Term]:
        """The weighted terms whose sum the student descends; the same names in every step.

        The teacher sees what is hidden from the student. `temperature` is the teacher's, `drop_rate` that of the
        student's branches, drawn from `generator`.
        """
        targets = teacher_targets(self, batch, temperature, objective)
        anchor = None if self.anchor is None else _anchor_patches(self.anchor, batch.global_crops, objective.gram_scale)
        return losses(self, batch, targets, objective, drop_rate, generator, anchor).terms()

    def set_anchor(self) -> None:
        """Keep the teacher's backbone as it is now, for the Gram term."""
        self.anchor = copy.deepcopy(self.teacher.backbone)

    @torch.no_grad()
    def update_teacher(self, momentum: float) -> None:
        """teacher ← momentum · teacher + (1 − momentum) · student, in the parameters' own precision."""
        move_towards(self.teacher, self.student, momentum)

    def trained(self) -> Iterator[tuple[str, nn.Module]]:
        """The sub-networks that learn, each of which has its gradient clipped by itself."""
        return self.student.named_children()

    def pairs(self) -> list["StudentTeacher"]:
        """Every student and its EMA: this one."""
        return [self]

    def backbones(self) -> list[VisionTransformer]:
        """All of them, frozen ones too: they are sharded and compiled."""
        anchor = [] if self.anchor is None else [self.anchor]
        return [self.student.backbone, self.teacher.backbone, *anchor]

    def heads(self) -> list[PrototypeHead]:
        return [head for network in (self.student, self.teacher) for head in network.heads]

    def exported(self) -> dict[Path, VisionTransformer]:
        """The backbones a run leaves behind, by their folders within that of the run; the first is the run's own."""
        return {Path(): self.teacher.backbone}


@torch.no_grad()
def _anchor_patches(anchor: VisionTransformer, crops: Tensor, scale: int) -> Tensor:
    """Patches [2B, N, D] of the anchor, which sees the crops `scale` times as large and is pooled."""
    grid = crops.shape[-1] // anchor.config.patch
    if scale > 1:
        crops = F.interpolate(crops, scale_factor=scale, mode="bicubic")
    fine = anchor(crops).patches.float().mT.unflatten(2, (grid * scale, grid * scale))
    return F.avg_pool2d(fine, scale).flatten(2).mT


@torch.no_grad()
def move_towards(ema: nn.Module, learner: nn.Module, momentum: float) -> None:
    """ema ← momentum · ema + (1 − momentum) · learner, parameter by parameter."""
    pairs = zip(ema.parameters(), learner.parameters(), strict=True)
    averages, learners = zip(*pairs, strict=True)
    torch._foreach_lerp_(list(averages), list(learners), 1 - momentum)


def build(model: ViTConfig, heads: HeadConfig, queue: int = 0) -> StudentTeacher:
    """A student and its teacher, freshly initialised, with an empty queue for the logits of so many images."""
    backbone = VisionTransformer(model)
    return StudentTeacher(Network(backbone, *both_heads(model.width, heads)), queue)


def both_heads(width: int, config: HeadConfig) -> tuple[PrototypeHead, PrototypeHead | None]:
    """DINO's and iBOT's head on features of one width, freshly initialised; None for iBOT's where they are tied."""
    prototypes = config.train_magnitudes, config.prototype_std
    dino = PrototypeHead(width, config.dino_prototypes, config.hidden, config.bottleneck, *prototypes)
    if config.tied:
        return dino, None
    return dino, PrototypeHead(width, config.ibot_prototypes, config.hidden, config.patch_bottleneck, *prototypes)
