"""The folder of a curation, and how everything in it is written whole or not at all.

    DIR/
    ├── steps/embed.json …              the settings and the results of a finished step
    ├── embeddings/{curated,pool,evaluation}/
    │   ├── settings.json               of which images, by which model
    │   ├── vectors.npy                 [n, D] float16, unit length; zeros for what could not be read
    │   └── images/00000.parquet …      a row per image; a part that is there has its vectors on disk too
    ├── search/NAME/settings.json, found.json, 00000.parquet …      neighbours: row, neighbour, cosine
    ├── duplicates.parquet              a row per image of the pool: which are one, and which of them is kept
    ├── clusters/settings.json, centres.npz, pool/ curated/ (cluster and cosine of each row)
    ├── retrieved.parquet               what each curated image, or each cluster, brings
    ├── fates.parquet                   a row per image: kept or dropped, by which step, because of which image
    ├── selected.txt                    the images kept, a list as `core.pictures.lists` reads it, where all are files
    ├── report.html
    └── dropped.parquet                 small pictures of what was dropped, to be browsed (`core.records.curation`)

Every step is a list of parts. Processes take them in turn; a part is a file that appears by a rename, so a step that
was killed goes on with the parts that are absent. A step is finished when steps/NAME.json has its key, which follows
from its settings and from the keys of the steps before it.
"""

import contextlib
import hashlib
import json
import shutil
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa

from core import DinoError, parquet_files
from core.errors import DamagedError
from core.files import replacing, write_whole
from train import dist
from train.dist import World

SELECTED = "selected.txt"
_CHECKSUM = "crc32"
BEFORE = {"deduplicate": "embed", "cluster": "deduplicate", "retrieve": "deduplicate"}
"""The steps that each step builds on."""


class CurationError(DinoError):
    """A step of curation lacks what it builds on, or what lies there is damaged."""


class Record(dict):
    """The record of a finished step; `key` is a hash of its inputs."""

    @property
    def key(self) -> str:
        return self["key"]


def key_of(*ingredients: object) -> str:
    """A name for what is made from these: equal ingredients, equal name.

    >>> key_of({"k": 4}, "a") == key_of({"k": 4}, "a") != key_of({"k": 5}, "a")
    True
    """
    return hashlib.sha256(json.dumps(ingredients, sort_keys=True, default=str).encode()).hexdigest()[:16]


def step_path(root: Path, step: str) -> Path:
    return root / "steps" / f"{step}.json"


def read_found(path: Path) -> Record | None:
    """The record that `write_found` wrote at `path`; None where there is none."""
    if not path.exists():
        return None
    values = read_json(path)
    with _damage(path):
        if "key" not in values:
            raise ValueError("it has no key")
    return Record(values)


def write_found(path: Path, key: str, found: Mapping[str, object]) -> None:
    write_json(path, {"key": key} | dict(found))


def read_record(root: Path, step: str) -> Record | None:
    """The record of a step; None where it is not finished, or the step before has been done anew since."""
    record, before = read_found(step_path(root, step)), BEFORE.get(step)
    if record is None or before is None:
        return record
    upstream = read_record(root, before)
    return record if upstream is not None and record["from"] == upstream.key else None


def required_record(root: Path, step: str) -> Record:
    """As `read_record`; CurationError where the step is not finished."""
    record = read_record(root, step)
    if record is None:
        raise CurationError(f"{root} has no finished step `{step}`; run: python -m train.curate {step} --out {root}")
    return record


def write_record(root: Path, step: str, key: str, found: Mapping[str, object]) -> None:
    before = BEFORE.get(step)
    upstream = {"from": required_record(root, before).key} if before else {}
    write_found(step_path(root, step), key, upstream | dict(found))


def is_finished(root: Path, step: str, key: str, files: Iterable[Path], world: World) -> bool:
    """Whether a step was finished with this key, and left these files. Every rank calls it.

    Where not, it counts as unfinished from now on.
    """
    record = read_record(root, step)
    finished = record is not None and record.key == key and all(file.exists() for file in files)
    dist.wait()
    if not finished and world.leads:
        # or what is written now would be taken for the other's, should this be killed and that be asked for again
        step_path(root, step).unlink(missing_ok=True)
    dist.wait()
    return finished


class Parts:
    """A folder of numbered parts of one kind, made with one group of settings."""

    def __init__(self, folder: Path, count: int, suffix: str = ".parquet"):
        self.folder, self.count, self.suffix = folder, count, suffix

    def path(self, number: int) -> Path:
        return self.folder / f"{number:05}{self.suffix}"

    @property
    def paths(self) -> list[Path]:
        return [self.path(number) for number in range(self.count)]

    def missing(self, world: World) -> list[int]:
        """Numbers of the parts that are not there and fall to this process, ascending."""
        dist.wait()  # nobody writes before everybody has looked, or a part would be taken by nobody
        absent = [number for number in range(self.count) if not self.path(number).exists()]
        dist.wait()
        return absent[world.rank :: world.size]

    def tables(self, columns: list[str] | None = None) -> Iterator[pa.Table]:
        """Every part in order."""
        for path in self.paths:
            yield read_table(path, columns)

    def column(self, name: str) -> np.ndarray:
        """One column of all parts."""
        parts = [table[name].to_numpy() for table in self.tables([name])]
        return np.concatenate(parts) if parts else np.empty(0)


def prepare(folder: Path, settings: Mapping[str, object], world: World, what: str = "") -> None:
    """A folder for parts made with `settings`. Every rank calls it.

    What was made there with other settings is removed; where `what` names it as too dear for that, CurationError.
    """
    path, wanted = folder / "settings.json", json.loads(json.dumps(settings, default=str))
    found = read_json(path) if path.exists() else None
    if found != wanted and found is not None and what:
        differing = [name for name in wanted if found.get(name) != wanted[name]]
        raise CurationError(
            f"{folder} holds {what}, made otherwise ({', '.join(differing)} differ); "
            "give another --out, or remove that folder to make them anew."
        )
    dist.wait()
    if world.leads and found != wanted:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        write_json(path, wanted)
    dist.wait()


def write_table(path: Path, table: pa.Table) -> None:
    """A Parquet file, whole or not at all."""
    parquet_files.write_table(path, table)


def read_table(path: Path, columns: list[str] | None = None) -> pa.Table:
    with _damage(path):
        return parquet_files.read_table(path, columns)


def write_arrays(path: Path, **arrays: np.ndarray) -> None:
    """An .npz file, whole or not at all."""
    with replacing(path) as partial, partial.open("wb") as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]  # the stubs would give each to `allow_pickle`, too


def read_arrays(path: Path) -> dict[str, np.ndarray]:
    with _damage(path), np.load(path, allow_pickle=False) as file:
        return dict(file)


def write_json(path: Path, values: Mapping[str, object]) -> None:
    """A JSON file with a checksum of its values, whole or not at all."""
    text = json.dumps(dict(values), default=str)
    write_whole(path, json.dumps({_CHECKSUM: _checksum(json.loads(text))} | json.loads(text), indent=1))


def read_json(path: Path) -> dict:
    """The values that `write_json` wrote; CurationError where they are damaged."""
    with _damage(path):
        values = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(values, dict):
            raise ValueError("it holds no object")
        if values.pop(_CHECKSUM, wanted := _checksum(values)) != wanted:
            raise ValueError("its values do not agree with their checksum")
        return values


def _checksum(values: Mapping[str, object]) -> str:
    others = {name: value for name, value in values.items() if name != _CHECKSUM}
    return f"{zlib.crc32(json.dumps(others, sort_keys=True).encode()):08x}"


@contextlib.contextmanager
def _damage(path: Path) -> Iterator[None]:
    """Whatever a reader says of a file that is there and cannot be read becomes a sentence."""
    try:
        yield
    except FileNotFoundError as error:
        raise CurationError(f"{path} is not there; run the steps before again.") from error
    except (OSError, EOFError, ValueError, LookupError, RecursionError, zipfile.BadZipFile) as error:
        said = error.reason if isinstance(error, DamagedError) else str(error)
        reason = said.splitlines()[0] if said else type(error).__name__
        raise CurationError(f"{path} is damaged ({reason}); remove it and run the same command again.") from error


def words(codes: np.ndarray, names: Sequence[str]) -> pa.DictionaryArray:
    """A column of a few words, from their places in `names`."""
    return pa.DictionaryArray.from_arrays(pa.array(codes, pa.int8()), pa.array(names))
