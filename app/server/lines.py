"""Lines for long work: who waits for a place, holds one, or has left meanwhile. Waiting takes no thread."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any
from weakref import WeakKeyDictionary

import anyio.to_thread
from anyio import CapacityLimiter

from app.server.presence import CALLER, Caller
from app.server.turns import Places, Stopped

LOOK_S = 0.02
"""Between two looks whether a client has opened the connection on which its answer comes."""
WORTH_SAYING_S = 1.0
"""Of waiting, before it is said."""
_END = object()
_OPEN: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[str, tuple[Places, CapacityLimiter]]] = WeakKeyDictionary()
"""Of each running server, by its event loop."""


@dataclass(frozen=True)
class Line:
    """One kind of long work: its places in all and for each visitor."""

    name: str
    total: int
    each: int

    async def once(self, caller: Caller, function: Callable[[], Any]) -> Any:
        """What `function` returns, called on a thread of its own when it is this caller's turn.

        Raises Stopped where the caller has left by then, RequestError where too many wait.
        """
        async with self._place(caller):
            return await self._in_thread(caller, function)

    async def steps(
        self, caller: Caller, start: Callable[[], Iterator], while_waiting: Callable[[], Any] | None = None
    ) -> AsyncIterator[Any]:
        """What the iterator yields that `start` makes, for as long as the caller is there; raises as `once` does.

        Where it has to wait for long, `while_waiting` is yielded first.
        """
        async with contextlib.AsyncExitStack() as stack:
            waiting = asyncio.ensure_future(stack.enter_async_context(self._place(caller)))
            try:
                await asyncio.wait([waiting], timeout=WORTH_SAYING_S)
                if while_waiting is not None and not waiting.done():
                    yield while_waiting()
                await waiting
            finally:
                waiting.cancel()
            iterator = await self._in_thread(caller, start)
            try:
                while (value := await self._in_thread(caller, partial(next, iterator, _END))) is not _END:
                    yield value
                    if caller.gone():
                        return
            finally:
                with contextlib.suppress(ValueError):  # a step that was cancelled from outside may still be running
                    iterator.close()

    @contextlib.asynccontextmanager
    async def _place(self, caller: Caller) -> AsyncIterator[None]:
        caller.presence.arrived(caller.visitor)
        while not caller.here():
            if caller.gone():
                raise Stopped
            await asyncio.sleep(LOOK_S)
        async with self._open()[0].place(caller.visitor, caller.gone):
            yield

    def _open(self) -> tuple[Places, CapacityLimiter]:
        lines = _OPEN.setdefault(asyncio.get_running_loop(), {})
        if self.name not in lines:
            lines[self.name] = Places(self.total, self.each), CapacityLimiter(self.total)
        return lines[self.name]

    async def _in_thread(self, caller: Caller, function: Callable[[], Any]) -> Any:
        def work() -> Any:
            CALLER.set(caller)  # in a copy of this context, which the thread runs in
            return function()

        return await anyio.to_thread.run_sync(work, limiter=self._open()[1])
