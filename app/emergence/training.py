"""A pretraining started from the page: `python -m train.pretrain` in a process of its own, one at a time.

The app knows the command and the format of a run folder (`core.records.runs`), and nothing else of training.
"""

import atexit
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from core import RequestError
from core.pictures.listing import SUFFIXES
from core.records.runs import read_metrics

ROOT = Path(__file__).parents[2]
STEPS = (20, 1000)
USUAL_STEPS = 200
LARGEST_BATCH = 32
LOG_EVERY = 2
PATIENCE_S = 20
"""For a run that is asked to stop, to save."""


@dataclass(frozen=True)
class Progress:
    """Progress of a run."""

    run: Path
    step: int
    steps: int
    loss: float | None
    seconds_left: float | None
    running: bool
    problem: str = ""
    """The command's last words when it gave up."""
    stopping: bool = False
    """Whether it was asked to end and still saves."""

    @property
    def over(self) -> bool:
        return self.step >= self.steps and not self.running


class Trainer:
    """At most one training on this server. Safe to use from several threads."""

    def __init__(self):
        self._lock = threading.Lock()
        self._process: subprocess.Popen | None = None
        self._run: Path | None = None
        self._data: Path | None = None
        self._steps = 0
        self._stopping = False
        atexit.register(self._end)

    def start(self, steps: int, pictures: Iterable[tuple[str, bytes]] = (), folder: Path | None = None) -> Path:
        """Train the recipe `tiny` on pictures (name, file), or on a folder of them; the run folder to be.

        RequestError while another training runs, for steps outside of STEPS, and where there is no picture.
        """
        if not STEPS[0] <= steps <= STEPS[1]:
            raise RequestError(
                f"{steps} steps: choose {STEPS[0]} to {STEPS[1]}. For more, use python -m train.pretrain."
            )
        if folder is not None and not folder.exists():
            raise RequestError(f"{str(folder)!r} is not there on this machine; give a folder of pictures.")
        with self._lock:
            self._refuse_second()
            place = Path(tempfile.mkdtemp(prefix="dinoscope-run-"))
            data = folder or place / "pictures"
            count = None if folder else _write(data, pictures)
            self._run, self._data, self._steps = place / (folder.name if folder else "my-pictures"), data, steps
            batch = LARGEST_BATCH if count is None else min(LARGEST_BATCH, max(8, 2 * count))
            self._launch(*_schedule(steps), "--optim.batch", str(batch), "--log.every", str(LOG_EVERY))
            return self._run

    def resume(self) -> Path:
        """Go on with the training that was stopped; RequestError where there is none or it is over."""
        with self._lock:
            self._refuse_second()
            if self._run is None or self._progress(self._run).over:
                raise RequestError("There is no stopped training to go on with; start one.")
            self._launch("--resume")
            return self._run

    def stop(self) -> None:
        """Ask the training to save and leave; one that does not in PATIENCE_S is ended. Returns at once."""
        with self._lock:
            if self._process is not None and self._process.poll() is None and not self._stopping:
                self._stopping = True
                self._process.send_signal(signal.SIGTERM)
                threading.Thread(target=_end_within, args=[self._process], name="train-end", daemon=True).start()

    def progress(self) -> Progress | None:
        """Its progress; None where nothing was started yet."""
        return None if self._run is None else self._progress(self._run)

    def _progress(self, run: Path) -> Progress:
        lines = [line for line in read_metrics(run) if "loss" in line]
        step = int(lines[-1]["step"]) if lines else 0
        running = self._process is not None and self._process.poll() is None
        pace = lines[-1].get("seconds_per_step") if lines else None
        left = pace * (self._steps - step) if pace and running else None
        problem = "" if running or not self._failed() else self._last_words()
        loss = lines[-1]["loss"] if lines else None
        return Progress(run, step, self._steps, loss, left, running, problem, running and self._stopping)

    def _failed(self) -> bool:
        # one that is asked to stop saves and leaves with 0; one that had to be killed can be gone on with, too
        return self._process is not None and self._process.returncode not in (0, -signal.SIGKILL, -signal.SIGTERM)

    def _last_words(self) -> str:
        text = self._log().read_text(encoding="utf-8", errors="replace").strip()
        lines = [line for line in text.splitlines() if line.strip()]
        return re.sub(r"^python -m train\.pretrain: ", "", lines[-1]) if lines else "It ended without a word."

    def _refuse_second(self) -> None:
        if self._process is not None and self._process.poll() is None:
            raise RequestError("A training is running already, and one at a time is enough; stop it first.")

    def _log(self) -> Path:
        assert self._run is not None
        return self._run.parent / "log.txt"

    def _launch(self, *words: str) -> None:
        command = [sys.executable, "-m", "train.pretrain", "--recipe", "tiny"]
        command += ["--data", str(self._data), "--out", str(self._run), *words]
        threads = max(1, (os.cpu_count() or 2) // 2)  # the page is to stay alive beside it
        environment = os.environ | {"OMP_NUM_THREADS": str(threads)}
        self._stopping = False
        with self._log().open("ab") as log:
            self._process = subprocess.Popen(
                command, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )

    def _end(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()


def _end_within(process: subprocess.Popen) -> None:
    try:
        process.wait(PATIENCE_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _schedule(steps: int) -> list[str]:
    """The recipe's schedules, shortened in proportion."""
    parts = {"steps": 1.0, "warmup-steps": 0.1, "freeze-last-layer-steps": 0.0125, "temperature-warmup-steps": 1.0}
    return [word for name, part in parts.items() for word in (f"--optim.{name}", str(max(1, round(part * steps))))]


def _write(folder: Path, pictures: Iterable[tuple[str, bytes]]) -> int:
    folder.mkdir()
    count = 0
    for count, (name, data) in enumerate(pictures, start=1):
        # what a visitor called it is none of the disk's business, but for an ending that training looks for
        suffix = Path(name).suffix.lower()
        (folder / f"{count:03}{suffix if suffix in SUFFIXES else '.png'}").write_bytes(data)
    if not count:
        raise RequestError(
            "There is no picture in the tray to train on; add some, the more and the more varied the better."
        )
    return count
