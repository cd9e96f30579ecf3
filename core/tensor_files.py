"""Safetensors files that are whole or not there, and that tell when a byte of them is not what was written.

Two checksums lie in a file's metadata: `crc32`, of the tensors' names, types, shapes and bytes, and `metadata_crc32`,
of all other metadata. Files of others have neither, and are read as they are.
"""

import json
import zlib
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save, save_file
from torch import Tensor

from core.errors import DamagedError
from core.files import replacing

_TENSORS, _METADATA = "crc32", "metadata_crc32"


def save_tensors(tensors: Mapping[str, Tensor], path: Path, metadata: Mapping[str, str] | None = None) -> Path:
    """Write a file at `path`, whole or not at all, with its checksums."""
    with replacing(path) as partial:
        save_file(dict(tensors), partial, _with_checksums(tensors, metadata or {}))
    return path


def tensor_bytes(tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> bytes:
    """The content of a file, with its checksums."""
    return save(dict(tensors), _with_checksums(tensors, metadata))


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """All tensors of a file, and its metadata. Raises DamagedError where it is cut short or does not agree with its
    checksums, OSError where it cannot be read."""
    metadata = read_metadata(path)
    try:
        tensors = load_file(path)
    except SafetensorError as error:
        raise DamagedError(path, str(error)) from error
    if metadata.get(_TENSORS, wanted := _checksum(tensors)) != wanted:
        raise DamagedError(path, "its tensors do not agree with their checksum")
    return tensors, metadata


def read_metadata(path: Path) -> dict[str, str]:
    """The metadata of a file, without reading the rest. Raises as `read_tensors`."""
    try:
        with safe_open(path, "pt") as file:
            metadata = file.metadata() or {}
    except SafetensorError as error:
        raise DamagedError(path, str(error)) from error
    if {_TENSORS, _METADATA} & metadata.keys() and metadata.get(_METADATA) != _metadata_checksum(metadata):
        raise DamagedError(path, "its metadata do not agree with their checksum")
    return metadata


def _with_checksums(tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> dict[str, str]:
    described = dict(metadata) | {_TENSORS: _checksum(tensors)}
    return described | {_METADATA: _metadata_checksum(described)}


def _checksum(tensors: Mapping[str, Tensor]) -> str:
    crc = 0
    for name in sorted(tensors):
        tensor = tensors[name].detach().cpu().contiguous()
        crc = zlib.crc32(f"{name}\0{tensor.dtype}\0{tuple(tensor.shape)}\0".encode(), crc)
        crc = zlib.crc32(tensor.reshape(-1).view(torch.uint8).numpy().data, crc)
    return f"{crc:08x}"


def _metadata_checksum(metadata: Mapping[str, str]) -> str:
    others = {key: value for key, value in metadata.items() if key != _METADATA}
    return f"{zlib.crc32(json.dumps(others, sort_keys=True).encode()):08x}"
