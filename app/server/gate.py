"""Between the network and Gradio: who is answered, who counts as this machine's own user, who has to log in."""

import re
import secrets
from asyncio import Lock, sleep
from collections.abc import Awaitable, Callable, Sequence

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from app.server.serve import is_loopback

STRANGER = "x-dinoscope-stranger"
"""The header by which a request is known, further in, not to come from this machine; nobody else can set or drop it."""
WRONG_S, MOST_S = 0.5, 30.0
"""Seconds that the next password waits after a wrong one, doubled with each, and at most."""
_PROXIED = re.compile(
    r"via|forwarded|x-forwarded.*|x-real-ip|x-client-ip|x-cluster-client-ip|true-client-ip|client-ip|x-original-.*|"
    r"cf-.*|cdn-loop|fastly-.*|fly-.*|x-envoy-.*|x-amz.*|x-cloud-trace-context|tailscale-.*|ngrok-.*"
)
_GUARDED = ("/upload", "/cancel", "/reset", "/openapi.json", "/docs", "/redoc")
"""Ends of addresses that Gradio and FastAPI answer without asking whether somebody is logged in."""


def came_through_proxy(headers: Sequence[str] | Headers | dict) -> bool:
    """Whether one of these headers' names, in lower case, is what proxies and tunnels add."""
    return any(_PROXIED.fullmatch(name) for name in headers)


class Gate:
    """ASGI middleware in front of all the others.

    A server that listens on loopback answers to loopback's names, and to those it was told to trust, alone: a page of
    another site whose name was turned to this address (DNS rebinding) gets nothing. On it a request is its own user's
    if it names loopback, comes from there, and went through no proxy; every other one is marked as a stranger's.
    Where a password is asked for, `logged_in` says who has given it.
    """

    def __init__(
        self,
        app: ASGIApp,
        loopback: bool,
        trusted: Sequence[str] = (),
        logged_in: Callable[[Request], bool] | None = None,
    ):
        self.app, self.loopback, self.logged_in = app, loopback, logged_in
        self.trusted = {name.lower() for name in trusted}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        problem = self._problem(headers) or self._unknown(scope)
        if problem:
            await PlainTextResponse(*problem)(scope, receive, send)
            return
        kept = [(name, value) for name, value in scope["headers"] if name.lower() != STRANGER.encode()]
        marks = [(STRANGER.encode(), b"1")] if self._is_stranger(scope, headers) else []
        marked: Scope = {**scope, "headers": kept + marks}
        await self.app(marked, receive, send)

    def _problem(self, headers: Headers) -> tuple[str, int] | None:
        """The refusal and its status for a request that names another host than this one; None for all others."""
        if not self.loopback:
            return None
        host, origin = headers.get("host", ""), headers.get("origin")
        if not self._known(host_of(host)):
            return (
                f"This server answers only on this machine, not as {host_of(host)!r}. "
                "To serve it under a name, start it with --trusted-host NAME.",
                421,
            )
        if origin is not None and not self._known(host_of(origin.partition("://")[2])):
            return "A page of another site asked; only this server's own pages may.", 403
        return None

    def _known(self, host: str) -> bool:
        return is_loopback(host) or host in self.trusted

    def _unknown(self, scope: Scope) -> tuple[str, int] | None:
        if self.logged_in is None or not scope["path"].rstrip("/").endswith(_GUARDED):
            return None
        return None if self.logged_in(Request(scope)) else ("Log in first.", 401)

    def _is_stranger(self, scope: Scope, headers: Headers) -> bool:
        client = (scope.get("client") or ("127.0.0.1", 0))[0]
        own = self.loopback and is_loopback(client) and is_loopback(host_of(headers.get("host", "")))
        # no browser or client of ours speaks HTTP/1.0, which is what some proxies pass on with no header of their own
        return not own or came_through_proxy(headers) or scope.get("http_version") == "1.0"


def host_of(address: str) -> str:
    """The host of `host:port`, in lower case and without the brackets of IPv6.

    >>> host_of("LocalHost:7860"), host_of("[::1]:7860"), host_of("127.0.0.1")
    ('localhost', '::1', '127.0.0.1')
    """
    if address.startswith("["):
        return address[1:].partition("]")[0].lower()
    return address.partition("/")[0].partition(":")[0].lower()


def password_check(user: str, password: str) -> Callable[[str, str], Awaitable[bool]]:
    """What Gradio asks of each login: one after the other, later and later after wrong ones."""
    turn, wrong = Lock(), 0

    async def check(given_user: str, given_password: str) -> bool:
        nonlocal wrong
        async with turn:
            if wrong:
                await sleep(min(WRONG_S * 2 ** (wrong - 1), MOST_S))
            right = secrets.compare_digest(
                f"{given_user}\n{given_password}".encode("utf-8", "surrogatepass"),
                f"{user}\n{password}".encode("utf-8", "surrogatepass"),
            )
            wrong = 0 if right else wrong + 1
            return right

    return check
