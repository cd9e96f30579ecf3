"""Bytes from a server into a file: given up where nothing comes, and gone on with at the next try.

Neither looking up a name nor a server that accepts and then says nothing can be timed out from within, so what
touches the network runs on a daemon thread, and whoever waits stops waiting.
"""

import queue
import threading
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import TypeVar

Progress = Callable[[int, int], None]
"""Told (bytes done, bytes in all) as a download goes on."""
Item = TypeVar("Item")

STALL_AFTER = 4.0
"""Seconds without a byte after which a transfer is given up."""
_LOOK_AGAIN = 0.25
_THREAD = "hub-transfer"


class BusyError(Exception):
    """Another program holds the file and does not get on with it."""


def within(seconds: float, ask: Callable[[], Item]) -> Item:
    """The result of `ask`, or its error. TimeoutError where it takes longer; it is then left behind."""
    with closing(_as_they_come(lambda: [ask()], seconds)) as answers:
        return next(answers)


def _as_they_come(source: Callable[[], Iterable[Item]], seconds: float) -> Generator[Item, None, None]:
    """The items of `source`, or its error, made on a thread of its own. TimeoutError after so many seconds of silence."""
    items: queue.Queue = queue.Queue(maxsize=8)
    left = threading.Event()

    def hand_over(item: Item | None, error: Exception | None, over: bool) -> None:
        while not left.is_set():
            with suppress(queue.Full):
                items.put((item, error, over), timeout=_LOOK_AGAIN)
                return

    def work() -> None:
        try:
            for item in source():
                hand_over(item, None, False)
                if left.is_set():
                    return
            hand_over(None, None, True)
        except Exception as error:  # raised again by whoever waits
            hand_over(None, error, True)

    threading.Thread(target=work, daemon=True, name=_THREAD).start()
    try:
        while True:
            try:
                item, error, over = items.get(timeout=seconds)
            except queue.Empty:
                raise TimeoutError(f"no answer within {seconds:g} s") from None
            if error is not None:
                raise error
            if over:
                return
            yield item
    finally:
        left.set()


def download(url: str, headers: dict[str, str], partial: Path, size: int, tell: Progress) -> int:
    """Fetch into `partial`, going on where an earlier try left it; the bytes now there.

    `size` is what is expected in all, 0 where that is not known. Raises TimeoutError, or httpx2.HTTPError, of which
    huggingface_hub's HfHubHTTPError is one; what has come until then stays in `partial`.
    """
    from huggingface_hub.utils import get_session, hf_raise_for_status

    there = partial.stat().st_size if partial.exists() else 0
    done = there if there < size else 0
    request = headers | {"Accept-Encoding": "identity"} | ({"Range": f"bytes={done}-"} if done else {})

    def pieces() -> Iterator[tuple[bool, bytes]]:
        """Whether the server goes on where it was asked to: known before the first bytes, then reported with all."""
        with get_session().stream("GET", url, headers=request, timeout=STALL_AFTER) as response:
            hf_raise_for_status(response)
            goes_on = response.status_code == 206
            yield goes_on, b""
            for piece in response.iter_raw():
                yield goes_on, piece

    with closing(_as_they_come(pieces, STALL_AFTER)) as coming:
        goes_on, _ = next(coming)
        if not goes_on:
            done = 0
        with partial.open("ab" if done else "wb") as file:
            for _, piece in coming:
                file.write(piece)
                done += len(piece)
                tell(done, size)
    return done


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
