"""A lock that is handed on in the order in which it was asked for."""

import threading
import time
from collections import deque


class FairLock:
    """Like `threading.Lock`, but nobody waits longer than for those who came before.

    With the usual one, a long job that lets go between its parts and takes up again at once mostly wins against who
    has been waiting all along.
    """

    def __init__(self):
        self._held = False
        self._waiting: deque[threading.Event] = deque()
        self._guard = threading.Lock()

    def acquire(self, timeout: float = -1) -> bool:
        """Whether it is one's turn within `timeout` seconds, or ever where that is negative.

        Who gives up and asks again comes last; for a wait that keeps its place, use `acquire_unless`.
        """
        until = None if timeout < 0 else time.monotonic() + timeout
        return self.acquire_unless(lambda: until is not None and time.monotonic() >= until, timeout)

    def acquire_unless(self, unwanted, every: float) -> bool:
        """Wait for one's turn, asking `unwanted()` each `every` seconds (never where negative); False once it says so."""
        with self._guard:
            if not self._held and not self._waiting:
                self._held = True
                return True
            turn = threading.Event()
            self._waiting.append(turn)
        while not turn.wait(None if every < 0 else every):
            with self._guard:
                if not turn.is_set() and unwanted():
                    self._waiting.remove(turn)
                    return False
        return True

    def release(self) -> None:
        """Hand it to who has waited longest."""
        with self._guard:
            if self._waiting:
                self._waiting.popleft().set()
            else:
                self._held = False

    def locked(self) -> bool:
        return self._held

    def __enter__(self) -> "FairLock":
        self.acquire()
        return self

    def __exit__(self, *_) -> None:
        self.release()
