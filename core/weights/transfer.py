"""Bytes from a server into a file: given up where nothing comes, and gone on with at the next try.

Neither looking up a name nor a server that accepts and then says nothing can be timed out from within, so what
touches the network runs on a daemon thread, and whoever waits stops waiting.
"""

import concurrent.futures
import hashlib
import queue
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import TypeVar

Progress = Callable[[int, int], None]
"""Told (bytes done, bytes in all) as a download goes on."""
Result = TypeVar("Result")

STALL_AFTER = 4.0
"""Seconds without a byte after which a transfer is given up."""
_LOOK_AGAIN = 0.25
_CHUNK = 1 << 20


class RefusedError(Exception):
    """The server answered with something that is no file; `response` is its httpx answer."""

    def __init__(self, response):
        super().__init__(f"answered {response.status_code}")
        self.response = response


class BusyError(Exception):
    """Another program holds the file and does not get on with it."""


def within(seconds: float, ask: Callable[[], Result]) -> Result:
    """What `ask` returns or raises. TimeoutError where it takes longer; it is then left behind."""
    answer: concurrent.futures.Future[Result] = concurrent.futures.Future()

    def settle() -> None:
        try:
            answer.set_result(ask())
        except Exception as error:  # handed to whoever waits
            answer.set_exception(error)

    threading.Thread(target=settle, daemon=True).start()
    try:
        return answer.result(timeout=seconds)
    except concurrent.futures.TimeoutError:
        raise TimeoutError(f"no answer within {seconds:g} s") from None


def download(url: str, headers: dict[str, str], partial: Path, size: int, tell: Progress) -> int:
    """Fetch into `partial`, going on where an earlier try left it; the bytes now there.

    `size` is what is expected in all, 0 where that is not known. Raises RefusedError, TimeoutError or
    httpx.HTTPError; what has come until then stays in `partial`.
    """
    there = partial.stat().st_size if partial.exists() else 0
    done = there if there < size else 0
    if done:
        headers = headers | {"Range": f"bytes={done}-"}
    with closing(_pieces(url, headers)) as pieces:
        response = next(pieces)
        if not response.is_success:
            raise RefusedError(response)
        if response.status_code != 206:
            done = 0
        with partial.open("ab" if done else "wb") as file:
            for piece in pieces:
                file.write(piece)
                done += len(piece)
                tell(done, size)
    return done


def _pieces(url: str, headers: dict[str, str]) -> Iterator:
    """The answer to a GET, then its bytes as they come. TimeoutError after STALL_AFTER seconds of silence."""
    import httpx  # here: a model that is on disk needs no network

    pieces: queue.Queue = queue.Queue(maxsize=8)
    left = threading.Event()

    def hand_over(item) -> None:
        while not left.is_set():
            with suppress(queue.Full):
                pieces.put(item, timeout=_LOOK_AGAIN)
                return

    def read() -> None:
        try:
            with httpx.stream("GET", url, headers=headers, follow_redirects=True, timeout=STALL_AFTER) as response:
                hand_over(response)
                for piece in response.iter_raw():
                    hand_over(piece)
                    if left.is_set():
                        return
            hand_over(None)
        except Exception as error:  # raised again by whoever waits
            hand_over(error)

    threading.Thread(target=read, daemon=True).start()
    try:
        while True:
            try:
                item = pieces.get(timeout=STALL_AFTER + _LOOK_AGAIN)
            except queue.Empty:
                raise TimeoutError(f"nothing came for {STALL_AFTER:g} s") from None
            if item is None:
                return
            if isinstance(item, Exception):
                raise item
            yield item
    finally:
        left.set()


@contextmanager
def held(lock_path: Path, partial: Path, size: int, tell: Progress) -> Iterator[None]:
    """The file for oneself, after waiting for whoever is fetching it, as long as `partial` grows. Raises BusyError."""
    from filelock import FileLock, Timeout

    lock_path.parent.mkdir(parents=True, exist_ok=True)
    lock, seen, since = FileLock(lock_path), -1, time.monotonic()
    while True:
        try:
            lock.acquire(timeout=_LOOK_AGAIN)
            break
        except Timeout:
            there = partial.stat().st_size if partial.exists() else 0
            if there != seen:
                seen, since = there, time.monotonic()
                tell(there, size)
            elif time.monotonic() - since > STALL_AFTER:
                raise BusyError(
                    f"another program has been fetching it for {STALL_AFTER:g} s without getting on"
                ) from None
    try:
        yield
    finally:
        lock.release()


def file_sha256(path: Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
