"""A cache that is bounded in bytes, for whatever takes long to compute."""

import dataclasses
import sys
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any

import numpy as np
import torch
from PIL import Image


def size_of(value: Any) -> int:
    """Bytes of the tensors, arrays, pictures and texts that `value` holds, through containers and dataclasses."""
    if isinstance(value, torch.Tensor):
        return value.untyped_storage().nbytes()
    if isinstance(value, np.ndarray):
        return value.nbytes
    if isinstance(value, Image.Image):
        return value.width * value.height * len(value.getbands())
    if isinstance(value, dict):
        return sum(map(size_of, value.values()))
    if isinstance(value, (list, tuple)):
        return sum(map(size_of, value))
    if dataclasses.is_dataclass(value):
        return sum(size_of(getattr(value, field.name)) for field in dataclasses.fields(value))
    return sys.getsizeof(value)


BLOCK_BYTES = 64 * 2**20
"""More than the 32 MB up to which glibc keeps freed blocks for the thread that took them, be it asked for them or not."""


def give_freed_pixels_back() -> None:
    """Let Pillow take large pictures in blocks that go back to the system once they are freed.

    In its usual ones of 16 MB they stay with each thread that ever decoded one: half a gigabyte a thread.
    """
    Image.core.set_block_size(BLOCK_BYTES)


class Memory:
    """The most recently used values, at most `limit_mb` MB of them in all. Safe to use from several threads."""

    def __init__(self, limit_mb: float):
        self.limit = int(limit_mb * 2**20)
        self.bytes = 0
        self._entries: OrderedDict[Hashable, tuple[Any, int]] = OrderedDict()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, key: Hashable) -> bool:
        return key in self._entries

    def get(self, key: Hashable) -> Any | None:
        with self._lock:
            if key not in self._entries:
                return None
            self._entries.move_to_end(key)
            return self._entries[key][0]

    def put(self, key: Hashable, value: Any) -> None:
        """Keep `value`; one that is larger than the whole limit is not kept."""
        size = size_of(value)
        with self._lock:
            self._drop(key)
            if size > self.limit:
                return
            self._entries[key] = value, size
            self.bytes += size
            while self.bytes > self.limit:
                self._drop(next(iter(self._entries)))

    def recall(self, key: Hashable, make: Callable[[], Any]) -> Any:
        """The value kept under `key`, made now where there is none."""
        value = self.get(key)
        if value is None:
            value = make()
            self.put(key, value)
        return value

    def _drop(self, key: Hashable) -> None:
        if key in self._entries:
            self.bytes -= self._entries.pop(key)[1]
