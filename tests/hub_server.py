"""A model hub on this machine that speaks the protocol of the real one, and can misbehave in each known way."""

import base64
import hashlib
import json
import re
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

COMMIT = "0123456789abcdef0123456789abcdef01234567"


def git_sha1(data: bytes) -> str:
    """The hash that git stores a file under, and the hub its small ones."""
    return hashlib.sha1(f"blob {len(data)}\0".encode() + data).hexdigest()


class Hub(ThreadingHTTPServer):
    """Serves `files` {"owner/name": {file: bytes}}; large files redirect to another host, as the real hub's do.

    `fault` is one of: none, gated, forbidden, private, unknown, missing, silent, stall, truncate, corrupt, failing,
    expired (the storage refuses), portal (a sign-in page instead of an answer), stranger (the token is not known),
    lost (what is uploaded arrives damaged). `renamed` {"old/name": "new/name"} are redirected within the hub.

    Repositories of the user `owner` can be made and committed to with any token; there is no xet.
    """

    daemon_threads = True

    def __init__(self, files: dict[str, dict[str, bytes]]):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.files, self.fault, self.requests = files, "none", []
        self.renamed: dict[str, str] = {}
        self.private: set[str] = set()
        self.stored: dict[str, bytes] = {}
        """Large files that were uploaded, by their SHA-256."""
        self.storage = f"http://localhost:{self.server_port}"
        """Where large files are said to lie: by its name another host than the hub, as the real one's is."""
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
        if self.path.startswith("/api/"):
            return self._programs(None)
        return self._answer(body=True)

    def do_POST(self):
        return self._programs(self._body())

    def do_PUT(self):
        """A large file for the storage."""
        self.server.requests.append((self.command, self.path, self.headers))
        data, digest = self._body(), self.path.rsplit("/", 1)[1]
        if self.server.fault == "lost" or hashlib.sha256(data).hexdigest() != digest:
            return self._refuse(400, "")
        self.server.stored[digest] = data
        return self._json({})

    def _body(self) -> bytes:
        if "Content-Length" in self.headers:
            return self.rfile.read(int(self.headers["Content-Length"]))
        chunks = []
        while size := int(self.rfile.readline(), 16):
            chunks.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(chunks)

    def _programs(self, body: bytes | None):
        """What the hub answers programs that make repositories and put files into them."""
        self.server.requests.append((self.command, self.path, self.headers))
        if self.server.fault == "silent":
            time.sleep(30)
        if self.server.fault == "failing":
            return self._refuse(500, "")
        if "Authorization" not in self.headers or self.server.fault == "stranger":
            return self._refuse(401, "")
        if self.path == "/api/whoami-v2":
            return self._json({"type": "user", "name": "owner", "fullname": "Owner", "orgs": []})
        if self.path == "/api/validate-yaml":
            return self._json({"errors": [], "warnings": []})
        if self.path == "/api/repos/create":
            return self._create(json.loads(body))
        match = re.fullmatch(
            r"(?:/api/models)?/([^/]+/[^/.]+)(?:\.git/info/lfs/objects)?(?:/(\w+))?(?:/main)?", self.path
        )
        if not match or match[1] not in self.server.files:
            return self._refuse(404, "RepoNotFound")
        if match[2] is None:
            described = {"id": match[1], "private": match[1] in self.server.private, "sha": COMMIT, "siblings": []}
            return self._json(described)
        if not match[1].startswith("owner/") or self.server.fault == "forbidden":
            return self._refuse(403, "")
        return {"preupload": self._modes, "batch": self._places, "commit": self._commit}[match[2]](match[1], body)

    def _create(self, wanted: dict):
        name = f"{wanted['organization']}/{wanted['name']}"
        if wanted["organization"] != "owner":
            return self._refuse(403, "")
        if name in self.server.files:
            return self._refuse(409, "")
        self.server.files[name] = {}
        if wanted.get("visibility") == "private":
            self.server.private.add(name)
        return self._json({"url": f"{self.server.url}/{name}", "name": name})

    def _modes(self, name: str, body: bytes):
        """Which of the files are to be sent to the storage, and which within the commit."""
        paths = [file["path"] for file in json.loads(body)["files"]]
        modes = {path: "lfs" if path.endswith(".safetensors") else "regular" for path in paths}
        return self._json({"files": [{"path": p, "uploadMode": m, "shouldIgnore": False} for p, m in modes.items()]})

    def _places(self, name: str, body: bytes):
        """Where large files are to be sent."""
        objects = [
            each | {"actions": {"upload": {"href": f"{self.server.storage}/cdn/{each['oid']}"}}}
            for each in json.loads(body)["objects"]
        ]
        return self._json({"transfer": "basic", "objects": objects})

    def _commit(self, name: str, body: bytes):
        for line in map(json.loads, body.splitlines()):
            value = line["value"]
            if line["key"] == "file":
                self.server.files[name][value["path"]] = base64.b64decode(value["content"])
            elif line["key"] == "lfsFile":
                self.server.files[name][value["path"]] = self.server.stored[value["oid"]]
        return self._json({"commitUrl": f"{self.server.url}/{name}/commit/{COMMIT}", "commitOid": COMMIT})

    def _json(self, answer: dict):
        content = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _answer(self, body: bool):
        self.server.requests.append((self.command, self.path, self.headers))
        fault = self.server.fault
        known = "Authorization" in self.headers
        refusals = {"gated": (403 if known else 401, "GatedRepo"), "forbidden": (403, ""), "private": (401, "RepoNotFound"),
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
        digest = hashlib.sha256(data).hexdigest() if large else git_sha1(data)
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
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
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
