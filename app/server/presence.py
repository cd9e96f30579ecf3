"""Which visitors are still there: those with a connection open on which an answer could reach them."""

import re
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass

from starlette.datastructures import QueryParams
from starlette.types import ASGIApp, Receive, Scope, Send

GRACE_S = 10.0
"""Between asking for something and opening the connection on which the answer comes."""
AGAIN_S = 2.0
"""Between one connection and the next, of a client that opens one for each answer."""
_STREAM = re.compile(r"[^=]*/gradio_api/(?:queue/data|heartbeat/(?P<page>[^/]+)|call/(?:v2/)?[^/]+/(?P<call>[^/]+))/?")
_MANY = 1000


class Presence:
    """Open connections by visitor, and when those without one were last heard of.

    A visitor is known by Gradio's session hash; a call without a session by the name of its event. The empty name,
    of callers that hold the request itself open, is always there.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic):
        self.clock = clock
        self._open: Counter[str] = Counter()
        self._until: dict[str, float] = {}
        self._lock = threading.Lock()

    def arrived(self, visitor: str) -> None:
        """This visitor has asked for something, so that a connection is about to be opened."""
        with self._lock:
            self._expect(visitor, GRACE_S)

    def opened(self, visitor: str) -> None:
        with self._lock:
            self._open[visitor] += 1

    def closed(self, visitor: str) -> None:
        with self._lock:
            self._open[visitor] -= 1
            if self._open[visitor] <= 0:
                del self._open[visitor]
                self._until.pop(visitor, None)
                self._expect(visitor, AGAIN_S)

    def here(self, visitor: str) -> bool:
        """Whether an answer would reach this visitor now."""
        return not visitor or visitor in self._open

    def gone(self, visitor: str) -> bool:
        """Whether this visitor has neither a connection nor any more time to open one."""
        return not self.here(visitor) and self.clock() > self._until.get(visitor, 0.0)

    def _expect(self, visitor: str, seconds: float) -> None:
        now = self.clock()
        self._until[visitor] = max(now + seconds, self._until.get(visitor, 0.0))
        if len(self._until) > _MANY:
            self._until = {name: until for name, until in self._until.items() if until > now}


PRESENCE = Presence()
"""Of this process: session hashes are drawn at random, so that several servers may share it."""


class Connections:
    """ASGI middleware that tells `presence` which visitors' connections are open."""

    def __init__(self, app: ASGIApp, presence: Presence = PRESENCE):
        self.app, self.presence = app, presence

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        visitor = _visitor(scope)
        if not visitor:
            await self.app(scope, receive, send)
            return
        self.presence.opened(visitor)
        try:
            await self.app(scope, receive, send)
        finally:
            self.presence.closed(visitor)


@dataclass(frozen=True)
class Caller:
    """Whoever the running work is for."""

    visitor: str
    presence: Presence = PRESENCE

    def here(self) -> bool:
        return self.presence.here(self.visitor)

    def gone(self) -> bool:
        return self.presence.gone(self.visitor)


NOBODY = Caller("")
CALLER: ContextVar[Caller] = ContextVar("caller", default=NOBODY)
"""Set around long work, so that whatever waits within it can see that nobody wants it any more."""


def _visitor(scope: Scope) -> str:
    """Whose answers come by this request; empty for one that brings none."""
    if scope["type"] != "http" or scope["method"] != "GET":
        return ""
    found = _STREAM.fullmatch(scope["path"])
    if not found:
        return ""
    return found["page"] or found["call"] or QueryParams(scope["query_string"]).get("session_hash", "")
