"""The collections of this server, which all its visitors share.

    COLLECTIONS/
      birds-3f2a9c1e/        one collection (`core.collection.collection`); its title may change, its folder does not

Those that ship with the app come on top, read-only (`app.server.built_in`). Each is encoded once for each model, into
the user's cache.
"""

import hashlib
import logging
import os
import re
import secrets
import shutil
import sys
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from app.server.built_in import KEYS, BuiltIn, built_in
from app.server.models import OFFERED_PATCHES, Loaded
from core import RequestError
from core.collection.collection import Collection
from core.collection.importing import sweep
from core.collection.incoming import Limits
from core.collection.reembedding import Reembedded, reembed
from core.collection.store import is_collection
from core.errors import CollectionError

log = logging.getLogger(__name__)

MOST_OPEN = 16
"""Collections that are held open; with more, the one used longest ago is opened anew when it is wanted."""
_REMOVED = "-removed"
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Listed:
    """A collection as it is offered."""

    key: str
    title: str
    pictures: int
    model: str
    problem: str = ""
    """Why it cannot be used, in a sentence without paths of the server; empty where it can."""

    @property
    def label(self) -> str:
        """As it stands in a list."""
        return f"{self.title} · {'cannot be opened' if self.problem else f'{self.pictures:,}'}"


def data_folder() -> Path:
    """The folder for a user's own data, on this kind of machine."""
    return _user_folder("XDG_DATA_HOME", ".local/share", "Library/Application Support") / "collections"


def cache_folder() -> Path:
    return _user_folder("XDG_CACHE_HOME", ".cache", "Library/Caches")


class Shelf:
    """Opens, makes and removes collections. Each is opened once for a model and shared by all threads."""

    def __init__(self, root: Path | None = None, cache: Path | None = None, shipped: Sequence[BuiltIn] | None = None):
        """`shipped`: the collections that ship, by default all of them. A folder with the key of one is passed over."""
        self.root = root or data_folder()
        self.cache = cache or cache_folder()
        self.shipped = {one.key: one for one in (built_in() if shipped is None else shipped)}
        self._open: OrderedDict[tuple[str, str], Collection] = OrderedDict()
        self._lock = threading.Lock()
        self._filling = threading.Lock()
        self._indexing = ThreadPoolExecutor(1, thread_name_prefix="index")
        sweep(self.root)
        for left in self.root.glob(f".*{_REMOVED}"):  # by one who was killed while it deleted
            shutil.rmtree(left, ignore_errors=True)

    def listed(self) -> list[Listed]:
        """Every collection by title; those that ship first, in their own order."""
        found = [Listed(one.key, one.title, len(one.pictures), "") for one in self.shipped.values()]
        own = map(self._listed, self._folders())
        return found + sorted(own, key=lambda listed: (bool(listed.problem), listed.title.casefold()))

    def open(self, key: str, model: Loaded) -> Collection:
        """A collection, to be asked with that model. CollectionError where it was made with another."""
        if key in self.shipped:
            return self._built_in(key, model)
        self._folder(key)
        return self._opened(key, model)

    def look(self, key: str) -> Collection:
        """One of the own collections without a model: for its records, tags and files."""
        self._folder(key)
        return self._opened(key, None)

    def is_filled(self, key: str, model: Loaded) -> bool:
        """Whether all of a collection is there to be asked: of one that ships, whether that model has seen it."""
        return key not in self.shipped or len(self.open(key, model)) >= len(self.shipped[key].pictures)

    def fill(self, key: str, model: Loaded, progress: Progress, cancelled: Callable[[], bool]) -> Collection:
        """A collection for that model; one that ships is encoded where it is not yet."""
        if key not in self.shipped:
            return self.open(key, model)
        with self._filling:
            collection = self._built_in(key, model)
            if not self.is_filled(key, model):
                collection.add(list(self.shipped[key].pictures), progress=progress, cancelled=cancelled)
        return collection

    def credit(self, key: str) -> str:
        """A sentence on whom to thank for the pictures of a collection; empty for own ones."""
        return self.shipped[key].credit if key in self.shipped else ""

    def create(self, title: str, model: Loaded, size: int) -> str:
        """Make a collection for that model; its key."""
        title = (title or "").strip()[:200]
        if not title:
            raise RequestError("A new collection needs a name; type at least one letter.")
        _check_size(model, size)
        key = _fresh_key(title)
        Collection(self.root / key, model.model, title=title, size=size, lock=model.lock)
        return key

    def reembed(
        self,
        key: str,
        model: Loaded,
        size: int,
        originals: Path,
        progress: Progress,
        cancelled: Callable[[], bool],
        limits: Limits = Limits(),
    ) -> tuple[str, Reembedded]:
        """Embed a collection again with that model at that size, beside the old one: the new one's key, and what came of it.

        The same call again goes on where it was stopped. Errors as of `core.collection.reembedding.reembed`.
        """
        old = self.look(key)
        _check_size(model, size)
        fresh = _key_of(key, f"{key} {model.identity} {size}")
        title = f"{old.title} · {model.source.name}, {size} px"[:200]
        done = reembed(
            old, self.root / fresh, model.model, originals, size=size, title=title, lock=model.lock, progress=progress,
            cancelled=cancelled, limits=limits,
        )  # fmt: skip
        return fresh if done.count else key, done

    def bring_in(self, path: Path) -> str:
        """Make a collection of an exported zip; its key."""
        key = _fresh_key(path.stem)
        Collection.bring_in(path, self.root / key)
        return key

    def remove(self, key: str) -> None:
        """Delete a collection and all that is in it."""
        folder = self._folder(key)
        gone = folder.with_name(f".{folder.name}{_REMOVED}")
        try:
            os.replace(folder, gone)  # at once for everyone, however long the deleting takes
        except OSError as error:
            raise CollectionError(
                f"{key} cannot be deleted ({error.strerror}); check its disk and permissions."
            ) from error
        shutil.rmtree(gone, ignore_errors=True)
        with self._lock:
            for known in [known for known in self._open if known[0] == key]:
                del self._open[known]

    def index_soon(self, collection: Collection) -> None:
        """Build the indexes that are due, on a thread of their own, one collection after the other."""
        self._indexing.submit(_index, collection)

    def index_if_damaged(self, collection: Collection) -> None:
        """Build anew, likewise, what was found damaged."""
        if collection.searcher.problems:
            self.index_soon(collection)

    def original(self, key: str, name: str) -> Path | None:
        """The file of a picture that ships; None for own collections, which keep thumbnails only."""
        return self.shipped[key].file(name) if key in self.shipped else None

    def _built_in(self, key: str, model: Loaded) -> Collection:
        shipped = self.shipped[key]
        folder = self.cache / f"{key}-{shipped.identity}-{model.identity[:12].replace(' ', '-')}"
        with self._lock:
            known = self._open.get((key, model.identity))
            if known is None:
                known = Collection(folder, model.model, title=shipped.title, lock=model.lock)
            self._hold(key, model.identity, known)
            return known

    def _opened(self, key: str, model: Loaded | None) -> Collection:
        identity = model.identity if model else ""
        with self._lock:
            known = self._open.get((key, identity))
            if known is None:  # an empty one is false
                known = self._read(key, model)
            self._hold(key, identity, known)
            return known

    def _read(self, key: str, model: Loaded | None) -> Collection:
        lock = model.lock if model else None
        try:
            return Collection(self.root / key, model.model if model else None, lock=lock)
        except CollectionError as error:
            raise CollectionError(self.without_paths(error)) from error

    def _hold(self, key: str, identity: str, collection: Collection) -> None:
        self._open[key, identity] = collection
        self._open.move_to_end((key, identity))
        while len(self._open) > MOST_OPEN:
            self._open.popitem(last=False)

    def _folders(self) -> list[str]:
        """The keys of the own collections: folders that hold one, or what is left of one, whoever made them."""
        here = self.root.iterdir() if self.root.is_dir() else []
        return [folder.name for folder in here if self._is_key(folder.name)]

    def _is_key(self, name: str) -> bool:
        plain = bool(name) and Path(name).name == name and not name.startswith(".") and name not in KEYS
        return plain and is_collection(self.root / name)

    def _listed(self, key: str) -> Listed:
        try:
            records = self._read(key, None).store.records  # not held: to be listed is not to be used
            about = records.about()
            return Listed(key, about.title, records.count(), about.model)
        except (CollectionError, OSError) as error:
            log.warning("The collection %s cannot be used: %s", self.root / key, error)
            return Listed(key, key, 0, "", self.without_paths(error))

    def without_paths(self, error: Exception) -> str:
        """An error's words without the server's own folder."""
        return str(error).replace(f"{self.root}{os.sep}", "")

    def _folder(self, key: str) -> Path:
        """The folder of a collection; RequestError for what is none, however it is spelt."""
        if key in self.shipped:
            raise RequestError(
                f"{self.shipped[key].title} comes with the app and cannot be changed; make a collection of your own."
            )
        if not self._is_key(str(key)):
            raise RequestError(f"There is no collection {str(key)[:60]!r}; choose one from the list.")
        return self.root / key


def _index(collection: Collection) -> None:
    try:
        collection.build_indexes()
    except (CollectionError, OSError) as error:  # it is searched without
        log.warning("No index was built for %s: %s", collection.folder, error)


def _check_size(model: Loaded, size: int) -> None:
    patch = model.model.config.patch
    largest = max(OFFERED_PATCHES[1] * patch, model.default_size)
    if not patch <= size <= largest:
        raise RequestError(f"size is {size}; choose from {patch} to {largest} pixels.")


def _fresh_key(title: str) -> str:
    stem = re.sub(r"[^\w]+", "-", title).strip("-")[:40] or "collection"
    return f"{stem}-{secrets.token_hex(4)}"


def _key_of(key: str, made_of: str) -> str:
    """The key of what is made of a collection: the same whenever it is made of the same."""
    return f"{re.sub(r'-[0-9a-f]{8}$', '', key)[:40]}-{hashlib.sha256(made_of.encode()).hexdigest()[:8]}"


def _user_folder(variable: str, usual: str, mac: str) -> Path:
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local"))
    elif sys.platform == "darwin":
        base = Path.home() / mac
    else:
        base = Path(os.environ.get(variable) or Path.home() / usual)
    return base / "dinoscope"
