"""Files of the model hub: found in the cache of its client, or fetched into it, with short time-outs and checked.

Names, tokens, redirects, the session and the cache, which other programs on the machine share, are
huggingface_hub's. Only the bytes are not left to `hf_hub_download` (looked at in 2.4): it begins anew where an
earlier try broke off, hears nothing for 10 MB at a time, waits a minute for a storage that stalls, and compares no
hash. They are read from its session as they come (`core.weights.transfer`), and it then enters the file:

    HF_HUB_CACHE (HF_HOME/hub)
    ├── .locks/models--OWNER--NAME/HASH.lock     held while a file is fetched
    └── models--OWNER--NAME/
        ├── .no_exist/COMMIT/FILE                    a file that the commit does not have
    ├── refs/REVISION                        the commit that a branch or tag meant at the download
        ├── snapshots/COMMIT/FILE                a link to the blob; a copy where a file system has no links
        └── blobs/
            ├── HASH                             complete, and compared with its name at every use
            └── HASH.part                        what has come of a download that was cut short
"""

import hashlib
import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple, TypeVar
from urllib.parse import urlsplit

from core.errors import HubError
from core.files import file_sha256
from core.weights.transfer import BusyError, Progress, download, held, within

ANSWER_WITHIN = 4.0
"""Seconds until a hub that has not answered is given up, name look-up included."""
REPOSITORY = re.compile(r"[\w-][\w.-]*/[\w-][\w.-]*")
Answer = TypeVar("Answer")
_COMMIT = re.compile(r"[0-9a-f]{40}")
_HASH = re.compile(r"[\w-][\w.-]*")
_REVISION = re.compile(r"[\w-][\w.-]*(/[\w-][\w.-]*)*")


class MissingFileError(HubError):
    """A repository is there, and has no such file."""


class Fetched(NamedTuple):
    """A file of the hub on this machine."""

    path: Path
    revision: str
    """The commit it is from."""
    sha256: str


def fetch(repository: str, file: str, revision: str, progress: Progress | None = None) -> Fetched:
    """A file of a repository at a revision, from the cache where it is there, which needs no network.

    It is compared with the hash that it is stored under. `progress` is called during a download, and ends it by raising;
    without one, a terminal gets a bar. Raises HubError, saying what to do, where the hub does not answer, refuses,
    or sends something else than it promised.
    """
    from huggingface_hub import try_to_load_from_cache  # here: a model that is a path needs no hub

    check_name(repository, revision)
    path = try_to_load_from_cache(repository, file, cache_dir=_cache(), revision=revision)
    if not isinstance(path, str):
        path = _download(repository, file, revision, progress)
    path = Path(path)
    # one link is followed, to the blob: that may be a link in turn, to a store that repositories share
    digest, fits = _hashed(path, Path(os.readlink(path)).name if path.is_symlink() else "")
    if not fits:
        raise HubError(f"{path} is not the file that was downloaded (its hash changed); delete it to fetch it again.")
    return Fetched(path, path.relative_to(_folder(repository) / "snapshots").parts[0], digest)


def fetch_if_there(repository: str, file: str, revision: str, progress: Progress | None = None) -> Fetched | None:
    """`fetch`, or None for a file that the repository does not have. Of a commit that is remembered, in `.no_exist`
    of the cache as the hub's client does, so that it is not asked again."""
    absent = _folder(repository) / ".no_exist" / revision / file
    if _COMMIT.fullmatch(revision) and absent.exists():
        return None
    try:
        return fetch(repository, file, revision, progress)
    except MissingFileError:
        if _COMMIT.fullmatch(revision):
            with suppress(OSError):
                absent.parent.mkdir(parents=True, exist_ok=True)
                absent.touch()
        return None


def check_name(repository: str, revision: str = "main") -> None:
    """HubError unless these are names as the hub has them: owner/name, and a branch, tag or commit."""
    from huggingface_hub.utils import HFValidationError, validate_repo_id

    try:
        validate_repo_id(repository)
        known = REPOSITORY.fullmatch(repository) and _REVISION.fullmatch(revision)
    except HFValidationError:
        known = None
    if not known:
        raise HubError(
            f"{repository!r} at {revision!r} is no name on the hub; write owner/name, and a branch or commit."
        )


def check_token() -> None:
    """HubError where HF_TOKEN holds what cannot be one: the client would quote it in messages that visitors see."""
    secret = os.environ.get("HF_TOKEN", "").strip()
    if not (secret.isascii() and secret.isprintable()):
        raise HubError("HF_TOKEN holds what no access token does, such as a line break; set it to the token alone.")


def offline() -> bool:
    """Whether HF_HUB_OFFLINE is set now; the client looked at it when it was imported."""
    return os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "ON", "YES", "TRUE")


def endpoint() -> str:
    """The hub's address: HF_ENDPOINT as it is now."""
    return (os.environ.get("HF_ENDPOINT") or "https://huggingface.co").rstrip("/")


def _answer_of(ask: Callable[[], Answer], repository: str, wanted: str) -> Answer:
    """The answer of the hub's client, within ANSWER_WITHIN seconds. Raises HubError for what it raises of the hub.

    `wanted` names in a message what may not be there: `model.safetensors at revision main`.
    """
    import httpx2
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    try:
        return within(ANSWER_WITHIN, ask)
    except HfHubHTTPError as error:
        raise _refusal(error.response.status_code, error.response.headers, repository, wanted) from error
    except (TimeoutError, ConnectionError, LocalEntryNotFoundError, httpx2.HTTPError, httpx2.InvalidURL) as error:
        reason = str(error) or type(error).__name__
        raise HubError(f"{endpoint()} cannot be reached ({reason}); try again later, {_by_hand(repository)}") from error


def _refusal(status: int, headers: Mapping[str, str], repository: str, wanted: str) -> HubError:
    """Advice on an answer that is no file."""
    page, code = f"{endpoint()}/{repository}", headers.get("x-error-code", "")
    if code == "GatedRepo" or status == 403:
        refused = (
            " The token in use was refused: its account may still wait for the owners' answer, or the token may lack the "
            "right to read gated repositories."
        )
        return HubError(
            f"{repository} is gated: sign in and accept its terms at {page}, then set HF_TOKEN to an access token of that "
            f"account, or run `hf auth login`.{refused if status == 403 else ''}"
        )
    if status == 401 or code == "RepoNotFound":
        return HubError(
            f"{repository} does not exist, or is private: check the name, or set HF_TOKEN to your access token."
        )
    if status == 404:
        return MissingFileError(f"{repository} has no {wanted}; look at {page}.")
    return HubError(f"{endpoint()} answered {status} for {repository}; try again later, {_by_hand(repository)}")


def _download(repository: str, file: str, revision: str, progress: Progress | None) -> str:
    """Fetch a file, check it, and enter it into the cache; its path there."""
    from huggingface_hub import get_hf_file_metadata, hf_hub_download, hf_hub_url

    if offline():
        raise HubError(f"{repository} is not in the cache and HF_HUB_OFFLINE is set; unset it, {_by_hand(repository)}")
    check_token()
    wanted, cache, hub = f"{file} at revision {revision}", _cache(), endpoint()
    url = hf_hub_url(repository, file, revision=revision, endpoint=hub)
    described = _answer_of(lambda: get_hf_file_metadata(url, timeout=ANSWER_WITHIN, endpoint=hub), repository, wanted)
    if not _COMMIT.fullmatch(described.commit_hash or "") or not _HASH.fullmatch(described.etag or ""):
        raise HubError(
            f"{endpoint()} does not answer as a model hub does (no {'hash' if described.commit_hash else 'commit'}); "
            f"check HF_ENDPOINT and whether the network asks you to sign in first, {_by_hand(repository)}"
        )
    try:
        with _shown(progress, f"{repository}/{file}") as tell:
            _obtain(described, repository, file, tell)
        return _answer_of(
            lambda: hf_hub_download(repository, file, revision=revision, cache_dir=cache, endpoint=hub),
            repository,
            wanted,
        )
    except OSError as error:
        raise HubError(
            f"{repository}/{file} cannot be kept in {_folder(repository)} ({error.strerror or error}); make room there, "
            "or point HF_HOME to a folder that can be written to."
        ) from error


def _obtain(described, repository: str, file: str, tell: Progress) -> None:
    """Put the file of an HfFileMetadata among the blobs, complete and checked, where it is not there."""
    import httpx2
    from huggingface_hub.errors import HfHubHTTPError
    from huggingface_hub.utils import build_hf_headers

    size, address = described.size or 0, urlsplit(described.location)
    own, host = address.netloc == urlsplit(endpoint()).netloc, address.hostname
    headers = build_hf_headers(token=None if own else False)  # the token is for the hub, not for its storage
    folder = _folder(repository)
    blob, lock = folder / "blobs" / described.etag, f"{folder.name}/{described.etag}.lock"
    partial = blob.with_name(f"{blob.name}.part")
    partial.parent.mkdir(parents=True, exist_ok=True)
    try:
        with held(folder.parent / ".locks" / lock, partial, size, tell):
            if not blob.exists():
                done = download(described.location, headers, partial, size, tell)
                _accept(f"{repository}/{file}", partial, done, size, blob)
    except HfHubHTTPError as error:
        if own:
            answer, wanted = error.response, f"{file} at revision {described.commit_hash}"
            raise _refusal(answer.status_code, answer.headers, repository, wanted) from error
        raise HubError(
            f"The hub keeps {repository}/{file} at {host}, and {host} answered {error.response.status_code}; try again "
            f"later, {_by_hand(repository)}"
        ) from error
    except (httpx2.HTTPError, TimeoutError, BusyError) as error:
        done = partial.stat().st_size if partial.exists() else 0
        raise HubError(
            f"The download of {repository}/{file} stopped after {done / 1e6:.1f} of {size / 1e6:.1f} MB "
            f"({str(error) or type(error).__name__}); try again to go on from there, {_by_hand(repository)}"
        ) from error


def _accept(title: str, partial: Path, done: int, size: int, blob: Path) -> None:
    """Give a downloaded file its place if it is what was promised. Raises HubError."""
    if done < size:
        raise HubError(f"{title} came with {done:,} instead of {size:,} bytes; try again to go on from there.")
    digest, fits = _hashed(partial, blob.name)
    if not fits or 0 < size < done:
        partial.unlink()
        raise HubError(
            f"{title} is damaged: {done:,} bytes with SHA-256 {digest[:12]}… came, the hub promised {size:,} with "
            f"{blob.name[:12]}…. It was deleted; try again."
        )
    with partial.open("rb+") as file:
        os.fsync(file.fileno())
    os.replace(partial, blob)


def _hashed(path: Path, stored_as: str) -> tuple[str, bool]:
    """A file's SHA-256, and whether it is what the hub stores under that hash, where it is one.

    That is the SHA-256 of large files, and git's SHA-1 of small ones; mirrors may give the plain SHA-1 instead.
    """
    digest = file_sha256(path)
    if re.fullmatch(r"[0-9a-f]{64}", stored_as):
        return digest, digest == stored_as
    if re.fullmatch(r"[0-9a-f]{40}", stored_as):
        content = path.read_bytes()
        heads = (f"blob {len(content)}\0".encode(), b"")
        return digest, stored_as in [hashlib.sha1(head + content).hexdigest() for head in heads]
    return digest, True


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


def _by_hand(repository: str) -> str:
    return (
        f"or download model.safetensors of {repository} by hand and give its path, or use the shipped model (embedded)."
    )


def _cache() -> Path:
    home = os.environ.get("HF_HOME") or Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache") / "huggingface"
    return Path(os.environ.get("HF_HUB_CACHE") or Path(home) / "hub").expanduser().resolve()


def _folder(repository: str) -> Path:
    return _cache() / f"models--{repository.replace('/', '--')}"
