"""Metrics of a run while it goes on: a progress bar, the log the app reads (`core.records.runs`), TensorBoard."""

import time
from pathlib import Path

from tqdm import tqdm

from core.records.runs import append_metrics, drop_metrics_after


class Meter:
    """Counts images, time, and time spent waiting for data between two log lines."""

    def __init__(self):
        self.reset()

    def reset(self) -> None:
        self.started, self.waited, self.images, self.steps = time.perf_counter(), 0.0, 0, 0
        self.skipped_steps = self.skipped_koleo = 0

    def step(self, images: int, waited: float) -> None:
        self.images, self.steps, self.waited = self.images + images, self.steps + 1, self.waited + waited

    def rates(self) -> dict[str, float]:
        """Time since the last line, speed, the share of time spent waiting for data, steps and KoLeo terms skipped."""
        elapsed = time.perf_counter() - self.started
        return {
            "seconds": elapsed,
            "images_per_second": self.images / elapsed,
            "seconds_per_step": elapsed / max(self.steps, 1),
            "data_wait": self.waited / elapsed,
            "steps_skipped": self.skipped_steps,
            "koleo_skipped": self.skipped_koleo,
        }


class Log:
    """The log of a run, appended to on resuming; lines past the resumed step are dropped."""

    def __init__(self, run: Path, first_step: int, steps: int):
        from torch.utils.tensorboard import SummaryWriter

        self.run = run
        drop_metrics_after(run, first_step)
        self.board = SummaryWriter(run / "tensorboard", purge_step=first_step)
        self.bar = tqdm(total=steps, initial=first_step, unit="step", dynamic_ncols=True, mininterval=1.0)

    def write(self, step: int, values: dict[str, float]) -> None:
        """One line: `values` after `step` steps."""
        append_metrics(self.run, step, values)
        for name, value in values.items():
            self.board.add_scalar(name, value, step)
        if "loss" in values:
            self.bar.set_postfix_str(
                f"loss {values['loss']:.3f} · {values['images_per_second']:.1f} images/s · "
                f"waiting for data {values['data_wait']:.0%}"
            )
        else:
            scores = " · ".join(f"{name} {value:.3f}" for name, value in values.items())
            self.bar.write(f"step {step}: {scores}")

    def advance(self) -> None:
        self.bar.update()

    def __enter__(self) -> "Log":
        return self

    def __exit__(self, *_) -> None:
        self.bar.close()
        self.board.close()
