"""One update of the weights: forward, backward, clip, optimise, move the teacher."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch.distributed.tensor import DTensor

from train.config import RunConfig
from train.data.batch import Batch
from train.dist import World, average
from train.method.learning import Learning
from train.method.objective import Term
from train.run.nonfinite import keep_batch, stopped_at
from train.run.optim import set_rates
from train.run.schedule import Schedule
from train.run.shard import DTYPES, reshard


class Rates(NamedTuple):
    """The scheduled values of one step."""

    lr: float
    last_layer_lr: float
    backbone_lr: float
    weight_decay: float
    momentum: float
    temperature: float


@dataclass(frozen=True)
class Schedules:
    """All schedules of a run."""

    config: RunConfig

    def at(self, step: int) -> Rates:
        o = self.config.optim
        lr = Schedule(o.lr, o.final_lr, o.steps, o.warmup_steps)(step)
        cold, warm = o.teacher_temperature
        return Rates(
            lr,
            lr if step >= o.freeze_last_layer_steps else 0.0,
            lr if step >= self._heads_first else 0.0,
            Schedule(*o.weight_decay, o.steps)(step),
            Schedule(*o.teacher_momentum, o.steps)(step),
            Schedule(warm, warm, o.temperature_warmup_steps, o.temperature_warmup_steps, cold)(step),
        )

    @property
    def _heads_first(self) -> int:
        """Steps in which new heads are trained alone on a backbone that came trained."""
        optim = self.config.optim
        return min(optim.heads_first_steps, optim.steps // 10) if self.config.start_from else 0


class StepResult(NamedTuple):
    """The outcome of a step: its mean terms over parts and ranks, and the gradient norm of each sub-network before clipping.

    `skipped`: nothing was trained, a term or a gradient was not finite. `koleo_skipped`: parts without two images to
    spread.
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
) -> StepResult:
    """Train on the parts of one step's batch (one, or several whose gradients add up) and say how it went.

    A step whose terms or gradients are not finite changes nothing but the loss scale of float16: no weight, no
    moment of an optimiser, no teacher, no centre. Its batch is kept and the run stopped, unless it is to skip such
    steps. Where float16's scale was too large, which is how the scale is found, the step is skipped without more.
    """
    rates = Schedules(config).at(step)
    set_rates(optimisers, rates.lr, rates.weight_decay, rates.last_layer_lr, rates.backbone_lr)
    for optimiser in optimisers:
        optimiser.zero_grad(set_to_none=True)
    generator = torch.Generator().manual_seed(step_seed(config.seed, step, world.rank))
    buffers = [(buffer, buffer.clone()) for buffer in networks.buffers()]
    sums: list[torch.Tensor] = []
    without_neighbour = 0
    for batch in parts:
        without_neighbour += batch.images * world.size < 2
        part = _forward(networks, batch, rates.temperature, config, generator)
        names = [term.name for term in part]
        values = torch.stack([term.value.detach().float() for term in part])
        if not average(values.clone()).isfinite().all():
            bad = [name for name, value in part if not value.isfinite()] or ["a term on another rank"]
            _leave_out(networks, buffers, bad, batch, step, config, run)
            return StepResult(dict.fromkeys(names, math.nan), {}, rates, True, without_neighbour)
        loss = torch.stack([term.value for term in part]).sum()
        scaler.scale(loss / config.compute.accumulate).backward()
        sums.append(values / config.compute.accumulate)
    for optimiser in optimisers:
        scaler.unscale_(optimiser)
    norms = _clip_gradients(networks, config.optim.clip)
    means = dict(zip(names, average(torch.stack(sums).sum(dim=0)).tolist(), strict=True))
    bad = [f"the gradient of {name}" for name, norm in norms.items() if not math.isfinite(norm)]
    if bad:
        overflows = scaler.is_enabled() and scaler.get_scale() > 1
        _leave_out(networks, buffers, [] if overflows else bad, batch, step, config, run)
        scaler.update(scaler.get_scale() * scaler.get_backoff_factor() if scaler.is_enabled() else None)
        return StepResult(means, norms, rates, True, without_neighbour)
    for optimiser in optimisers:
        scaler.step(optimiser)
    scaler.update()
    reshard(networks)
    networks.update_teacher(rates.momentum)
    return StepResult(means, norms, rates, False, without_neighbour)


def step_seed(seed: int, step: int, rank: int) -> int:
    """A seed for the draws of one rank in one step, the same under every release of Python and NumPy.

    >>> step_seed(0, 1, 0)
    5836529245451711556
    """
    return int(np.random.SeedSequence((seed % 2**64, step, rank)).generate_state(1, np.uint64)[0])


def _clip_gradients(networks: Learning, most: float) -> dict[str, float]:
    """The gradient norm over all ranks of each sub-network, clipped to `most` where all of them are finite."""
    parameters = {name: [one for one in network.parameters() if one.grad is not None]
                  for name, network in networks.trained()}  # fmt: skip
    norms = {
        name: torch.nn.utils.get_total_norm([one.grad for one in group if one.grad is not None])
        for name, group in parameters.items()
    }
    whole = [norm.full_tensor() if isinstance(norm, DTensor) else norm for norm in norms.values()]
    found = dict(zip(norms, torch.stack(whole).tolist(), strict=True))
    if all(map(math.isfinite, found.values())):
        for name, group in parameters.items():
            torch.nn.utils.clip_grads_with_norm_(group, most, norms[name])
    return found


def _forward(
    networks: Learning, batch: Batch, temperature: float, config: RunConfig, generator: torch.Generator
) -> list[Term]:
    dtype = DTYPES[config.compute.precision]
    with torch.autocast(batch.global_crops.device.type, dtype, enabled=dtype != torch.float32):
        return networks.terms(batch, temperature, config.objective, config.optim.drop_rate, generator)


def _leave_out(
    networks: Learning,
    buffers: Sequence[tuple[torch.Tensor, torch.Tensor]],
    bad: Sequence[str],
    batch: Batch,
    step: int,
    config: RunConfig,
    run: Path,
) -> None:
    """Take back what a bad step changed, keep its batch where something is named, and stop where the run is to."""
    for buffer, before in buffers:
        buffer.copy_(before)
    for parameter in networks.parameters():
        parameter.grad = None
    reshard(networks)
    if not bad:
        return
    path = keep_batch(run, step, bad, batch)
    if config.log.on_nonfinite == "stop":
        raise stopped_at(step, bad, path)
