"""A reader and a planner for checkpoints of `torch.distributed.checkpoint` that run no code which a checkpoint brings.

torch's own unpickle the file of metadata and whatever is no tensor: a run folder from a stranger could do anything.
"""

import io
import pathlib
import pickle
from enum import Enum
from typing import Any

import torch
from torch.distributed.checkpoint import FileSystemReader, metadata
from torch.distributed.checkpoint.default_planner import DefaultLoadPlanner
from torch.distributed.checkpoint.filesystem import _StorageInfo
from torch.distributed.checkpoint.metadata import Metadata
from torch.distributed.checkpoint.planner import ReadItem

_KNOWN: dict[tuple[str, str], Any] = {
    ("torch", "Size"): torch.Size,
    ("torch.serialization", "_get_layout"): torch.serialization._get_layout,
    ("torch.distributed.checkpoint.filesystem", "_StorageInfo"): _StorageInfo,
    **{("pathlib", name): getattr(pathlib, name) for name in ("Path", "PosixPath", "PurePosixPath", "WindowsPath")},
    **{("torch", name): kind for name, kind in vars(torch).items() if isinstance(kind, torch.dtype)},
}
_KNOWN_CLASSES = "torch.distributed.checkpoint.metadata"


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) in _KNOWN:
            return _KNOWN[module, name]
        found = getattr(metadata, name, None) if module == _KNOWN_CLASSES and name.isidentifier() else None
        if (
            isinstance(found, type)
            and found.__module__ == _KNOWN_CLASSES
            and (issubclass(found, Enum) or hasattr(found, "__dataclass_fields__"))
        ):
            return found
        raise pickle.UnpicklingError(f"it asks for {module}.{name}, which no checkpoint needs")


class PlainReader(FileSystemReader):
    """Raises pickle.UnpicklingError for metadata that hold anything but metadata."""

    def read_metadata(self, *args: Any, **kwargs: Any) -> Metadata:
        with self.fs.create_stream(self._get_metadata_path(kwargs.get("rank")), "rb") as file:
            _Unpickler(file).load()
        return super().read_metadata(*args, **kwargs)


class PlainPlanner(DefaultLoadPlanner):
    """Raises pickle.UnpicklingError for values that are neither tensors nor plain numbers, texts and containers."""

    def load_bytes(self, read_item: ReadItem, value: io.BytesIO) -> None:
        torch.load(value, weights_only=True)
        value.seek(0)
        super().load_bytes(read_item, value)
