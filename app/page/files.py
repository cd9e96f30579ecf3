"""Files that a visitor takes away: their folders, and what says how they were made."""

import dataclasses
import secrets
from pathlib import Path
from typing import Any

from PIL import Image

from app.server.encode import Encoded
from app.server.models import Loaded
from app.server.spool import spool


def provenance(encoded: Encoded, settings: dict[str, Any], model: Loaded) -> dict:
    """The origin of these numbers: model, weights, settings by name, and the pictures with hashes and geometry."""
    return {
        "model": model.source.name,
        "weights_sha256": model.source.sha256,
        "layer": encoded.layer,
        "settings": settings,
        "pictures": [
            {"name": name, "sha256": item.digest, "geometry": dataclasses.asdict(feature_map.geometry)}
            for name, item, feature_map in zip(encoded.names, encoded.items, encoded.maps, strict=True)
        ],
    }


def write(folder: Path, name: str, data: bytes) -> Path:
    """The path of a new file of that name."""
    path = fresh_folder(folder) / name
    path.write_bytes(data)
    return path


def fresh_folder(folder: Path) -> Path:
    """A folder that nobody can guess: whoever knows a download's address may fetch it."""
    path = folder / secrets.token_hex(16)
    path.mkdir(parents=True)
    return path


def picture_file(image: Image.Image) -> Path:
    """A picture as a PNG file, complete before anybody is told of it: Gradio writes equal ones over one another."""
    path = fresh_folder(spool().folder) / "image.png"
    image.save(path, compress_level=1)
    return path
