"""The files of a model's folder or repository, by name, wherever they lie."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from core.errors import ModelError
from core.weights.fetched import fetched_weights
from core.weights.hub import fetch_if_there
from core.weights.stored import find_weights
from core.weights.transfer import Progress

DESCRIPTION = "config.json"


class Beside(Protocol):
    """A folder of a model, or its repository on the hub."""

    name: str
    """Where it lies, for errors."""
    title: str
    """For a reader."""
    owner: str
    revision: str

    def find(self, file: str) -> Path | None:
        """A file of that name on this machine; None where there is none."""

    def weights(self) -> Path:
        """The file of weights, or the index of several. ModelError where there is none."""


class Folder:
    """The files in a folder on this machine."""

    owner, revision = "unknown", ""

    def __init__(self, path: Path):
        self.path, self.name, self.title = path, str(path), path.resolve().name

    def find(self, file: str) -> Path | None:
        return self.path / file if (self.path / file).is_file() else None

    def weights(self) -> Path:
        found = find_weights(self.path)
        if found is None:
            raise ModelError(f"{self.path} holds no model.safetensors; save the weights there as transformers does.")
        return found


class OnHub:
    """The files of a repository of the hub, fetched when they are asked for."""

    def __init__(self, name: str, revision: str, progress: Progress | None):
        self.name, self.title, self.revision, self.progress = name, name, revision, progress
        self.owner = name.split("/")[0]

    def find(self, file: str) -> Path | None:
        found = fetch_if_there(self.name, file, self.revision, self.progress)
        return found and found.path

    def weights(self) -> Path:
        return fetched_weights(self.name, self.revision, self.progress).path


def read_object(path: Path) -> dict:
    """The object in a JSON file. ModelError where it holds none."""
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(values, dict):
            raise ValueError("it holds no object")
        return values
    except (OSError, ValueError, RecursionError) as error:
        raise ModelError(f"{path} cannot be read ({str(error).splitlines()[0]}); download it anew.") from error


def kind_of(path: Path, key: str) -> str:
    """What a description says under a key, empty where it says nothing or is none: others say what is wrong with it."""
    try:
        value: object = read_object(path).get(key)
    except ModelError:
        return ""
    return value if isinstance(value, str) else ""


def text_of(values: Mapping, key: str, otherwise: str = "") -> str:
    value = values.get(key, otherwise)
    return value if isinstance(value, str) else otherwise
