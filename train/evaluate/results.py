"""Results of an evaluation: a JSON file beside what it prints."""

import json
import re
from collections.abc import Mapping
from pathlib import Path

from core import VisionTransformer
from core.files import Output, require_output, write_whole


def results_path(task: str, model_name: str, chosen: Path | None) -> Path:
    """The path of a task's results: the file that was chosen, or `TASK-MODEL.json` in the working folder.

    Raises RequestError where nothing can be written there: before the work, not after.
    """
    path = chosen or Path(f"{task}-{short_name(model_name)}.json")
    require_output(path, Output.FILE)
    return path


def short_name(model_name: str) -> str:
    """A model's name without the way to it.

    >>> short_name("runs/first/"), short_name("hf:facebook/dinov2-small")
    ('first', 'dinov2-small')
    """
    return re.sub(r"[^\w.@-]+", "_", model_name.rstrip("/\\").replace("\\", "/").split("/")[-1]) or "model"


def about(model: VisionTransformer) -> dict[str, str | int]:
    """Which model results are of."""
    source = model.loaded_from()
    return {"name": source.name, "title": source.title, "sha256": source.sha256, "parameters": source.parameters}


def write_results(path: Path, results: Mapping[str, object]) -> None:
    """As indented JSON, whole or not at all; NaN becomes null, as JSON knows none."""
    text = json.dumps(_plain(results), indent=2, ensure_ascii=False) + "\n"
    write_whole(path, text.encode("utf-8", "backslashreplace"))  # as JSON itself escapes what is no UTF-8 in a path


def _plain(value: object) -> object:
    if isinstance(value, Mapping):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if isinstance(value, Path):
        return str(value)
    return None if isinstance(value, float) and value != value else value
