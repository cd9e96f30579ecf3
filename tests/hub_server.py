"""A model hub on this machine that speaks the protocol of the real one, and can misbehave in each known way."""

import hashlib
import re
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

COMMIT = "0123456789abcdef0123456789abcdef01234567"


class Hub(ThreadingHTTPServer):
    """Serves `files` {"owner/name": {file: bytes}}; large files redirect to /cdn, as the real hub's storage does.

    `fault` is one of: none, gated, forbidden, private, unknown, missing, silent, stall, truncate, corrupt, failing,
    expired (the storage refuses), portal (a sign-in page instead of an answer). `renamed` {"old/name": "new/name"} are redirected within the hub.
    """

    daemon_threads = True

    def __init__(self, files: dict[str, dict[str, bytes]]):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.files, self.fault, self.requests = files, "none", []
        self.renamed: dict[str, str] = {}
        self.storage = self.url
        """Where large files are said to lie."""
        self.hashes = True
        """Whether files come with an ETag, which mirrors of the real hub may leave out."""
        self.delay = 0.0
        """Seconds between the chunks of a download."""
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Hub

    def do_HEAD(self):
        self._answer(body=False)

    def do_GET(self):
        self._answer(body=True)

    def _answer(self, body: bool):
        self.server.requests.append((self.command, self.path, dict(self.headers)))
        fault = self.server.fault
        refusals = {"gated": (403, "GatedRepo"), "forbidden": (403, ""), "private": (401, "RepoNotFound"),
                    "unknown": (404, "RepoNotFound"), "missing": (404, "EntryNotFound"), "failing": (500, "")}  # fmt: skip
        if fault == "silent":
            time.sleep(30)
        if fault == "portal":
            return self._refuse(200, "")
        for old, new in self.server.renamed.items():
            if self.path.startswith(f"/{old}/"):
                return self._redirect(307, self.path.replace(old, new, 1))
        match = re.fullmatch(r"/(?:(cdn)/)?([^/]+/[^/]+)/resolve/([^/]+)/(.+)", self.path)
        if not match or match[2] not in self.server.files or match[4] not in self.server.files[match[2]]:
            return self._refuse(404, "EntryNotFound")
        if fault in refusals:
            return self._refuse(*refusals[fault])
        if fault == "expired" and match[1]:
            return self._refuse(403, "")
        data = self.server.files[match[2]][match[4]]
        large = match[4].endswith(".safetensors")
        digest = hashlib.sha256(data).hexdigest() if large else hashlib.sha1(data).hexdigest()
        if large and not match[1]:
            linked = {"X-Repo-Commit": COMMIT, "X-Linked-Size": str(len(data))}
            if self.server.hashes:
                linked["X-Linked-Etag"] = f'"{digest}"'
            return self._redirect(302, f"{self.server.storage}/cdn{self.path}", linked)
        return self._send(data, digest, body)

    def _redirect(self, status: int, location: str, headers: dict[str, str] | None = None):
        self.send_response(status)
        for name, value in {"Location": location, "Content-Length": "0", **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()

    def _send(self, data: bytes, digest: str, body: bool):
        start = int(re.match(r"bytes=(\d+)-", self.headers.get("Range", "bytes=0-"))[1])
        self.send_response(206 if start else 200)
        self.send_header("X-Repo-Commit", COMMIT)
        if self.server.hashes:
            self.send_header("ETag", f'"{digest}"')
        self.send_header("Content-Length", str(len(data) - start))
        self.end_headers()
        if not body:
            return
        if self.server.fault == "corrupt":
            data = data[:-1] + bytes([data[-1] ^ 1])
        part = data[start:]
        if self.server.fault in ("stall", "truncate"):
            part = part[: len(part) // 2]
        for offset in range(0, len(part), 1 << 16):
            self.wfile.write(part[offset : offset + (1 << 16)])
            time.sleep(self.server.delay)
        self.wfile.flush()
        if self.server.fault == "stall":
            time.sleep(30)
        self.close_connection = True

    def _refuse(self, status: int, code: str):
        self.send_response(status)
        if code:
            self.send_header("X-Error-Code", code)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass
