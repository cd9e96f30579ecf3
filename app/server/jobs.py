"""Long work on a thread of its own, which can be followed and cancelled, and times in words."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from typing import Any

LOOK_S = 0.25


class Job:
    """Runs `work(progress, cancelled)`; as long as it does, `sentences` say how far it is."""

    def __init__(self, doing: str, work: Callable[[Callable[[int, int], None], Callable[[], bool]], Any]):
        self.doing = doing
        self.done, self.total = 0, 0
        self.stop = threading.Event()
        self._outcome: Future = Future()
        self._started = time.monotonic()
        threading.Thread(target=self._run, args=[work], name="collect", daemon=True).start()

    def sentences(self) -> Iterator[str]:
        """The progress in words, again and again until the work has ended."""
        while not self._outcome.done():
            yield self.sentence
            self._outcome_within(LOOK_S)

    @property
    def sentence(self) -> str:
        if self.stop.is_set():
            return "Stopping …"
        if not self.total:
            return f"{self.doing}: {self.done:,} done …" if self.done else f"{self.doing} …"
        spent = time.monotonic() - self._started
        left = spent * (self.total - self.done) / self.done if self.done else 0
        remaining = f", about {duration(1000 * left)} left" if left > 1 else ""
        return f"{self.doing}: {min(self.done, self.total):,} of {self.total:,}{remaining} …"

    def result(self) -> Any:
        """The work's result; raises what it raised."""
        return self._outcome.result()

    def cancel(self) -> None:
        self.stop.set()

    def _outcome_within(self, seconds: float) -> None:
        waiting = threading.Event()
        self._outcome.add_done_callback(lambda _: waiting.set())
        waiting.wait(seconds)

    def _run(self, work: Callable) -> None:
        def progress(done: int, total: int) -> None:
            self.done, self.total = done, total

        try:
            self._outcome.set_result(work(progress, self.stop.is_set))
        except BaseException as error:  # handed to whoever asks for the result
            self._outcome.set_exception(error)


def duration(ms: float) -> str:
    """Milliseconds as people say them: 420 ms, 2.3 s, 14 s."""
    return f"{ms:.0f} ms" if ms < 950 else f"{ms / 1000:.1f} s" if ms < 9500 else f"{ms / 1000:.0f} s"
