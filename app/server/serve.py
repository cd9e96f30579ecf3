"""Between Gradio's server and the browser: a free port, no word of another host, and Plotly's script."""

import errno
import ipaddress
import re
import socket
from importlib.util import find_spec
from pathlib import Path

from starlette.responses import FileResponse
from starlette.routing import Route

from core import RequestError

_FOREIGN = re.compile(rb"<meta[^>]*(?:og:|twitter:)[^>]*>\s*")
PORTS_TRIED = 20


class OwnHostOnly:
    """ASGI middleware: the page's advertisements for Gradio, which name other hosts, are left out; a policy forbids
    the browser to fetch anything from elsewhere, should a component try.
    """

    POLICY = (
        b"default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; style-src 'self' 'unsafe-inline'; "
        b"img-src 'self' data: blob:; media-src 'self' data: blob:; font-src 'self' data:; "
        b"connect-src 'self' data: blob:; worker-src 'self' blob:; frame-ancestors *"
    )

    def __init__(self, app):
        self.app = app

    async def __call__(self, scope, receive, send):
        if scope["type"] != "http" or "." in scope["path"] or scope["path"].startswith("/gradio_api"):
            await self.app(scope, receive, send)
            return
        started: dict = {}
        body = bytearray()

        async def filtered(message):
            if message["type"] == "http.response.start":
                started.update(message)
                return
            body.extend(message.get("body", b""))
            if message.get("more_body"):
                return
            page = _FOREIGN.sub(b"", bytes(body))
            kept = [(name, value) for name, value in started["headers"] if name.lower() != b"content-length"]
            extra = [(b"content-length", str(len(page)).encode()), (b"content-security-policy", self.POLICY)]
            await send(started | {"headers": kept + extra})
            await send({"type": "http.response.body", "body": page})

        # compressed pages could not be read here; the server compresses again on the way out
        headers = [(name, value) for name, value in scope["headers"] if name.lower() != b"accept-encoding"]
        await self.app(scope | {"headers": headers}, receive, filtered)


def plotly_route() -> Route:
    """`/plotly.min.js`: the script of the installed plotly, 5 MB, which a page asks for with its first figure."""

    def script(request) -> FileResponse:
        installed = find_spec("plotly")
        assert installed and installed.origin  # it is among the requirements
        path = Path(installed.origin).parent / "package_data" / "plotly.min.js"
        return FileResponse(path, media_type="text/javascript", headers={"cache-control": "max-age=86400"})

    return Route("/plotly.min.js", script)


def free_port(host: str, wanted: int) -> int:
    """`wanted`, or the next port that nobody listens on. RequestError where the address or all of them are taken."""
    for port in range(wanted, min(wanted + PORTS_TRIED, 65536)):
        try:
            family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        except (socket.gaierror, UnicodeError) as error:
            raise RequestError(f"--host {host!r} is not an address of this machine ({error}).") from None
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError as error:
                if isinstance(error, PermissionError):
                    raise RequestError(f"--port {port} needs rights this user lacks; choose one above 1023.") from None
                if error.errno == errno.EADDRNOTAVAIL:
                    raise RequestError(f"--host {host!r} is not an address of this machine; try 0.0.0.0.") from None
                continue
        return port
    raise RequestError(f"Ports {wanted} to {wanted + PORTS_TRIED - 1} on {host} are all taken; choose another --port.")


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach a server there."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
