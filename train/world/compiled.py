"""Plain functions made fast: numba's compiler, with its results kept on disk wherever that is allowed."""

from collections.abc import Callable

from core.errors import RequestError


def compiled(function: Callable) -> Callable:
    """The function as machine code, made at its first call and kept for later processes.

    Kept beside the source, or in the user's cache folder where an install is read-only; where neither can be
    written it is compiled once per process. Raises RequestError where numba is not installed.
    """
    try:
        from numba import njit
    except ImportError as error:
        raise RequestError("This is computed with numba, which is not installed; pip install numba.") from error
    try:
        return njit(cache=True, fastmath=True, error_model="numpy", nogil=True)(function)
    except RuntimeError:  # numba found no place it may write to
        return njit(fastmath=True, error_model="numpy", nogil=True)(function)
