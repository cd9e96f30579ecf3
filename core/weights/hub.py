"""Files of the model hub: found in the cache, or fetched with short time-outs and checked against their hash.

The hub's own client waits and retries for 23 s where a name does not resolve, and longer where a transfer
stalls; a person at a page should hear within 5 s. So the transfer is done here, in the layout and under the
locks of the client's cache, which other programs on the machine then share:

    HF_HUB_CACHE (HF_HOME/hub)
    ├── .locks/models--OWNER--NAME/ETAG.lock     held while a file is fetched
    └── models--OWNER--NAME/
        ├── refs/REVISION                        the commit that a branch or tag meant at the download
        ├── snapshots/COMMIT/FILE                complete and checked
        ├── blobs/ETAG.part                      what has come of a download that was cut short
        └── dinoscope.json                       SHA-256 of each file at its first use, compared ever after
"""

import json
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

from core.errors import HubError
from core.files import write_whole
from core.weights.transfer import BusyError, Progress, RefusedError, download, file_sha256, held, within

ANSWER_WITHIN = 4.0
"""Seconds until a hub that has not answered is given up, name look-up included."""
REDIRECTS = 5
_COMMIT = re.compile(r"[0-9a-f]{40}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_REPOSITORY = re.compile(r"[\w-][\w.-]*/[\w-][\w.-]*")
_REVISION = re.compile(r"[\w-][\w.-]*(/[\w-][\w.-]*)*")


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
    """In bytes; 0 where the hub does not say."""


def fetch(repository: str, file: str, revision: str, progress: Progress | None = None) -> Fetched:
    """A file of a repository at a revision, from the cache where it is there, which needs no network.

    Its hash is recorded at the first use and compared at every later one. `progress` is told of a download;
    without one, a terminal gets a bar. Raises HubError, saying what to do, where the hub does not answer,
    refuses, or sends something else than it promised.
    """
    if not _REPOSITORY.fullmatch(repository) or not _REVISION.fullmatch(revision):
        raise HubError(
            f"{repository!r} at {revision!r} is no name on the hub; write owner/name, and a branch or commit."
        )
    folder = _cache() / f"models--{repository.replace('/', '--')}"
    cached = _from_cache(folder, file, revision)
    if cached is not None:
        return cached
    if os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "ON", "YES", "TRUE"):
        raise HubError(f"{repository} is not in the cache and HF_HUB_OFFLINE is set; unset it, {_by_hand(repository)}")
    described = _describe(repository, file, revision)
    try:
        with _shown(progress, f"{repository}/{file}") as tell:
            digest = _obtain(described, folder, repository, file, tell)
        _remember(folder, f"{described.commit}/{file}", digest)
        if not _COMMIT.fullmatch(revision):
            _write(folder / "refs" / revision, described.commit)
    except OSError as error:
        raise HubError(
            f"{repository}/{file} cannot be kept in {folder} ({error.strerror or error}); make room there, or point "
            "HF_HOME to a folder that can be written to."
        ) from error
    return Fetched(folder / "snapshots" / described.commit / file, described.commit, digest)


def _from_cache(folder: Path, file: str, revision: str) -> Fetched | None:
    reference = folder / "refs" / revision
    commit = reference.read_text().strip() if reference.is_file() else revision
    path = folder / "snapshots" / commit / file
    if not path.is_file():
        return None
    digest = file_sha256(path)
    known = _record(folder).get(f"{commit}/{file}")
    if known is None:
        stored_as = path.resolve().name  # other programs keep a large file under its hash, and link to it
        known = stored_as if _SHA256.fullmatch(stored_as) else digest
        if known == digest:
            with suppress(OSError):  # a cache that is shared read-only cannot be noted in
                _remember(folder, f"{commit}/{file}", digest)
    if known != digest:
        raise HubError(f"{path} is not the file that was downloaded (its hash changed); delete it to fetch it again.")
    return Fetched(path, commit, digest)


def _describe(repository: str, file: str, revision: str) -> _Description:
    """Ask the hub for a file's commit, hash and size without fetching it."""
    import httpx  # here: a model that is on disk needs no network

    url = f"{_endpoint()}/{repository}/resolve/{quote(revision, safe='')}/{file}"
    try:
        response, headers = within(ANSWER_WITHIN, lambda: _head(url))
    except (TimeoutError, httpx.HTTPError, httpx.InvalidURL) as error:
        reason = str(error) or type(error).__name__
        raise HubError(
            f"{_endpoint()} cannot be reached ({reason}); try again later, {_by_hand(repository)}"
        ) from error
    _refuse(response, repository, file, revision)
    commit = headers.get("x-repo-commit", "")
    if not _COMMIT.fullmatch(commit):
        raise HubError(
            f"{_endpoint()} does not answer as a model hub does (no commit); check HF_ENDPOINT and whether the "
            f"network asks you to sign in first, {_by_hand(repository)}"
        )
    size = headers.get("x-linked-size") or (response.headers.get("content-length") if response.is_success else None)
    etag = headers.get("x-linked-etag") or headers.get("etag") or ""
    location = response.headers.get("location")
    return _Description(
        url=str(response.url.join(location) if location else response.url),
        commit=commit,
        etag=re.sub(r"[^\w.-]", "", etag.removeprefix("W/")),
        size=int(size) if size and size.isdecimal() else 0,
    )


def _head(url: str):
    """The hub's answer and all headers on the way to it; redirects within the hub (renamed models) are followed.

    The redirect to the storage, on another host, is not: the headers before it describe the file.
    """
    import httpx

    headers: dict[str, str] = {}
    for _ in range(REDIRECTS):
        response = httpx.head(url, headers=_headers(), follow_redirects=False, timeout=ANSWER_WITHIN)
        headers |= response.headers
        location = response.headers.get("location")
        if not location or not httpx.URL(location).is_relative_url or location.startswith("//"):
            return response, headers
        url = str(response.url.join(location))
    raise httpx.TooManyRedirects(f"more than {REDIRECTS} redirects")


def _refuse(response, repository: str, file: str, revision: str) -> None:
    """HubError for an answer that is no file."""
    status, code = response.status_code, response.headers.get("x-error-code", "")
    page = f"{_endpoint()}/{repository}"
    if status < 400:
        return
    if code == "GatedRepo" or status == 403:
        raise HubError(f"{repository} is gated: accept its terms at {page} and set HF_TOKEN to your access token.")
    if status == 401 or code == "RepoNotFound":
        raise HubError(
            f"{repository} does not exist, or is private: check the name, or set HF_TOKEN to your access token."
        )
    if status == 404:
        raise HubError(f"{repository} has no {file} at revision {revision}; look at {page}.")
    raise HubError(f"{_endpoint()} answered {status} for {repository}; try again later, {_by_hand(repository)}")


def _obtain(described: _Description, folder: Path, repository: str, file: str, tell: Progress) -> str:
    """Put the file into its snapshot, complete and checked; its SHA-256."""
    import httpx

    path = folder / "snapshots" / described.commit / file
    stored_as = described.etag or f"{described.commit}-{file.replace('/', '--')}"
    partial = folder / "blobs" / f"{stored_as}.part"
    lock = folder.parent / ".locks" / folder.name / f"{stored_as}.lock"
    host = httpx.URL(described.url).host
    own = host == httpx.URL(_endpoint()).host
    path.parent.mkdir(parents=True, exist_ok=True)
    partial.parent.mkdir(parents=True, exist_ok=True)
    try:
        with held(lock, partial, described.size, tell):
            if path.is_file():  # whoever held it before has fetched it
                return file_sha256(path)
            # the token is for the hub alone, not for the storage it sends us to
            done = download(described.url, _headers(token=own), partial, described.size, tell)
            return _accept(described, partial, done, path, repository)
    except RefusedError as error:
        if own:
            _refuse(error.response, repository, file, described.commit)
        raise HubError(
            f"The hub keeps {repository}/{file} at {host}, and {host} {error}; try again later, {_by_hand(repository)}"
        ) from error
    except (httpx.HTTPError, TimeoutError, BusyError) as error:
        done = partial.stat().st_size if partial.exists() else 0
        raise HubError(
            f"The download of {repository}/{file} stopped after {done / 1e6:.1f} of {described.size / 1e6:.1f} MB "
            f"({str(error) or type(error).__name__}); try again to go on from there, {_by_hand(repository)}"
        ) from error


def _accept(described: _Description, partial: Path, done: int, path: Path, repository: str) -> str:
    """Give a downloaded file its name if it is what was promised; its SHA-256. Raises HubError."""
    if described.size and done < described.size:
        raise HubError(
            f"{repository}/{path.name} came with {done:,} instead of {described.size:,} bytes; try again to go on "
            "from there."
        )
    digest = file_sha256(partial)
    wrong_size = described.size and done > described.size
    if wrong_size or (_SHA256.fullmatch(described.etag) and digest != described.etag):
        partial.unlink()
        raise HubError(
            f"{repository}/{path.name} is damaged: {done:,} bytes with SHA-256 {digest[:12]}… came, the hub promised "
            f"{described.size:,} with {described.etag[:12]}…. It was deleted; try again."
        )
    with partial.open("rb+") as file:
        os.fsync(file.fileno())
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
    if not path.is_file():
        return {}
    try:
        hashes = json.loads(path.read_text())
        if isinstance(hashes, dict):
            return hashes
    except ValueError:
        pass
    raise HubError(f"{path} is damaged; delete it, and the hashes are recorded anew at the next use.")


def _remember(folder: Path, file: str, digest: str) -> None:
    _write(folder / "dinoscope.json", json.dumps(_record(folder) | {file: digest}, indent=1))


def _write(path: Path, text: str) -> None:
    write_whole(path, text, contested=True)


def _by_hand(repository: str) -> str:
    return (
        f"or download model.safetensors of {repository} by hand and give its path, or use the shipped model (embedded)."
    )


def _endpoint() -> str:
    return (os.environ.get("HF_ENDPOINT") or "https://huggingface.co").rstrip("/")


def _headers(token: bool = True) -> dict[str, str]:
    secret = os.environ.get("HF_TOKEN", "").strip() if token else ""
    if not (secret.isascii() and secret.isprintable()):  # httpx would quote it in a message that visitors may see
        raise HubError("HF_TOKEN holds what no access token does, such as a line break; set it to the token alone.")
    authorised = {"Authorization": f"Bearer {secret}"} if secret else {}
    return {"User-Agent": "dinoscope", "Accept-Encoding": "identity"} | authorised


def _cache() -> Path:
    home = os.environ.get("HF_HOME") or Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache") / "huggingface"
    return Path(os.environ.get("HF_HUB_CACHE") or Path(home) / "hub").expanduser()
