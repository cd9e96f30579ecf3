"""One update of the weights: forward, backward, clip, optimise, move the teacher."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import torch
from safetensors.torch import save_file

from core import DinoError
from train.config import RunConfig
from train.dist import World, average
from train.learning import Learning
from train.objective import Batch, Term
from train.optim import set_rates
from train.schedule import Schedule
from train.shard import DTYPES, reshard


class NonFiniteError(DinoError):
    """A loss term became NaN or infinite."""


class Rates(NamedTuple):
    """The scheduled values of one step."""

    lr: float
    last_layer_lr: float
    weight_decay: float
    momentum: float
    temperature: float


@dataclass(frozen=True)
class Rhythm:
    """All schedules of a run."""

    config: RunConfig

    def at(self, step: int) -> Rates:
        o = self.config.optim
        lr = Schedule(o.lr, o.final_lr, o.steps, o.warmup_steps)(step)
        cold, warm = o.teacher_temperature
        return Rates(
            lr,
            lr if step >= o.freeze_last_layer_steps else 0.0,
            Schedule(*o.weight_decay, o.steps)(step),
            Schedule(*o.teacher_momentum, o.steps)(step),
            Schedule(warm, warm, o.temperature_warmup_steps, o.temperature_warmup_steps, cold)(step),
        )


class Report(NamedTuple):
    """What a step did: its mean terms over parts and ranks, and the gradient norm of each sub-network.

    `skipped`: nothing was learned, a term was not finite. `koleo_skipped`: parts without two images to spread.
    """

    losses: dict[str, float]
    gradient_norms: dict[str, float]
    rates: Rates
    skipped: bool
    koleo_skipped: int


def update(
    networks: Learning,
    optimisers: Sequence[torch.optim.Optimizer],
    scaler: torch.amp.GradScaler,
    parts: Iterable[Batch],
    step: int,
    config: RunConfig,
    world: World,
    run: Path,
) -> Report:
    """Train on the parts of one step's batch (one, or several whose gradients add up) and say how it went."""
    rates = Rhythm(config).at(step)
    set_rates(optimisers, rates.lr, rates.weight_decay, rates.last_layer_lr)
    for optimiser in optimisers:
        optimiser.zero_grad(set_to_none=True)
    generator = torch.Generator().manual_seed(hash((config.seed, step, world.rank)) % 2**63)
    sums: list[torch.Tensor] = []
    lonely = 0
    for batch in parts:
        lonely += batch.images * world.size < 2
        part = _forward(networks, batch, rates.temperature, config, generator)
        names = [term.name for term in part]
        values = torch.stack([term.value.detach().float() for term in part])
        if not average(values.clone()).isfinite().all():
            _report_nonfinite(part, batch, step, config, run)
            return Report(dict.fromkeys(names, float("nan")), {}, rates, True, lonely)
        scaler.scale(sum(term.value for term in part) / config.compute.accumulate).backward()
        sums.append(values / config.compute.accumulate)
    for optimiser in optimisers:
        scaler.unscale_(optimiser)
    norms = {
        name: float(torch.nn.utils.clip_grad_norm_(network.parameters(), config.optim.clip))
        for name, network in networks.trained()
    }
    for optimiser in optimisers:
        scaler.step(optimiser)
    scaler.update()
    reshard(networks)
    networks.update_teacher(rates.momentum)
    means = dict(zip(names, average(sum(sums)).tolist(), strict=True))
    return Report(means, norms, rates, False, lonely)


def _forward(
    networks: Learning, batch: Batch, temperature: float, config: RunConfig, generator: torch.Generator
) -> list[Term]:
    dtype = DTYPES[config.compute.precision]
    with torch.autocast(batch.global_crops.device.type, dtype, enabled=dtype != torch.float32):
        return networks.terms(batch, temperature, config, generator)


def _report_nonfinite(terms: list[Term], batch: Batch, step: int, config: RunConfig, run: Path) -> None:
    """Save the batch and name the terms; raises unless the run is to skip such steps."""
    bad = [name for name, value in terms if not value.isfinite()] or ["a term on another rank"]
    folder = run / "nonfinite"
    folder.mkdir(exist_ok=True)
    path = folder / f"step-{step:08}-{'-'.join(bad).replace('/', '.')[:60]}.safetensors"
    save_file({name: tensor.cpu().contiguous() for name, tensor in batch._asdict().items()}, path)
    if config.log.on_nonfinite == "stop":
        raise NonFiniteError(
            f"Step {step}: {', '.join(bad)} is not finite. The batch is in {path}. Try a lower learning rate or "
            "bfloat16 instead of float16; on_nonfinite=skip leaves such steps out."
        )
