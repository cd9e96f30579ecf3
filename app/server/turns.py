"""Who is next: a lock that is handed on in the order of asking, and places that go round the visitors."""

import asyncio
import contextlib
import threading
import time
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable

from core import RequestError


class Stopped(Exception):
    """A visitor does not want to wait any longer, or has left."""


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


REMEMBERED = 100
"""Places given, of which it is still known to whom."""


class Places:
    """So many places for long work. Visitors get them in turn, each a few at most, whoever asked how often before.

    To be used within one event loop.
    """

    def __init__(self, total: int, each: int, most_waiting: int = 300, each_waiting: int = 60):
        self.total, self.each = total, each
        self.most_waiting, self.each_waiting = most_waiting, each_waiting
        self._held: Counter[str] = Counter()
        self._lines: dict[str, deque[asyncio.Future]] = {}
        """Those who wait, by visitor."""
        self._served: dict[str, int] = {}
        """When visitors got their last place, by a count of all that were given."""
        self._given = 0

    @contextlib.asynccontextmanager
    async def place(self, visitor: str, gone: Callable[[], bool] = bool) -> AsyncIterator[None]:
        """A place for as long as this lasts. Raises Stopped where the visitor has left, RequestError where too many wait."""
        await self._wait(visitor)
        try:
            if gone():
                raise Stopped
            yield
        finally:
            self._held[visitor] -= 1
            self._held = +self._held
            self._hand_on()

    async def _wait(self, visitor: str) -> None:
        waiting = sum(map(len, self._lines.values()))
        own = self._lines.get(visitor, ())
        if waiting >= self.most_waiting or len(own) >= self.each_waiting:
            raise RequestError(f"{waiting} requests wait already, {len(own)} of them yours; ask again in a moment.")
        turn = asyncio.get_running_loop().create_future()
        self._lines.setdefault(visitor, deque()).append(turn)
        self._hand_on()
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():  # it was given at the same moment
                self._held[visitor] -= 1
                self._held = +self._held
                self._hand_on()
            else:
                self._leave(visitor, turn)
            raise

    def _leave(self, visitor: str, turn: asyncio.Future) -> None:
        """Take one who waits no longer out of the line, where those still in it are counted."""
        own = self._lines.get(visitor, deque())
        with contextlib.suppress(ValueError):
            own.remove(turn)
        if not own:
            self._lines.pop(visitor, None)

    def _hand_on(self) -> None:
        while self._held.total() < self.total:
            able = [name for name in self._lines if self._held[name] < self.each]
            if not able:
                return
            visitor = min(able, key=lambda name: self._served.get(name, 0))
            turn = self._lines[visitor].popleft()
            if not self._lines[visitor]:
                del self._lines[visitor]
            if not turn.cancelled():
                self._held[visitor] += 1
                self._given += 1
                self._served = {name: when for name, when in self._served.items() if when > self._given - REMEMBERED}
                self._served[visitor] = self._given
                turn.set_result(None)
