"""Processes that compute UMAP maps, one of which is kept warm between maps.

To start one takes longer than a map of some hundred points, so it is started before it is needed, and stays.
"""

import contextlib
import json
import logging
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from enum import Enum
from pathlib import Path

from core.errors import AnalysisError

log = logging.getLogger(__name__)

PROGRAM = Path(__file__).with_name("umap_worker.py")
TAIL = 10_000
"""Bytes of a process's last words that are read."""


class Ended(Enum):
    """The end of a map: it is there, the process ended over it, or had ended before it began."""

    DONE = "done"
    FAILED = "failed"
    NOT_BEGUN = "not begun"


class Worker:
    """One process. It ends with the one that started it."""

    def __init__(self, program: Path):
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - as long as the process
        self._process = subprocess.Popen(
            [sys.executable, str(program)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            encoding="utf-8",
        )
        self.stays = True
        """Whether it can be given another map."""

    @property
    def status(self) -> int | None:
        """Its exit status; None while it runs."""
        return self._process.poll()

    def compute(self, folder: Path, told: Callable[[str, int, int], None]) -> Ended:
        """Follow the map in `folder` to its end; `told` hears the stages, of the process's start too where it is new."""
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None and stdout is not None  # both are pipes
        begun = False
        try:
            stdin.write(f"{folder}\n")
            stdin.flush()
            for line in stdout:
                heard = _stage(line)
                if heard is None:
                    continue
                begun = begun or heard[0] not in ("start", "compile", "ready")
                if heard[0] == "done":
                    self.stays = bool(heard[1])
                    return Ended.DONE
                told(*heard)
        except OSError:  # a pipe to one that has ended
            pass
        self.stays = False
        status = self._process.wait()
        return Ended.FAILED if begun or status else Ended.NOT_BEGUN

    def kill(self) -> None:
        self._process.kill()

    def last_words(self) -> str:
        """The end of its standard error."""
        self._errors.seek(0, 2)
        self._errors.seek(max(self._errors.tell() - TAIL, 0))
        return self._errors.read().decode("utf-8", "replace").strip()

    def close(self) -> None:
        """Let it end, and forget it. One that is in the middle of a map ends at once."""
        for pipe in (self._process.stdin, self._process.stdout, self._errors):
            assert pipe is not None
            with contextlib.suppress(OSError):  # what was not flushed to one that has ended
                pipe.close()
        threading.Thread(target=self._process.wait, name="umap-end", daemon=True).start()  # leave no zombie


class Workers:
    """At most one process that waits for a map, and as many as are at work. Safe to use from several threads."""

    def __init__(self, program: Path = PROGRAM):
        self.program = program
        self._idle: Worker | None = None
        self._lock = threading.Lock()

    def warm(self) -> None:
        """Start a process that will wait for a map, unless one does. What keeps it from starting is told to who takes."""
        with self._lock:
            if self._idle is not None and self._idle.status is None:
                return
            self._forget()
            try:
                self._idle = Worker(self.program)
            except OSError as error:
                log.warning("UMAP could not be started: %s", error.strerror)

    def take(self) -> Worker:
        """The process that waits, or a new one, for oneself until it is given back. AnalysisError where none starts."""
        with self._lock:
            idle, self._idle = self._idle, None
        if idle is not None and idle.status is None:
            return idle
        if idle is not None:
            idle.close()
        try:
            return Worker(self.program)
        except OSError as error:
            raise AnalysisError(f"UMAP could not be started ({error.strerror}); free some disk and memory.") from error

    def give_back(self, worker: Worker) -> None:
        """Keep a process for the next map, or let it end where one waits already or it takes no other."""
        with self._lock:
            if worker.stays and self._idle is None:
                self._idle = worker
                return
        worker.close()

    def close(self) -> None:
        """Let the process that waits end."""
        with self._lock:
            self._forget()

    def _forget(self) -> None:
        if self._idle is not None:
            self._idle.close()
        self._idle = None


def _stage(line: str) -> tuple[str, int, int] | None:
    """What a line says of the progress; None for a library's own word on standard output."""
    try:
        stage, done, total = json.loads(line)
        return str(stage), int(done), int(total)
    except (ValueError, TypeError):
        return None


WORKERS = Workers()
"""Of this process: whoever wants a map shares the one that waits."""
