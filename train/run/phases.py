"""A run in phases: the recipe's own steps, then others with larger crops, finer patches, other weights of the terms."""

from dataclasses import replace
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from core import VisionTransformer, ViTConfig
from train.config import OptimConfig, RunConfig
from train.method.learning import Learning
from train.phase_config import PhaseConfig, changed


class Phase(NamedTuple):
    """Steps `first` to `last` of a run, and what they are trained with: `config` counts its steps from 0.

    `model_before`: the shape of the model as the phase finds it.
    """

    first: int
    last: int
    config: RunConfig
    model_before: ViTConfig


def phases(config: RunConfig) -> tuple[Phase, ...]:
    """The phases of a run, in order.

    Each later one keeps every schedule of the first, compressed into its own steps, as Oquab et al. 2023 (section 5
    and appendix B.2) describe it for larger crops. Its images and draws come from another seed.
    """
    found = [Phase(0, config.optim.steps, replace(config, phases=()), config.model)]
    for number, change in enumerate(config.phases, start=1):
        _, first, before, _ = found[-1]
        augment = changed(before.augment, change)
        masks = before.masks
        if change.mask_ratio is not None:
            masks = replace(masks, ratio=change.mask_ratio)
        if change.mask_probability is not None:
            masks = replace(masks, probability=change.mask_probability)
        model = replace(before.model, patch=change.patch or before.model.patch, image_size=augment.global_size)
        later = replace(
            before,
            model=model,
            augment=augment,
            masks=masks,
            objective=changed(before.objective, change),
            optim=_compressed(config.optim, before.optim.batch, change),
            compute=changed(before.compute, change),
            seed=config.seed + number,
        )
        found.append(Phase(first, first + change.steps, later, before.model))
    return tuple(found)


def _compressed(optim: OptimConfig, batch_before: int, change: PhaseConfig) -> OptimConfig:
    """The schedules of a run's first phase within the steps of a later one."""
    share = change.steps / optim.steps
    later = replace(
        optim,
        steps=change.steps,
        batch=change.batch or batch_before,
        base_lr=optim.base_lr * change.lr_share,
        warmup_steps=round(optim.warmup_steps * share),
        heads_first_steps=0,
        freeze_last_layer_steps=round(optim.freeze_last_layer_steps * share),
        temperature_warmup_steps=round(optim.temperature_warmup_steps * share),
    )
    if not change.final_lr_share:
        return later
    return replace(later, final_lr=later.lr * change.final_lr_share / change.lr_share)


def reshape(networks: Learning, config: ViTConfig) -> None:
    """Give all students and their EMAs the position table, if any, of `config`'s picture size, and the main ones its patch."""
    for number, pair in enumerate(networks.pairs()):
        for network in (pair.student, pair.teacher):
            patch = config.patch if number == 0 else network.backbone.config.patch
            reshape_backbone(network.backbone, patch, config.image_size)


@torch.no_grad()
def reshape_backbone(backbone: VisionTransformer, patch: int, image_size: int) -> None:
    """Have a backbone cut pictures into patches of another side, and store positions for another picture size.

    Positions are resized by the model's own convention, so that its outputs for pictures of that size stay what they
    were (with RoPE there are none to store); the patch embedding as `resampled_patches` says.
    """
    before = backbone.config
    shaped = replace(before, patch=patch, image_size=image_size)
    if before.positions == "learned":
        positions = backbone.position_embedding(shaped.grid, shaped.grid)
        backbone.pos_embed = nn.Parameter(positions.clone(), requires_grad=backbone.pos_embed.requires_grad)
    if patch != before.patch:
        old = backbone.patch_embed.proj
        backbone.patch_embed = type(backbone.patch_embed)(shaped).to(old.weight)
        backbone.patch_embed.requires_grad_(old.weight.requires_grad)
        kernels = {"weight": resampled_patches(old.weight, patch)}
        backbone.patch_embed.proj.load_state_dict(old.state_dict() | kernels)
    backbone.config = shaped


def resampled_patches(weight: Tensor, patch: int) -> Tensor:
    """A patch embedding [D, C, P, P] for patches of another side, [D, C, patch, patch].

    Of all kernels it is the one whose answer to a resized patch comes nearest to the old one's answer to the patch
    itself, over patches of white noise; where patches grow, they are equal. Source: Beyer et al. 2023 (FlexiViT,
    arXiv 2212.08013), section 3.4.

    >>> weight = torch.randn(2, 3, 4, 4)
    >>> picture = torch.randn(1, 3, 4, 4)
    >>> larger = F.interpolate(picture, size=(7, 7), mode="bicubic", antialias=True)
    >>> torch.allclose(F.conv2d(picture, weight), F.conv2d(larger, resampled_patches(weight, 7)), atol=1e-4)
    True
    """
    side = weight.shape[-1]
    every = torch.eye(side**2, dtype=torch.float64, device=weight.device).view(-1, 1, side, side)
    resize = F.interpolate(every, size=(patch, patch), mode="bicubic", antialias=True).flatten(1).T  # [patch², P²]
    flat = weight.double().flatten(2)  # [D, C, P²]
    return (flat @ torch.linalg.pinv(resize)).view(*weight.shape[:2], patch, patch).to(weight.dtype)
