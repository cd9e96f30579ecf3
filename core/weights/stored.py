"""A backbone's weights as they lie on disk: in one file, or in several that an index names.

FOLDER/                                  as transformers' save_pretrained writes it
├── config.json                          the model's shape
└── model.safetensors                    or one of FOLDER_NAMES; an index says which file holds which tensor
"""

import hashlib
import json
import logging
import pickle
import zipfile
from pathlib import Path
from typing import NamedTuple

import torch

from core.errors import DamagedError, ModelError
from core.files import file_sha256
from core.tensor_files import read_tensors
from core.weights import layouts
from core.weights.wrapping import require_floats, unwrapped

log = logging.getLogger(__name__)

INDEX = ".index.json"
FOLDER_NAMES = ("model.safetensors", f"model.safetensors{INDEX}", "pytorch_model.bin", f"pytorch_model.bin{INDEX}")
"""Weights in a folder, the preferred first: safetensors cannot hold code."""
SUFFIXES = (".safetensors", ".pth", ".pt", ".bin")


class Weights(NamedTuple):
    """Weights under our names, what is to be said of where they were found, and the SHA-256 of their file."""

    state: layouts.State
    note: str
    sha256: str


def find_weights(folder: Path) -> Path | None:
    """The file of weights, or the index of several, in a folder of the Hugging Face layout; None where there is none."""
    return next((folder / name for name in FOLDER_NAMES if (folder / name).is_file()), None)


def read_weights(path: Path) -> Weights:
    """The weights in a file, or in those that an index names.

    Raises ModelError where they are damaged, would have to run code to be opened, or are no floating-point weights.
    """
    stored, sha256 = read_as_stored(path)
    try:
        tensors, note = unwrapped(stored)
        require_floats(tensors)
        state = layouts.to_ours(tensors)
    except ModelError as error:
        raise ModelError(f"{path}: {error}") from error
    if note:
        log.info("%s: %s", path, note)
    return Weights(state, note, sha256)


def read_as_stored(path: Path) -> tuple[dict, str]:
    """What a file of weights holds, or those that an index names, as it is named there; and a SHA-256 of it.

    Raises ModelError where they are damaged, or would have to run code to be opened.
    """
    if path.name.endswith(INDEX):
        return _read_parts(path)
    return _read(path), file_sha256(path)


def parts_of(index: Path) -> dict[str, list[str]]:
    """Which tensors each file holds, by the file's name, as an index says. ModelError where it is damaged."""
    try:
        where = json.loads(index.read_text(encoding="utf-8"))["weight_map"]
        parts: dict[str, list[str]] = {}
        for name, file in where.items():
            if Path(file).name != file or file in ("", ".", ".."):
                raise ValueError(f"{file!r} is no file beside it")
            parts.setdefault(file, []).append(name)
        if not parts:
            raise ValueError("it names no file")
        return parts
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        reason = str(error) or type(error).__name__
        raise ModelError(f"{index} is no index of files of weights ({reason}); download it anew.") from error


def _read_parts(index: Path) -> tuple[dict, str]:
    """The tensors of all files that an index names, and a SHA-256 of theirs."""
    parts, digest = parts_of(index), hashlib.sha256()
    absent = [file for file in parts if not (index.parent / file).is_file()]
    if absent:
        raise ModelError(
            f"{index} names {', '.join(sorted(absent)[:5])}, which is not there; download all of its files."
        )
    stored: dict = {}
    for file, names in sorted(parts.items()):
        content = _read(index.parent / file)
        lacking = sorted(set(names) - content.keys()) if isinstance(content, dict) else names
        if lacking:
            raise ModelError(f"{index.parent / file} lacks {', '.join(lacking[:5])}, which {index.name} says it holds.")
        stored |= {name: content[name] for name in names}
        digest.update(file_sha256(index.parent / file).encode())
    return stored, digest.hexdigest()


def _read(path: Path) -> dict:
    """The tensors of a file as stored. ModelError where it is damaged, or would have to run code to be opened."""
    try:
        if path.suffix == ".safetensors":
            return read_tensors(path)[0]
        # torch's older format, no zip archive, cannot be mapped
        archive = zipfile.is_zipfile(path)
        if archive:
            _require_whole(path)
        return torch.load(path, map_location="cpu", weights_only=True, mmap=archive)
    except (DamagedError, ModelError) as error:
        raise ModelError(str(error)) from error
    except pickle.UnpicklingError as error:
        raise ModelError(
            f"{path} is damaged, or holds more than tensors, so that opening it could run code. Download it anew; or "
            "save its state_dict alone, or as safetensors, where you trust it."
        ) from error
    except Exception as error:  # on rubbish, torch's reader lets out whatever it runs into, KeyError among others
        raise ModelError(
            f"{path} cannot be read as weights ({(str(error) or type(error).__name__).splitlines()[0]}); check that "
            "it may be read, or download it anew."
        ) from error


def _require_whole(path: Path) -> None:
    """ModelError where a file of torch's holds other bytes than its checksums say, which a mapped one does not notice."""
    try:
        with zipfile.ZipFile(path) as archive:
            for entry in archive.infolist():
                if entry.CRC:  # 0 where torch was told to write none
                    with archive.open(entry) as part:
                        while part.read(1 << 20):
                            pass
    except (zipfile.BadZipFile, EOFError, NotImplementedError) as error:
        raise ModelError(f"{path} is damaged ({error}); download it anew.") from error
