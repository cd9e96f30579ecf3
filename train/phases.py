"""A run in one or two phases: the recipe's own crops, then perhaps a short continuation at larger ones."""

from dataclasses import replace
from typing import NamedTuple

import torch
from torch import nn

from core import ViTConfig
from train.config import RunConfig
from train.learning import Learning


class Phase(NamedTuple):
    """Steps `first` to `last` of a run, and what they are trained with: `config` counts its steps from 0."""

    first: int
    last: int
    config: RunConfig


def phases(config: RunConfig) -> tuple[Phase, ...]:
    """The phases of a run, in order.

    The second keeps every schedule of the first, compressed into its own steps, at a lower learning rate, as
    Oquab et al. 2023 (section 5 and appendix B.2) describe it. Its images and draws come from another seed.
    """
    main = Phase(0, config.optim.steps, config)
    larger = config.high_resolution
    if not larger.steps:
        return (main,)
    optim, share = config.optim, larger.steps / config.optim.steps
    compressed = replace(
        optim,
        steps=larger.steps,
        batch=larger.batch or optim.batch,
        base_lr=optim.base_lr * larger.lr_share,
        warmup_steps=round(optim.warmup_steps * share),
        freeze_last_layer_steps=round(optim.freeze_last_layer_steps * share),
        temperature_warmup_steps=round(optim.temperature_warmup_steps * share),
    )
    second = replace(
        config,
        model=replace(config.model, image_size=larger.global_size),
        augment=replace(config.augment, global_size=larger.global_size, local_size=larger.local_size),
        optim=compressed,
        compute=replace(config.compute, accumulate=larger.accumulate or config.compute.accumulate),
        seed=config.seed + 1,
    )
    return main, Phase(main.last, main.last + larger.steps, second)


def enlarge(networks: Learning, config: ViTConfig) -> None:
    """Give all students and their means the position table of `config`'s picture size, each by its own convention."""
    for pair in networks.pairs():
        for network in (pair.student, pair.teacher):
            backbone = network.backbone
            larger = replace(backbone.config, image_size=config.image_size)
            with torch.no_grad():
                resized = backbone.position_embedding(larger.grid, larger.grid)
            backbone.pos_embed = nn.Parameter(resized.clone(), requires_grad=backbone.pos_embed.requires_grad)
            backbone.config = larger
