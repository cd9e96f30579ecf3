"""`python -m tests.core.collection.dying WHAT ROOT N`: N forks do WHAT to a collection, the n-th dying before its n-th write.

WHAT is add, export or bring_in. In a process of its own: a fork of one with threads, as torch's, may wait for ever.
"""

import os
import signal
import sys
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from core.collection import importing, vectors
from core.collection import store as store_module
from core.collection.importing import bring_in, sweep
from core.collection.store import Store
from core.collection.transport import export
from tests.core.collection.made import check, entries, store

Writes = Sequence[tuple[Any, str]]
"""Functions that write, by where they are looked up."""


def main(what: str, root: Path, moments: int) -> None:
    """Fork, die, and see that the collection is whole, `moments` times; that most died, and the last did not."""
    do, writes, whole = {"add": _adding, "export": _exporting, "bring_in": _bringing_in}[what](root)
    died = 0
    for moment in range(moments):
        child = os.fork()
        if child == 0:
            _die_at(moment, writes)
            do(moment)
            os._exit(0)
        died += os.WIFSIGNALED(os.waitpid(child, 0)[1])
        whole()
    assert died > moments // 2, f"only {died} of {moments} died"
    do(moments)
    whole()


def _adding(root: Path) -> tuple[Callable[[int], object], Writes, Callable[[], None]]:
    writes = [(store_module, "append"), (os, "fsync"), (store_module, "insert")]
    return lambda moment: Store(root).append(entries(2, 100 + 10 * moment)), writes, lambda: check(Store(root))


def _exporting(root: Path) -> tuple[Callable[[int], object], Writes, Callable[[], None]]:
    """To a file where an export lies already: it is the old one or the new one, and nothing else has its ending."""
    path, again = root.with_name("c.zip"), root.with_name("again")
    export(Store(root), path)

    def whole() -> None:
        assert list(root.parent.glob("*.zip")) == [path]
        _remove(again)
        bring_in(path, again)
        check(Store(again))
        check(Store(root))

    def do(moment: int) -> None:
        Store(root).append(entries(1, 1000 + moment))
        export(Store(root), path)

    return do, [(zipfile.ZipFile, "open"), (os, "fsync"), (os, "replace")], whole


def _bringing_in(root: Path) -> tuple[Callable[[int], object], Writes, Callable[[], None]]:
    """The new collection is whole or not there, and the next start leaves nothing beside it."""
    path, again = root.with_name("c.zip"), root.with_name("again")
    export(Store(root), path)

    def whole() -> None:
        if again.exists():
            check(Store(again))
        sweep(root.parent)
        assert {one.name for one in root.parent.iterdir()} <= {root.name, path.name, again.name}

    def do(moment: int) -> None:
        _remove(again)
        bring_in(path, again)

    return do, [(importing, "append"), (os, "fsync"), (importing, "insert"), (os, "replace")], whole


def _remove(folder: Path) -> None:
    if folder.exists():
        for path in sorted(folder.rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() else path.unlink()
        folder.rmdir()


def _die_at(moment: int, writes: Writes) -> None:
    calls = iter(range(100_000))

    def dying(real):
        def call(*arguments, **options):
            if next(calls) == moment:
                os.kill(os.getpid(), signal.SIGKILL)
            return real(*arguments, **options)

        return call

    replaced = [
        (place, name, dying(vectors.append if name == "append" else getattr(place, name))) for place, name in writes
    ]
    for place, name, call in replaced:
        setattr(place, name, call)


if __name__ == "__main__":
    root = Path(sys.argv[2])
    if not root.exists():
        store(root).append(entries(4))
    main(sys.argv[1], root, int(sys.argv[3]))
