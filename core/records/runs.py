"""The format of a run folder: what training leaves behind, and what `load_model` and the app open.

    RUN/
    ├── config.json                     what is trained, with every value
    ├── data.json                       what it learns from: paths, how many images, a checksum of their names
    ├── metrics.jsonl                   one object a line: step, and values by name (losses, rates, scores)
    ├── account.json                    what the run has cost, once it has ended
    ├── unreadable.txt                  images that could not be read, and why
    ├── backbone.safetensors            the newest exported backbone (the teacher's)
    ├── snapshots/
    │   └── step-00001024.safetensors   earlier ones, in float16
    ├── emergence/
    │   └── step-00001024.json          scores of that snapshot (`core.records.scores`)
    ├── pictures/
    │   ├── step-00001024.webp          the same pictures seen at that step
    │   └── step-00001024.npz           their colours as numbers
    ├── checkpoints/                    to continue from (`train.checkpoint`)
    ├── teacher/                        of a distillation with fixed crops (`train.method.teacher_memory`)
    ├── NAME/                           of a distillation, another student: its backbone and snapshots
    └── tensorboard/

A backbone file holds the weights under the published names and, in its metadata, the model's configuration as
JSON and its `default_size` in pixels, so that it opens without a guess. Files are written under a temporary name,
flushed and renamed: a name that exists is complete. Backbones and checkpoints have checksums, by which later damage
is known; the log of steps is appended to, and read line by line.
"""

import dataclasses
import functools
import json
import logging
import re
from pathlib import Path

import torch

from core.errors import ModelError
from core.files import write_whole
from core.model.adapted import require_own
from core.model.config import ViTConfig
from core.model.vit import VisionTransformer
from core.pictures.geometry import LARGEST_SIZE, whole_size
from core.tensor_files import read_metadata, save_tensors

log = logging.getLogger(__name__)

BACKBONE = "backbone.safetensors"
CONFIG = "config.json"
DATA = "data.json"
METRICS = "metrics.jsonl"
ACCOUNT = "account.json"
UNREADABLE = "unreadable.txt"
SNAPSHOTS = "snapshots"
PICTURES = "pictures"
EMERGENCE = "emergence"
_CONFIG_KEY = "vit_config"
_SIZE_KEY = "default_size"
_LARGEST = 1e300
"""Beyond it, sums of a few values leave float64."""


def save_backbone(
    model: VisionTransformer, path: Path, notes: dict[str, str] | None = None, dtype: torch.dtype = torch.float32
) -> Path:
    """Write `model` as a backbone file at `path`, whole or not at all; `notes` go into its metadata.

    `dtype`: float32, or float16 for half the size (`load_model` computes in float32 either way). Raises RequestError
    where the model's `default_size` is no size that it can be shown a picture at, ModelError for another library's encoder.
    """
    require_own(model, "saved as a run's backbone")
    metadata = (notes or {}) | {
        _CONFIG_KEY: json.dumps(dataclasses.asdict(model.config)),
        _SIZE_KEY: str(whole_size(model.default_size, model.config.patch)),
        "format": "pt",
    }
    state = {name: tensor.detach().cpu().to(dtype).contiguous() for name, tensor in model.state_dict().items()}
    return save_tensors(state, path, metadata)


def find_backbone(run: Path) -> Path:
    """The backbone file of a run folder. ModelError where it has exported none yet."""
    path = run / BACKBONE
    if not path.is_file():
        raise ModelError(f"{run} holds no {BACKBONE}; is it a run folder, and has the run saved a checkpoint yet?")
    return path


def snapshot_path(run: Path, step: int) -> Path:
    return run / SNAPSHOTS / f"step-{step:08}.safetensors"


def picture_path(run: Path, step: int) -> Path:
    return run / PICTURES / f"step-{step:08}.webp"


def scores_path(run: Path, step: int) -> Path:
    return run / EMERGENCE / f"step-{step:08}.json"


def snapshots(run: Path) -> dict[int, Path]:
    """The snapshots a run has kept, by step, ascending."""
    return _by_step(run / SNAPSHOTS, ".safetensors")


def pictures(run: Path) -> dict[int, Path]:
    """The pictures a run has drawn, by step, ascending."""
    return _by_step(run / PICTURES, ".webp")


def scores(run: Path) -> dict[int, Path]:
    """The files with scores of a run's snapshots, by step, ascending."""
    return _by_step(run / EMERGENCE, ".json")


def _by_step(folder: Path, suffix: str) -> dict[int, Path]:
    matches = ((re.fullmatch(r"step-(\d+)", path.stem), path) for path in folder.glob(f"step-*{suffix}"))
    return dict(sorted((int(match[1]), path) for match, path in matches if match))


def read_metrics(run: Path) -> list[dict[str, float]]:
    """The lines of a run's log, in order: the step and finite numbers by name.

    What is something else is left out, with a word in the log: damaged lines, NaN. A last line that is still being
    written is left out without one.
    """
    path = run / METRICS
    if not path.exists():
        return []
    *written, rest = path.read_bytes().decode("utf-8", "replace").split("\n")
    lines = [_numbers(line) for line in written]
    damaged = lines.count(None)
    if rest:
        lines.append(_numbers(rest))
    kept = [line for line in lines if line is not None]
    odd = sum(value is None for line in kept for value in line.values())
    if damaged or odd:
        _note_damage(str(path), damaged, odd)
    return [{name: value for name, value in line.items() if value is not None} for line in kept]


def _numbers(text: str) -> dict[str, float | None] | None:
    """A line's step and values, None for each that is no finite number; None where the line has no step."""
    try:
        line = json.loads(text)
    except (ValueError, RecursionError):
        return None
    step = line.get("step") if isinstance(line, dict) else None
    if not isinstance(step, int) or not 0 <= step < 2**53:
        return None
    return {name: value if _is_number(value) else None for name, value in line.items()}


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and -_LARGEST < value < _LARGEST


@functools.lru_cache(maxsize=64)
def _note_damage(path: str, lines: int, values: int) -> None:
    """Said once, since a page asks for the same log again and again."""
    log.warning("%s: left out damaged lines (%d) and values that are no finite numbers (%d)", path, lines, values)


def append_metrics(run: Path, step: int, values: dict[str, float]) -> None:
    with (run / METRICS).open("a", encoding="utf-8") as file:
        file.write(json.dumps({"step": step} | values) + "\n")


def drop_metrics_after(run: Path, step: int) -> None:
    """Forget what was logged past a step, since a resumed run will log it again."""
    kept = [line for line in read_metrics(run) if line["step"] <= step]
    write_whole(run / METRICS, "".join(json.dumps(line) + "\n" for line in kept))


def stored_config(path: Path) -> ViTConfig | None:
    """The configuration in a safetensors file's metadata; None where it was not written by `save_backbone`."""
    text = read_metadata(path).get(_CONFIG_KEY)
    if text is None:
        return None
    try:
        return ViTConfig(**json.loads(text))
    except (TypeError, ValueError, RecursionError) as error:
        raise ModelError(f"{path} describes its model in a way this version does not know ({error}).") from error


def stored_size(path: Path, patch: int) -> int | None:
    """The `default_size` in a backbone file's metadata, rounded to the patch; None where nothing is said of it.

    Raises ModelError where it is no size that pictures can have.
    """
    text = read_metadata(path).get(_SIZE_KEY)
    if text is None:
        return None
    try:
        return whole_size(int(text), patch)
    except ValueError as error:
        raise ModelError(
            f"{path} says that its model is best at {text!r} pixels; this must be a whole number from {patch} (one "
            f"patch) to {LARGEST_SIZE}. Write the file anew with another default_size."
        ) from error


def stored_step(path: Path) -> int | None:
    """After how many steps of a run a backbone file was written; None where no run wrote it."""
    text = read_metadata(path).get("step", "")
    return int(text) if text.isdecimal() else None
