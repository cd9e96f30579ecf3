"""`python -m tests.core.collection.dying ROOT N`: N forks add to a collection, the n-th dying before its n-th write.

In a process of its own: a fork of one with threads, as torch's, may wait for ever.
"""

import os
import signal
import sys
from pathlib import Path

from core.collection import store as store_module
from core.collection import vectors
from core.collection.store import Store
from tests.core.collection.made import check, entries


def main(root: Path, moments: int) -> None:
    """Fork, die, and see that the collection is whole, `moments` times."""
    died = 0
    for moment in range(moments):
        child = os.fork()
        if child == 0:
            _die_at(moment)
            Store(root).append(entries(2, 100 + 10 * moment))
            os._exit(0)
        died += os.WIFSIGNALED(os.waitpid(child, 0)[1])
        check(Store(root))
    assert died > moments // 2, f"only {died} of {moments} died"


def _die_at(moment: int) -> None:
    calls = iter(range(1000))
    append, fsync = vectors.append, os.fsync

    def dying(real):
        def call(*arguments):
            if next(calls) == moment:
                os.kill(os.getpid(), signal.SIGKILL)
            return real(*arguments)

        return call

    store_module.append = dying(append)
    os.fsync = dying(fsync)
    store_module.insert = dying(store_module.insert)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
