"""One step's loss: the targets of the teacher, the outputs of the student, and the terms between them.

B images, G = 2 global crops, L local crops, N patches of a global crop, M masked patches, K prototypes, D width; the
student sees each global crop `draws` times, with other masks, the teacher once.
Crops lie crop after crop: rows 0..B−1 are the first crops of all images, rows B..2B−1 the second.
"""

from dataclasses import dataclass
from typing import Annotated, Literal, NamedTuple, Protocol

import torch
from torch import Tensor

from core import RequestError, Tokens
from core.bounds import Bounds, require_bounds
from train.data.batch import Batch
from train.dist import first_row, gather_rows
from train.losses import (
    SinkhornQueue,
    SoftmaxCentring,
    dino_cross_entropy,
    gram,
    ibot_cross_entropy,
    koleo,
    sinkhorn_knopp,
)
from train.method.network import Network


class Term(NamedTuple):
    """A part of what is descended, by the name it is logged under."""

    name: str
    value: Tensor


class Losses(NamedTuple):
    """The weighted terms; their sum is what the student descends."""

    dino_local: Tensor
    dino_global: Tensor
    ibot: Tensor
    koleo: Tensor
    gram: Tensor | None = None
    """In a phase that anchors the relations between patches."""

    def total(self) -> Tensor:
        return torch.stack([value for _, value in self.terms()]).sum()

    def terms(self, before: str = "") -> list[Term]:
        return [Term(before + name, value) for name, value in self._asdict().items() if value is not None]


class Pair(Protocol):
    """A student and a teacher with heads of one size, the EMAs of logits that softmax centring subtracts, and the queue
    that Sinkhorn-Knopp balances over, if any."""

    student: Network
    teacher: Network
    cls_centring: SoftmaxCentring
    patch_centring: SoftmaxCentring
    queue: SinkhornQueue | None


@dataclass(frozen=True)
class ObjectiveConfig:
    """Weights and temperatures of the terms (Oquab et al. 2023, table 16)."""

    dino_weight: Annotated[float, Bounds(0, 10**6)] = 1.0
    ibot_weight: Annotated[float, Bounds(0, 10**6)] = 1.0
    koleo_weight: Annotated[float, Bounds(0, 10**6)] = 0.1
    koleo_images: Annotated[int, Bounds(0, 2**20)] = 0
    """Images that KoLeo compares with one another: groups of so many of what all ranks compute at once, 0 for all of it.
    The reference compares those of each GPU."""
    gram_weight: Annotated[float, Bounds(0, 10**6)] = 0.0
    """Of the relations between patches, held to those of the teacher as it was when the phase began (DINOv3: 2)."""
    gram_scale: Annotated[int, Bounds(1, 16)] = 2
    """Factor by which that teacher sees the global crops enlarged, whose finer patches are then pooled (DINOv3: 2)."""
    student_temperature: Annotated[float, Bounds(0, 10, above=True)] = 0.1
    centring: Literal["sinkhorn", "softmax"] = "sinkhorn"
    """Method by which the teacher's logits become targets that do not collapse."""
    queue: Annotated[int, Bounds(0, 2**20)] = 0
    """Images, over all ranks, whose logits of the cls token Sinkhorn-Knopp balances together with those of the batch,
    once so many have come (`train.losses.SinkhornQueue`); 0 for the batch alone."""

    def __post_init__(self):
        require_bounds(self, "objective.")
        if self.queue and self.centring == "softmax":
            raise RequestError(
                f"objective.queue is {self.queue} with {self.centring} centring; leave it at 0 "
                "with softmax, whose centre remembers by itself."
            )


class TeacherTargets(NamedTuple):
    """`cls` [2, B, K]: targets of the two global crops; `patches` [M, K']: those of the masked patches of all draws."""

    cls: Tensor
    patches: Tensor


@torch.no_grad()
def teacher_targets(networks: Pair, batch: Batch, temperature: float, config: ObjectiveConfig) -> TeacherTargets:
    """The targets that the teacher, seeing the whole global crops, sets the student."""
    teacher = networks.teacher
    centrings = networks.cls_centring, networks.patch_centring
    tokens = teacher.backbone(batch.global_crops)
    logits = teacher.dino_head(tokens.cls, exact=True)
    if networks.queue is None:
        cls = targets_of(logits, temperature, config, centrings[0])
    else:
        cls = networks.queue(logits, temperature)
    masks = batch.masks.unflatten(0, (batch.draws, -1))
    patch_logits = teacher.patch_head(tokens.patches.expand(batch.draws, -1, -1, -1)[masks], exact=True)
    patches = targets_of(patch_logits, temperature, config, centrings[1])
    return TeacherTargets(cls.unflatten(0, (2, batch.images)), patches)


def targets_of(logits: Tensor, temperature: float, config: ObjectiveConfig, centring: SoftmaxCentring) -> Tensor:
    """Targets [M, K] float32 of a teacher's logits [M, K], by the configured way."""
    return (centring if config.centring == "softmax" else sinkhorn_knopp)(logits, temperature)


def losses(
    networks: Pair,
    batch: Batch,
    targets: TeacherTargets,
    config: ObjectiveConfig,
    drop_rate: float = 0.0,
    generator: torch.Generator | None = None,
    anchor: Tensor | None = None,
) -> Losses:
    """The terms of the objective for a batch, as the reference weighs them.

    `drop_rate` is the student's stochastic depth, drawn from `generator`; `anchor` [2B, N, D] float are the patches of
    an earlier teacher, whose relations the student is held to.
    """
    packed = student_tokens(networks.student, batch, drop_rate, generator)
    found = student_losses(networks.student, packed, batch, batch.masks, targets, config)
    if anchor is None:
        return found
    return found._replace(gram=config.gram_weight * gram(packed[0].patches, anchor.repeat(batch.draws, 1, 1)))


def student_tokens(
    student: Network, batch: Batch, drop_rate: float = 0.0, generator: torch.Generator | None = None
) -> list[Tokens]:
    """Tokens of the global crops under each draw's masks, and of the local ones where there are any, in one packed pass."""
    crops = [batch.global_crops.expand(batch.draws, -1, -1, -1, -1).flatten(0, 1)]
    masks: list[Tensor | None] = [batch.masks]
    if len(batch.local_crops):
        crops.append(batch.local_crops)
        masks.append(None)
    return student.backbone.forward_packed(crops, masks, drop_rate=drop_rate, generator=generator)


def student_losses(
    student: Network,
    packed: list[Tokens],
    batch: Batch,
    predicted: Tensor,
    targets: TeacherTargets,
    config: ObjectiveConfig,
) -> Losses:
    """The terms of what the student says, `packed`, against the targets; `predicted` [draws·2B, N] bool: iBOT's patches.

    Both DINO terms are divided by the number of (student crop, teacher crop) pairs, 2·L + 2. Those of the global crops
    are means over the draws; KoLeo is of the first alone, since it must not push apart what is said of one picture.
    """
    images, draws = batch.images, batch.draws
    global_cls = packed[0].cls[: 2 * images]
    logits = student.dino_head(torch.cat([tokens.cls for tokens in packed]))
    global_logits, local_logits = logits.split([len(predicted), len(logits) - len(predicted)])
    pairs = 2 * batch.locals_per_image + 2

    across = targets.cls.flip(0).flatten(0, 1)  # each global crop against the other one's target
    by_draw = global_logits.unflatten(0, (draws, -1))
    dino_global = dino_cross_entropy(by_draw, across[None], config.student_temperature) * 2 / (pairs * draws)
    dino_local = global_logits.new_zeros(())
    if len(local_logits):
        by_crop = local_logits.unflatten(0, (-1, images))
        dino_local = dino_cross_entropy(by_crop, targets.cls, config.student_temperature) / pairs

    weights = (1 / predicted.sum(dim=1).clamp(min=1)).unsqueeze(1).expand_as(predicted)[predicted]
    ibot = ibot_cross_entropy(
        student.patch_head(packed[0].patches[predicted]),
        targets.patches,
        weights,
        len(predicted),
        config.student_temperature,
    )
    first, second = (_spread(chunk, config.koleo_images) for chunk in global_cls.chunk(2))
    return Losses(
        config.dino_weight * dino_local,
        config.dino_weight * dino_global,
        config.ibot_weight * ibot,
        config.koleo_weight * (first + second),
    )


def _spread(cls: Tensor, group: int) -> Tensor:
    """KoLeo of this rank's images [B, D] in groups of `group` over all ranks, 0 for one; zero where it is of one image."""
    if group and len(cls) % group == 0:
        return torch.stack([koleo(part) for part in cls.split(group)]).mean()
    everyone, first = gather_rows(cls), first_row(len(cls))
    if group:
        start = first // group * group
        everyone, first = everyone[start : start + group], first - start
    return koleo(cls, everyone, first) if len(everyone) > 1 else cls.new_zeros(())


def require_groups(group: int, images: int, ranks: int) -> None:
    """RequestError where KoLeo's groups of `group` cannot be made of the `images` that each rank computes at once.

    A group lies within a rank, or is of whole ranks' images.
    """
    if group < 0 or group == 1:
        raise RequestError(f"objective.koleo_images is {group}; KoLeo compares 2 images or more, with 0 all there are.")
    if group and group < images * ranks and images % group and group % images:
        raise RequestError(
            f"KoLeo's groups of {group} images (objective.koleo_images) cannot be made of the {images} that each of "
            f"{ranks} ranks computes at once: choose a divisor or a multiple of {images}, or 0 for all."
        )
