"""Work done on threads a little ahead of whoever reads its results, in order."""

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Made = TypeVar("Made")


def ahead(
    make: Callable[[Item], Made], items: Iterable[Item], threads: int, most: int
) -> "Generator[tuple[Item, Future[Made]], None, None]":
    """Every item with what `make` makes of it, in order; up to `most` are under way or ready at a time.

    `items` is read as results are asked for, so that it may be longer than memory.
    """
    pool = ThreadPoolExecutor(threads, thread_name_prefix="ahead")
    waiting: deque[tuple[Item, Future[Made]]] = deque()
    try:
        for item in items:
            waiting.append((item, pool.submit(make, item)))
            if len(waiting) >= most:
                yield waiting.popleft()
        yield from waiting
    finally:
        pool.shutdown(cancel_futures=True)
