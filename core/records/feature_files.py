"""Features on disk, one safetensors file a picture.

    OUT/
      below/the/folder/cat.jpg.safetensors       patches [h, w, D], cls [D]; how they were made in its metadata
      below/the/folder/cat.jpg.safetensors.part  being written; never read, replaced by the next run

A file is complete when it has its name: it is written under another one, flushed to the disk and renamed. Its
checksums tell whether it is still what was written (`core.tensor_files`).
"""

import hashlib
import logging
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Literal

import torch

from core.errors import DamagedError, RequestError
from core.features import FeatureMap, Origin, require_finite
from core.files import write_whole
from core.pictures.geometry import Geometry
from core.pictures.listing import Picture
from core.pictures.names import from_text
from core.tensor_files import read_metadata, read_tensors, tensor_bytes

log = logging.getLogger(__name__)

Which = Literal["both", "patch", "cls"]
Number = Literal["float16", "float32"]
LONGEST_NAME = 200
"""Bytes of a file name before the suffixes; file systems take 255 in all."""


@dataclass(frozen=True)
class Settings:
    """All that decides the numbers in a file besides the picture: equal settings, equal features."""

    weights: str
    """SHA-256 of the model's weights, or its name where it has none."""
    layer: int
    size: int
    features: Which = "both"
    dtype: Number = "float16"
    alpha: Literal["white", "black"] = "white"
    precision: str = "auto"

    @property
    def text(self) -> dict[str, str]:
        return {name: str(value) for name, value in asdict(self).items()}

    def tensors(self, feature_map: FeatureMap) -> dict[str, torch.Tensor]:
        """The asked-for tensors by name, in the asked-for format. AnalysisError where they are not finite in it."""
        chosen = {"patches": feature_map.patches, "cls": feature_map.cls}
        if self.features != "both":
            del chosen["cls" if self.features == "patch" else "patches"]
        chosen = {name: tensor.to(getattr(torch, self.dtype)) for name, tensor in chosen.items()}
        require_finite(*chosen.values())
        return chosen


class FeatureFolder:
    """One safetensors file a picture, mirroring the folders the pictures were found in."""

    def __init__(self, out: Path, settings: Settings):
        self.out, self.settings = out, settings
        self._targets: dict[Path, Path] = {}
        self._taken: set[str] = set()

    def pending(self, pictures: Sequence[Picture]) -> list[Picture]:
        """The pictures whose features are not there, or were made from another file or with other settings."""
        absent = []
        for picture in pictures:
            target, header = self._place(picture)
            self._targets[picture.path] = target
            made = {**self.settings.text, "bytes": str(picture.bytes), "modified": str(picture.modified)}
            if any(header.get(key) != value for key, value in made.items()):
                absent.append(picture)
        return absent

    def write(self, picture: Picture, feature_map: FeatureMap) -> None:
        target, tensors = self._targets[picture.path], self.settings.tensors(feature_map)
        target.parent.mkdir(parents=True, exist_ok=True)
        metadata = self.settings.text | {"model": feature_map.origin.model} | _text(feature_map.geometry)
        metadata |= {"path": picture.label, "bytes": str(picture.bytes), "modified": str(picture.modified)}
        write_whole(target, tensor_bytes(tensors, metadata))

    def pause(self) -> None:
        """Nothing is pending: every file is whole when it has its name."""

    def finish(self) -> None:
        """Nothing is left to do."""

    def _place(self, picture: Picture) -> tuple[Path, dict[str, str]]:
        """The path of a picture's features, and the metadata of the file that is there.

        A name belongs to a picture for as long as that picture exists; another one of the same name gets a hash
        of its path into it. So results of two folders in one place never overwrite each other, and pictures that
        have moved as a whole are found again.
        """
        digest = hashlib.sha256(os.fsencode(picture.path)).hexdigest()[:10]
        folder, name = os.path.split(picture.name)
        if len(os.fsencode(name)) > LONGEST_NAME:
            name = f"{os.fsencode(name)[: LONGEST_NAME - 11].decode('utf-8', 'ignore')}-{digest}"
        target = self.out / folder / f"{name}-{digest}.safetensors"
        header = made_with(target)
        if not header:
            plain = self.out / folder / f"{name}.safetensors"
            found = made_with(plain)
            owner = found.get("path", picture.label)
            foreign = owner != picture.label and os.path.exists(from_text(owner))
            if not foreign and str(plain).casefold() not in self._taken:
                target, header = plain, found
        self._taken.add(str(target).casefold())
        return target, header


def made_with(path: Path) -> dict[str, str]:
    """The settings that the features in a file were made with; empty where there is no such file, or a damaged one."""
    try:
        return read_metadata(path)
    except FileNotFoundError:
        return {}
    except (OSError, DamagedError) as error:
        log.warning("Computed anew: %s", error)
        return {}


def read_features(path: str | os.PathLike) -> FeatureMap:
    """The feature map in a file that `python -m core.export` wrote, for every analysis to take, in float32.

    Raises RequestError where the file has no patch features, is damaged, or is not such a file.
    """
    path = Path(path)
    try:
        stored, metadata = read_tensors(path)
        origin = Origin(
            metadata.get("model", ""), metadata.get("weights", ""), int(metadata["layer"]), int(metadata["size"])
        )
        geometry = Geometry(**{field.name: int(metadata[field.name]) for field in fields(Geometry)})
    except (OSError, KeyError, ValueError) as error:
        reason = f"{type(error).__name__}: {error}" if isinstance(error, KeyError) else str(error)
        raise RequestError(
            f"{os.fspath(path)!r} is no file of features ({reason}); make one with python -m core.export."
        ) from error
    tensors = {name: tensor.float() for name, tensor in stored.items()}
    if "patches" not in tensors:
        raise RequestError(f"{os.fspath(path)!r} holds cls features only; export again with --features both.")
    require_finite(*tensors.values())
    return FeatureMap(tensors["patches"], tensors.get("cls", torch.empty(0)), geometry, origin=origin)


def _text(geometry: Geometry) -> dict[str, str]:
    return {name: str(value) for name, value in asdict(geometry).items()}
