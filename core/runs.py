"""The format of a run folder: what training leaves behind, and what `load_model` and the app open.

    RUN/
    ├── backbone.safetensors            the newest exported backbone (the teacher's)
    └── snapshots/
        └── step-00001024.safetensors   earlier ones, where a run keeps them

A backbone file holds the weights under the published names and, in its metadata, the model's configuration as
JSON, so that it opens without a guess. Files are written under a temporary name, flushed and renamed: a name
that exists is complete.
"""

import dataclasses
import json
import os
from pathlib import Path

from safetensors import safe_open
from safetensors.torch import save_file

from core.config import ViTConfig
from core.errors import ModelError
from core.vit import VisionTransformer

BACKBONE = "backbone.safetensors"
_CONFIG_KEY = "vit_config"


def save_backbone(model: VisionTransformer, path: Path, notes: dict[str, str] | None = None) -> Path:
    """Write `model` as a backbone file at `path`, whole or not at all; `notes` go into its metadata."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.part")
    metadata = (notes or {}) | {_CONFIG_KEY: json.dumps(dataclasses.asdict(model.config)), "format": "pt"}
    state = {name: tensor.detach().cpu().contiguous() for name, tensor in model.state_dict().items()}
    try:
        save_file(state, partial, metadata)
        with partial.open("rb+") as file:
            os.fsync(file.fileno())
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)
    return path


def find_backbone(run: Path) -> Path:
    """The backbone file of a run folder. ModelError where it has exported none yet."""
    path = run / BACKBONE
    if not path.is_file():
        raise ModelError(f"{run} holds no {BACKBONE}; is it a run folder, and has the run saved a checkpoint yet?")
    return path


def stored_config(path: Path) -> ViTConfig | None:
    """The configuration in a safetensors file's metadata; None where it was not written by `save_backbone`."""
    with safe_open(path, "pt") as file:
        text = (file.metadata() or {}).get(_CONFIG_KEY)
    if text is None:
        return None
    try:
        return ViTConfig(**json.loads(text))
    except (TypeError, ValueError) as error:
        raise ModelError(f"{path} describes its model in a way this version does not know ({error}).") from error
