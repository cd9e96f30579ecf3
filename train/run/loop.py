"""The steps of one phase of a run: batches in, weights forward, and what is kept and said on the way."""

import itertools
import math
import signal
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from core import VisionTransformer
from core.model.precision import inference
from core.records.runs import BACKBONE, read_metrics, save_backbone, snapshot_path
from train import checkpoint, dist
from train.config import RunConfig
from train.data.batch import Batch, CutBatch, cut_batches, step_masks, to_device
from train.data.quarantine import Quarantine
from train.data.resident import ResidentImages, resident_batches
from train.data.sampler import FixedPositions, Order, StepSampler
from train.data.sources import Source
from train.method.learning import Learning
from train.run.metrics import Log, Meter
from train.run.monitor import Monitor
from train.run.nonfinite import require_finite
from train.run.phases import Phase, phases
from train.run.step import StepResult, update


class StopSignal:
    """Turns SIGTERM and SIGINT into a wish that the loop sees after its step; a second one stops at once."""

    def __init__(self):
        self.received = False
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._receive)

    def _receive(self, number: int, _frame) -> None:
        self.received = True
        signal.signal(number, signal.SIG_DFL)

    def anywhere(self, world: dist.World) -> bool:
        """Whether any rank was asked to stop: they must all leave the loop at the same step."""
        self.received = bool(dist.average(torch.tensor(float(self.received), device=world.device)) > 0)
        return self.received


@dataclass
class Loop:
    """The state that the steps of a run share, whatever its phase. `log` and `monitor` are there on the rank that leads."""

    config: RunConfig
    out: Path
    world: dist.World
    source: Source
    images: ResidentImages | None
    log: Log | None
    monitor: Monitor | None
    stop: StopSignal
    quarantine: Quarantine

    def train(
        self,
        phase: Phase,
        done: int,
        networks: Learning,
        optimisers: Sequence[torch.optim.Optimizer],
        scaler: torch.amp.GradScaler,
    ) -> int:
        """Go on from step `done` of the run to the end of the phase, or to where it is asked to stop; that step."""
        config, world = phase.config, self.world
        sampler = self._sampler(phase, done)
        cuts = self._cuts(config, sampler)
        meter = Meter()
        if self._shows(done) and not self._shown(done):
            self._show(done, _whole(networks))
        while done < phase.last:
            waiting = time.perf_counter()
            parts = list(itertools.islice(cuts, config.compute.accumulate))
            meter.step(config.optim.batch, time.perf_counter() - waiting)
            self.quarantine.add([bad for part in parts for bad in part.unreadable])
            batches = self._batches(parts, sampler, done - phase.first, config)
            result = update(networks, optimisers, scaler, batches, done - phase.first, config, world, self.out)
            done += 1
            meter.skipped_steps += result.skipped
            meter.skipped_koleo += result.koleo_skipped
            self._log(done, result, meter)
            stopping, ending = self.stop.anywhere(world), done == phase.last
            saves, shows = self._saves(done) or stopping or ending, self._shows(done)
            exported = _whole(networks) if saves or shows else {}
            if saves:
                extra, log_config = {"scaler": scaler.state_dict()}, config.log
                checkpoint.save(self.out, done, networks, optimisers, extra, log_config.keep, log_config.keep_steps)
                self._export(done, exported)
            if shows:
                self._show(done, exported)
            if stopping:
                break
        return done

    def _sampler(self, phase: Phase, done: int) -> StepSampler:
        config, world = phase.config, self.world
        order = Order(self.source.blocks, config.seed)
        steps = (done - phase.first, phase.last - phase.first)
        return StepSampler(order, config.optim.batch, *steps, world.rank, world.size, config.compute.accumulate)

    def _cuts(self, config: RunConfig, sampler: StepSampler) -> Iterator[CutBatch]:
        order = FixedPositions(sampler) if config.distillation.fixed_crops else sampler
        if self.images is not None:
            return resident_batches(self.images, config.augment, order, config.seed)
        pin = self.world.device.type == "cuda"
        return cut_batches(self.source, config.augment, order, config.seed, config.compute.workers, pin)

    def _batches(self, parts: list[CutBatch], sampler: StepSampler, step: int, config: RunConfig) -> Iterator[Batch]:
        augment, grid = config.augment, config.augment.global_size // config.model.patch
        for number, part in enumerate(parts):
            masks = step_masks(config.optim.batch, grid, config.seed, step, sampler.rows(number), config.masks)
            batch = to_device(part, self.world.device, masks, augment.mean, augment.std)
            yield batch._replace(indices=part.indices)

    def _saves(self, done: int) -> bool:
        return done % self.config.log.save_every == 0 or done in self.config.log.keep_steps

    def _shows(self, done: int) -> bool:
        """Whether the teacher is looked at after this step: at either end, at snapshots, and as often as is asked."""
        often = self.config.log.watch_every
        return done in (0, self.config.steps) or self._snapshots(done) or bool(often and done % often == 0)

    def _shown(self, done: int) -> bool:
        """Whether it was, before a kill; every rank reads the same log."""
        return any(line["step"] == done and "loss" not in line for line in read_metrics(self.out))

    def _snapshots(self, done: int) -> bool:
        """Whether a snapshot is kept: at every power of two, and at the end of a phase."""
        ends = any(done == phase.last for phase in phases(self.config))
        return self.config.log.snapshots and (done & (done - 1) == 0 or ends)

    def _export(self, done: int, exported: dict[Path, VisionTransformer]) -> None:
        for folder, model in exported.items():
            save_backbone(model, self.out / folder / BACKBONE, {"step": str(done)})
        dist.wait()

    def _show(self, done: int, exported: dict[Path, VisionTransformer]) -> None:
        """Keep snapshots where they are due, score the run's own model and draw what it sees."""
        if self._snapshots(done):
            for folder, model in exported.items():
                save_backbone(model, snapshot_path(self.out / folder, done), {"step": str(done)}, torch.float16)
        if exported and self.monitor is not None and self.log is not None:
            with inference(exported[Path()].to(self.world.device)) as seeing:
                self.monitor.pictures(seeing, done, self.out)
                self.log.write(done, self.monitor.scores(seeing))
        dist.wait()

    def _log(self, done: int, result: StepResult, meter: Meter) -> None:
        if self.log is None:
            return
        self.log.advance()
        loss = sum(result.losses.values())
        if math.isfinite(loss) and (done % self.config.log.every == 0 or done == self.config.steps):
            norms = {f"gradient_norm/{name}": value for name, value in result.gradient_norms.items()}
            norms = {name: value for name, value in norms.items() if math.isfinite(value)}
            counts = {"unreadable": self.quarantine.count, "devices": self.world.size}
            values = {"loss": loss} | result.losses | norms | result.rates._asdict()
            self.log.write(done, values | counts | meter.rates())
            meter.reset()


def _whole(networks: Learning) -> dict[Path, VisionTransformer]:
    """The backbones that a run leaves behind, whole and on the CPU, on the rank that leads; nothing on others.

    NonFiniteError where a weight is not finite: whatever is written comes after this.
    """
    require_finite(networks)
    copies = {folder: checkpoint.whole(backbone) for folder, backbone in networks.exported().items()}
    return {folder: model for folder, model in copies.items() if model is not None}
