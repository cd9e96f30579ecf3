"""Files of the model hub: found in the cache, or fetched with short time-outs and checked against their hash.

The hub's own client waits and retries for 23 s where a name does not resolve, and longer where a transfer
stalls; a person at a page should hear within 5 s. So the transfer is done here, in the layout of the client's
cache, which other programs on the machine then share.
"""

import concurrent.futures
import hashlib
import json
import os
import re
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from core.errors import HubError

Progress = Callable[[int, int], None]
"""Told (bytes done, bytes in all) as a download goes on."""

ANSWER_WITHIN = 4.5
"""Seconds until a hub that has not answered is given up, name look-up included."""
STALL_AFTER = 4.0
"""Seconds without a byte after which a transfer is given up; what has come is kept for the next try."""
_CHUNK = 1 << 20
_COMMIT = re.compile(r"[0-9a-f]{40}")
_SHA256 = re.compile(r"[0-9a-f]{64}")


class Fetched(NamedTuple):
    """A file of the hub on this machine."""

    path: Path
    revision: str
    """The commit it is from."""
    sha256: str


class _Description(NamedTuple):
    """What the hub says of a file before it is fetched."""

    url: str
    commit: str
    etag: str
    size: int


def fetch(repository: str, file: str, revision: str, progress: Progress | None = None) -> Fetched:
    """A file of a repository at a revision, from the cache where it is there, which needs no network.

    Its hash is recorded at the first download and compared at every later use. Raises HubError, saying what to
    do, where the hub does not answer, refuses, or sends something else than it promised.
    """
    folder = _cache() / f"models--{repository.replace('/', '--')}"
    cached = _from_cache(folder, file, revision)
    if cached is not None:
        return cached
    if os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "ON", "YES", "TRUE"):
        raise HubError(f"{repository} is not in the cache and HF_HUB_OFFLINE is set; unset it, {_by_hand(repository)}")
    described = _describe(repository, file, revision)
    path = folder / "snapshots" / described.commit / file
    path.parent.mkdir(parents=True, exist_ok=True)
    with _shown(progress, f"{repository}/{file}") as tell:
        digest = _download(described, path, repository, tell)
    record = _record(folder)
    _write(folder / "dinoscope.json", json.dumps(record | {f"{described.commit}/{file}": digest}, indent=1))
    if not _COMMIT.fullmatch(revision):
        _write(folder / "refs" / revision, described.commit)
    return Fetched(path, described.commit, digest)


def _from_cache(folder: Path, file: str, revision: str) -> Fetched | None:
    reference = folder / "refs" / revision
    commit = reference.read_text().strip() if reference.is_file() else revision
    path = folder / "snapshots" / commit / file
    if not path.is_file():
        return None
    digest = _sha256(path)
    known = _record(folder).get(f"{commit}/{file}")
    if known is not None and known != digest:
        raise HubError(f"{path} is not the file that was downloaded (its hash changed); delete it to fetch it again.")
    return Fetched(path, commit, digest)


def _describe(repository: str, file: str, revision: str) -> _Description:
    """Ask the hub for a file's commit, hash and size without fetching it."""
    import httpx  # here: a model that is on disk needs no network

    url = f"{_endpoint()}/{repository}/resolve/{revision}/{file}"

    def ask() -> httpx.Response:
        return httpx.head(url, headers=_headers(), follow_redirects=False, timeout=ANSWER_WITHIN)

    # a thread of its own, since looking up a name cannot be timed out; a daemon, so that it holds up no exit
    answer: concurrent.futures.Future = concurrent.futures.Future()
    threading.Thread(target=_settle, args=(answer, ask), daemon=True).start()
    try:
        response = answer.result(timeout=ANSWER_WITHIN)
    except (concurrent.futures.TimeoutError, httpx.HTTPError) as error:
        reason = str(error) or "no answer"
        raise HubError(
            f"{_endpoint()} cannot be reached ({reason}); try again later, {_by_hand(repository)}"
        ) from error
    _refuse(response, repository, file, revision)
    size = response.headers.get("x-linked-size") or response.headers.get("content-length") or "0"
    return _Description(
        url=str(response.url.join(response.headers["location"])) if "location" in response.headers else url,
        commit=response.headers.get("x-repo-commit", revision),
        etag=(response.headers.get("x-linked-etag") or response.headers.get("etag") or "")
        .removeprefix("W/")
        .strip('"'),
        size=int(size),
    )


def _settle(answer: concurrent.futures.Future, ask: Callable) -> None:
    try:
        answer.set_result(ask())
    except Exception as error:  # handed to whoever waits for the answer
        answer.set_exception(error)


def _refuse(response, repository: str, file: str, revision: str) -> None:
    """HubError for an answer that is no file."""
    status, code = response.status_code, response.headers.get("x-error-code", "")
    page = f"{_endpoint()}/{repository}"
    if status < 400:
        return
    if code == "GatedRepo" or status == 403:
        raise HubError(f"{repository} is gated: accept its terms at {page} and set HF_TOKEN to your access token.")
    if status == 401:
        raise HubError(
            f"{repository} does not exist, or is private: check the name, or set HF_TOKEN to your access token."
        )
    if status == 404:
        raise HubError(f"{repository} has no {file} at revision {revision}; look at {page}.")
    raise HubError(f"{_endpoint()} answered {status} for {repository}; try again later, {_by_hand(repository)}")


def _download(described: _Description, path: Path, repository: str, tell: Progress) -> str:
    """Fetch to `path`, going on where an earlier try ended; the SHA-256. Nothing incomplete gets the final name."""
    import httpx

    partial = path.with_name(f"{path.name}.incomplete")
    done = partial.stat().st_size if partial.exists() else 0
    if described.size and done >= described.size:
        done = 0
    own = described.url.startswith(_endpoint())
    headers = (_headers() if own else {"Accept-Encoding": "identity"}) | ({"Range": f"bytes={done}-"} if done else {})
    timeout = httpx.Timeout(STALL_AFTER)
    try:
        with httpx.stream("GET", described.url, headers=headers, follow_redirects=True, timeout=timeout) as response:
            _refuse(response, repository, path.name, described.commit)
            if response.status_code != httpx.codes.PARTIAL_CONTENT:
                done = 0
            with partial.open("ab" if done else "wb") as file:
                for chunk in response.iter_raw():
                    file.write(chunk)
                    done += len(chunk)
                    tell(done, described.size)
    except httpx.HTTPError as error:
        raise HubError(
            f"The download of {repository}/{path.name} stopped after {done / 1e6:.1f} of {described.size / 1e6:.1f} MB "
            f"({str(error) or type(error).__name__}); try again to go on from there, {_by_hand(repository)}"
        ) from error
    if described.size and done != described.size:
        raise HubError(
            f"{repository}/{path.name} came with {done:,} instead of {described.size:,} bytes; try again to go on from there."
        )
    digest = _sha256(partial)
    if _SHA256.fullmatch(described.etag) and digest != described.etag:
        partial.unlink()
        raise HubError(
            f"{repository}/{path.name} is damaged: its SHA-256 is {digest[:12]}…, the hub promised {described.etag[:12]}…. "
            "It was deleted; try again."
        )
    os.replace(partial, path)
    return digest


@contextmanager
def _shown(progress: Progress | None, title: str) -> Iterator[Progress]:
    """`progress`, or a bar on the terminal where nobody asked and somebody looks."""
    if progress is not None:
        yield progress
        return
    from tqdm import tqdm

    with tqdm(desc=title, unit="B", unit_scale=True, disable=not sys.stderr.isatty()) as bar:

        def tell(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        yield tell


def _record(folder: Path) -> dict[str, str]:
    path = folder / "dinoscope.json"
    return json.loads(path.read_text()) if path.is_file() else {}


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.part")
    partial.write_text(text)
    os.replace(partial, path)


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def _by_hand(repository: str) -> str:
    return (
        f"or download model.safetensors of {repository} by hand and give its path, or use the shipped model (embedded)."
    )


def _endpoint() -> str:
    return os.environ.get("HF_ENDPOINT", "https://huggingface.co").rstrip("/")


def _headers() -> dict[str, str]:
    token = os.environ.get("HF_TOKEN")
    return {"User-Agent": "dinoscope", "Accept-Encoding": "identity"} | (
        {"Authorization": f"Bearer {token}"} if token else {}
    )


def _cache() -> Path:
    home = Path(os.environ.get("HF_HOME", "~/.cache/huggingface")).expanduser()
    return Path(os.environ.get("HF_HUB_CACHE", home / "hub")).expanduser()
