"""What a run says of itself: a progress bar, a JSON-lines log the app reads, TensorBoard.

RUN/metrics.jsonl      one object a logged step: step, lr, losses, gradient norms, images/s, data wait
RUN/tensorboard/       the same, where tensorboard is installed
"""

import json
import time
from pathlib import Path

from tqdm import tqdm


class Meter:
    """Counts images, time, and time spent waiting for data between two log lines."""

    def __init__(self):
        self.reset()

    def reset(self) -> None:
        self.started, self.waited, self.images, self.steps = time.perf_counter(), 0.0, 0, 0

    def step(self, images: int, waited: float) -> None:
        self.images, self.steps, self.waited = self.images + images, self.steps + 1, self.waited + waited

    def rates(self) -> dict[str, float]:
        """Images per second, seconds per step, and the share of time spent waiting for data."""
        elapsed = time.perf_counter() - self.started
        return {
            "images_per_second": self.images / elapsed,
            "seconds_per_step": elapsed / max(self.steps, 1),
            "data_wait": self.waited / elapsed,
        }


class Log:
    """The log of a run, appended to on resuming; lines past the resumed step are dropped."""

    def __init__(self, run: Path, first_step: int, steps: int):
        from torch.utils.tensorboard import SummaryWriter

        self.path = run / "metrics.jsonl"
        self._drop_after(first_step)
        self.board = SummaryWriter(run / "tensorboard", purge_step=first_step)
        self.bar = tqdm(total=steps, initial=first_step, unit="step", dynamic_ncols=True, mininterval=1.0)

    def write(self, step: int, values: dict[str, float]) -> None:
        """One line: `values` after `step` steps."""
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"step": step} | values) + "\n")
        for name, value in values.items():
            self.board.add_scalar(name, value, step)
        self.bar.set_postfix_str(
            f"loss {values['loss']:.3f} · {values['images_per_second']:.1f} images/s · "
            f"waiting for data {values['data_wait']:.0%}"
        )

    def advance(self) -> None:
        self.bar.update()

    def close(self) -> None:
        self.bar.close()
        self.board.close()

    def _drop_after(self, step: int) -> None:
        if self.path.exists():
            lines = [line for line in self.path.read_text(encoding="utf-8").splitlines() if line.endswith("}")]
            kept = [line for line in lines if json.loads(line)["step"] <= step]
            self.path.write_text("".join(f"{line}\n" for line in kept), encoding="utf-8")
