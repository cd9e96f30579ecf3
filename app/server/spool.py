"""This process's own folder of temporary files: what visitors send, what answers show, and what is downloaded.

    GRADIO_TEMP_DIR or the system's/
    └── dinoscope-files-…/      one running server's, for its user alone; removed when it ends
        ├── .lock               held as long as the process lives; without a holder, the next server removes the folder
        └── 3f2a…/photo.jpg     each file in a folder of its own, whose name nobody can guess

Gradio names the files of all its servers on a machine by their contents, in one folder, and writes them in place: who
asks for the same at once reads half of them.
"""

import atexit
import contextlib
import errno
import functools
import logging
import os
import secrets
import shutil
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from core import RequestError

DOWNLOADS_KEPT_S = 3600
SENT_KEPT_S = 600
"""Files sent to endpoints, after their last use: who asks several endpoints about one file sends it once."""
LIMIT_MB = 8192
"""Together; beyond it the oldest go first."""
SWEEP_S = 60
NO_ROOM = "The server's disk has no room for more files just now. Try again later, or with fewer or smaller pictures."
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)
_PREFIX, _YOUNG_S = "dinoscope-files-", 60

log = logging.getLogger(__name__)


class Spool:
    """A folder whose files are found complete or not at all, and go by themselves."""

    def __init__(self, parent: Path, limit_mb: float = LIMIT_MB):
        """RequestError where no folder can be made in `parent`."""
        try:
            parent.mkdir(parents=True, exist_ok=True)
            self.folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=parent))
            self._lock = FileLock(self.folder / ".lock")
            self._lock.acquire(timeout=0)
        except OSError as error:
            raise RequestError(
                f"Temporary files cannot be kept in {parent} ({error.strerror or error}); "
                "make room there, or name another folder by the environment variable GRADIO_TEMP_DIR."
            ) from None
        self.limit = int(limit_mb * 2**20)
        self._held: Counter[Path] = Counter()
        self._sent: set[Path] = set()
        self._guard = threading.Lock()
        self._ended = threading.Event()

    def fresh(self, sent: bool = False) -> Path:
        """A new folder of its own for one answer's or one upload's (`sent`) files."""
        place = self.folder / secrets.token_hex(16)
        place.mkdir()
        if sent:
            with self._guard:
                self._sent.add(place)
        return place

    @contextlib.contextmanager
    def holding(self, paths: Iterable[Path]) -> Iterator[None]:
        """As long as this lasts, none of these files goes; their time counts from its end."""
        places = [self._place(path) for path in paths]
        with self._guard:
            self._held.update(places)
        try:
            yield
        finally:
            with self._guard:
                self._held.subtract(places)
                self._held = +self._held
            for place in places:
                with contextlib.suppress(OSError):
                    os.utime(place)

    def keep(self, path: Path) -> None:
        """Keep a file that was sent, in use from now on, as long as downloads."""
        place = self._place(path)
        with self._guard:
            self._sent.discard(place)
        with contextlib.suppress(OSError):
            os.utime(place)

    def sweep(self) -> None:
        """Remove what was kept for its time, and the oldest of the rest beyond the limit."""
        now, total = time.time(), 0
        for place, changed in sorted(self._places(), key=lambda pair: -pair[1]):
            total += _bytes_in(place)
            kept = SENT_KEPT_S if place in self._sent else DOWNLOADS_KEPT_S
            if place not in self._held and now - changed > (kept if total <= self.limit else _YOUNG_S):
                self.drop(place)

    def drop(self, place: Path | None) -> None:
        """Remove one folder with its files, where there is one."""
        if place is None:
            return
        shutil.rmtree(place, ignore_errors=True)
        with self._guard:
            self._sent.discard(place)

    def begin(self) -> None:
        """Remove what killed servers left, and from now on, now and then, what is over."""
        for other in self.folder.parent.glob(f"{_PREFIX}*"):
            if other != self.folder:
                _remove_if_left(other)
        threading.Thread(target=self._sweep_again, name="spool", daemon=True).start()

    def end(self) -> None:
        """Remove the folder."""
        self._ended.set()
        self._lock.release()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _place(self, path: Path) -> Path:
        """The folder directly under this one in which a path lies; the path itself where it lies elsewhere."""
        with contextlib.suppress(ValueError):
            return self.folder / Path(path).relative_to(self.folder).parts[0]
        return Path(path)

    def _places(self) -> Iterator[tuple[Path, float]]:
        for place in self.folder.iterdir():
            with contextlib.suppress(OSError):  # removed meanwhile
                if place.name != ".lock":
                    yield place, place.stat().st_mtime

    def _sweep_again(self) -> None:
        while not self._ended.wait(SWEEP_S):
            with contextlib.suppress(FileNotFoundError):
                self.sweep()


@functools.cache
def spool() -> Spool:
    """This process's folder, made at the first call; from then on Gradio, too, keeps its files there."""
    from gradio.utils import get_upload_folder

    made = Spool(Path(get_upload_folder()))
    atexit.register(made.end)
    os.environ["GRADIO_TEMP_DIR"] = str(made.folder)
    made.begin()
    return made


@contextlib.contextmanager
def full_disk_told() -> Iterator[None]:
    """Where the disk is full or cannot be written on: a RequestError that says so."""
    try:
        yield
    except OSError as error:
        if error.errno not in _FULL:
            raise
        log.warning("No room: %s", error)
        raise RequestError(NO_ROOM) from None


def _bytes_in(place: Path) -> int:
    files = [place] if place.is_file() else place.rglob("*")
    total = 0
    for path in files:
        with contextlib.suppress(OSError):
            total += path.lstat().st_size
    return total


def _remove_if_left(folder: Path) -> None:
    """Remove another server's folder, unless that server lives or is just being started."""
    with contextlib.suppress(OSError, Timeout):
        if time.time() - folder.stat().st_mtime > _YOUNG_S:
            with FileLock(folder / ".lock", timeout=0):
                shutil.rmtree(folder, ignore_errors=True)
                log.info("Removed the temporary files that a server left in %s.", folder)
