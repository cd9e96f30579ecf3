"""A way to end a pass through a network before its last block: whoever runs it says when nobody wants it any more."""

import contextlib
from collections.abc import Callable, Iterator
from contextvars import ContextVar

_CHECK: ContextVar[Callable[[], None] | None] = ContextVar("between_blocks", default=None)


@contextlib.contextmanager
def between_blocks(check: Callable[[], None]) -> Iterator[None]:
    """Within it, and on this thread, `check` is called before each block of a network; what it raises ends the pass."""
    token = _CHECK.set(check)
    try:
        yield
    finally:
        _CHECK.reset(token)


def before_block() -> None:
    """Call what `between_blocks` was given, if anything."""
    check = _CHECK.get()
    if check is not None:
        check()
