"""The bytes of a picture from the disk, or an ImageError that names the file and says what to do.

Everything that reads pictures for training reads them here: a file may be gone since it was listed, be forbidden, or
lie on a disk that fails, and none of these is worth more than one picture of a run.
"""

import stat
from pathlib import Path

from core.errors import ImageError


def read_file(path: Path) -> bytes:
    """A whole file. ImageError where it cannot be read."""
    return _read(path, 0, -1)


def read_part(path: Path, offset: int, size: int) -> bytes:
    """`size` bytes of a file. ImageError where it cannot be read, or ends before."""
    data = _read(path, offset, size)
    if len(data) < size:
        raise ImageError(f"{str(path)!r} was cut short since it was listed; write it anew.")
    return data


def unreadable(path: Path, error: Exception, where: str = "") -> ImageError:
    """The error for a picture whose file cannot be read; `where` in the file, if that matters."""
    name = f"{str(path)!r}{where}"  # as repr, so that any name can be printed
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return ImageError(f"{name} is not there, or not any more; put it back, or take it out of the images given.")
    if isinstance(error, IsADirectoryError):
        return ImageError(f"{name} is a folder; name the pictures in it.")
    if isinstance(error, PermissionError):
        return ImageError(f"{name} may not be read; change its permissions, or those of its folder.")
    reason = " ".join(str(getattr(error, "strerror", None) or error).split())
    return ImageError(f"{name} cannot be read ({reason}); copy or write it anew.")


def _read(path: Path, offset: int, size: int) -> bytes:
    try:
        mode = path.stat().st_mode
        if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):  # a pipe would be waited for
            raise ImageError(f"{str(path)!r} is a device or a pipe, not a file; save it as a file first.")
        with path.open("rb") as file:
            file.seek(offset)
            return file.read(size)
    except (OSError, ValueError) as error:  # ValueError: a path with a null byte in it
        raise unreadable(path, error) from error
