"""Files for pyarrow, which itself takes paths in UTF-8 alone."""

import os
from pathlib import Path
from typing import Literal

import pyarrow as pa


def opened(path: Path, mode: Literal["rb", "wb"] = "rb") -> pa.NativeFile:
    """An open file, whatever bytes its path has. OSError where it cannot be opened."""
    return pa.OSFile(os.fsencode(path), mode)
