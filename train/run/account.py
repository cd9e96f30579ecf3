"""The account of a run's cost: arithmetic, time, energy, carbon; as Oquab et al. 2023 report it in section 8.

Arithmetic is counted from the shapes (a multiplication and an addition are two operations); norms, activations
and the losses, some percents, are not. Time is what the log says, before and after every resumption.
"""

import json
import logging
import os
from pathlib import Path
from typing import NamedTuple

import torch

from core import ViTConfig
from core.files import write_whole
from core.records.runs import ACCOUNT, read_metrics
from train.config import AccountConfig, RunConfig
from train.method.distillation import PATCHES_LEARNED
from train.method.heads import HeadConfig
from train.recipes import student_models
from train.run.phases import phases

log = logging.getLogger(__name__)

RATED_WATTS = {"H200": 700, "H100": 700, "A100": 400, "V100": 300, "L40S": 350, "A10G": 150, "L4": 72, "T4": 70}
"""Rated power of cards by a word in their name, as their makers state it (SXM forms where there are several)."""
WATTS_PER_CORE = 8
"""Of a processor: a server's rated power divided by its cores, roughly."""


class StepWork(NamedTuple):
    """Floating-point operations of one step over all images of its batch."""

    student: float
    """Forward and backward; what stochastic depth leaves out is not counted."""
    teacher: float
    heads: float
    """Of both networks."""

    @property
    def total(self) -> float:
        return sum(self)


def backbone_work(config: ViTConfig, size: int) -> float:
    """Operations of one forward for a picture of size × size pixels."""
    return _blocks_work(config, size) + _embedding_work(config, size)


def _blocks_work(config: ViTConfig, size: int) -> float:
    tokens, width = (size // config.patch) ** 2 + 1 + config.registers, config.width
    feed = (2 if config.ffn == "mlp" else 3) * width * config.hidden
    return config.depth * (2 * tokens * (4 * width**2 + feed) + 4 * tokens**2 * width)


def _embedding_work(config: ViTConfig, size: int) -> float:
    return 2 * (size // config.patch) ** 2 * config.channels * config.patch**2 * config.width


def step_work(config: RunConfig) -> StepWork:
    """The operations of one step of a phase; a backward counts as two forwards, of the patch embedding as one.

    A frozen teacher's passes are counted in every epoch, also where they are remembered.
    """
    augment, batch, distillation = config.augment, config.optim.batch, config.distillation
    seen = 2 * config.masks.draws
    crops = ((seen, augment.global_size), (augment.local_crops, augment.local_size))
    blocks = embedding = heads = 0.0
    for model in student_models(config):
        blocks += batch * sum(count * _blocks_work(model, size) for count, size in crops)
        embedding += batch * sum(count * _embedding_work(model, size) for count, size in crops)
        heads += 3 * batch * (seen + augment.local_crops) * _cls_work(model.width, config.heads)
        heads += 3 * _ibot_patches(config, model) * _patch_work(model.width, config.heads)
    teacher, targets = config.model, 1.0
    if distillation.teacher:
        teacher, targets = distillation.model, 1.0 if distillation.own_heads else 4.0  # learned: 3 more
    heads += targets * 2 * batch * _cls_work(teacher.width, config.heads)
    patches = _ibot_patches(config, config.model)
    learned = 0.0 if targets == 1 else 4 * PATCHES_LEARNED * 2 * batch * (augment.global_size // teacher.patch) ** 2
    heads += (patches + learned) * _patch_work(teacher.width, config.heads)
    kept = 1 - config.optim.drop_rate
    looked = 2 * batch * backbone_work(teacher, augment.global_size)
    if config.objective.gram_weight:
        looked += 2 * batch * backbone_work(teacher, augment.global_size * config.objective.gram_scale)
    return StepWork(3 * kept * blocks + 2 * embedding, looked, heads)


def _ibot_patches(config: RunConfig, model: ViTConfig) -> float:
    """Patches of a step that iBOT's loss is of."""
    share = 1.0 if config.distillation.teacher else config.masks.probability * sum(config.masks.ratio) / 2
    return 2 * config.masks.draws * config.optim.batch * share * (config.augment.global_size // model.patch) ** 2


def _cls_work(width: int, heads: HeadConfig) -> float:
    """Of one token through the head that reads cls tokens."""
    return _head_work(width, heads.hidden, heads.bottleneck, heads.dino_prototypes)


def _patch_work(width: int, heads: HeadConfig) -> float:
    """Of one token through the head that reads patches."""
    return _head_work(width, heads.hidden, heads.patch_bottleneck, heads.patch_prototypes)


def _head_work(width: int, hidden: int, bottleneck: int, prototypes: int) -> float:
    return 2 * (width * hidden + hidden**2 + hidden * bottleneck + bottleneck * prototypes)


class Account(NamedTuple):
    """The content of account.json."""

    steps: int
    images: int
    operations: int
    device_hours: float
    device: str
    watts_per_device: float
    watts_assumed: str
    watt_hours: float
    kilograms_co2: float
    operations_per_second_and_device: float


def write_account(run: Path, config: RunConfig, device: torch.device) -> Account:
    """The account of a run that has ended, from its log, written into its folder and said in the log."""
    steps, images, operations = 0, 0, 0.0
    lines = read_metrics(run)
    done = int(max((line["step"] for line in lines), default=0))
    for phase in phases(config):
        within = max(min(done, phase.last) - phase.first, 0)
        steps, images = steps + within, images + within * phase.config.optim.batch
        operations += within * step_work(phase.config).total
    device_seconds = sum(line.get("seconds", 0.0) * line.get("devices", 1) for line in lines)
    name, watts, assumed = power(device, config.account)
    watt_hours = device_seconds / 3600 * watts * config.account.overhead
    account = Account(
        steps,
        images,
        round(operations),
        device_seconds / 3600,
        name,
        watts,
        f"{assumed}; × {config.account.overhead} for the data centre, {config.account.kilograms_per_kwh} kg CO2 per kWh",
        watt_hours,
        watt_hours / 1000 * config.account.kilograms_per_kwh,
        operations / max(device_seconds, 1e-9),
    )
    write_whole(run / ACCOUNT, json.dumps(account._asdict(), indent=2))
    log.info(
        "%d steps, %d images: %.3g operations in %.2f device-hours on %s, about %.3g Wh and %.2g kg CO2 (%s)",
        *account[:5],
        watt_hours,
        account.kilograms_co2,
        account.watts_assumed,
    )
    return account


def power(device: torch.device, config: AccountConfig) -> tuple[str, float, str]:
    """The device's name, the watts taken for it, and why."""
    if device.type == "cuda":
        name = torch.cuda.get_device_name(device)
        rated = next((watts for word, watts in RATED_WATTS.items() if word in name), 0)
        why = (
            f"rated power of {name}" if rated else f"{name} is not a card whose power is known here: set account.watts"
        )
    else:
        cores = os.cpu_count() or 1
        name, rated, why = f"{cores} processor cores", WATTS_PER_CORE * cores, f"{WATTS_PER_CORE} W per core"
    return (name, config.watts, "as configured") if config.watts else (name, float(rated), why)
