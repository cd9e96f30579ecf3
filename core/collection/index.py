"""Approximate search with faiss, where comparing with everything has become slow.

n vectors, D their width.

    index/
      cls-000001.faiss    over the first vectors of generation 1
      cls-000001.json     what it is and how much of the exact answer it finds; written last, so that it makes it count

An index is never changed. What was added after it was built is compared one by one, what was removed is passed over,
so that the answer is right whatever the index has seen. Generations have indexes of their own.
"""

import contextlib
import json
import os
import zlib
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

from core.collection.vectors import STEP, Snapshot
from core.errors import CollectionError
from core.files import write_whole

Kind = Literal["hnsw", "ivfpq"]
Space = Literal["cls", "mean", "cells"]
LINKS = 32
"""Neighbours of a node on the upper levels of HNSW, twice as many on the lowest (Malkov & Yashunin 2016)."""
PASSED: dict[Kind, int] = {"hnsw": 3, "ivfpq": 16}
"""Of an index's candidates, so many times more than asked for are compared exactly: PQ's own order is coarse."""
RECALL_AT, RECALL_QUERIES, RECALL_WANTED = 10, 100, 0.95
CLUSTER_POINTS = 64
"""Vectors per cluster that IVF is trained on; faiss asks for 39 at least."""
ADDED_AT_ONCE = 50_000


@dataclass(frozen=True)
class IndexFacts:
    """The description of an index."""

    kind: Kind
    space: Space
    generation: int
    covered: int
    """Vectors in it: the first ones of the files."""
    effort: int
    """efSearch of HNSW, nprobe of IVF: raised until the recall sufficed."""
    recall: float
    """Share of the exact ten nearest that it finds, measured on a sample of the collection itself."""
    bytes: int
    crc: int | None = None
    """CRC-32 of its file; None of before it was kept."""


@dataclass(frozen=True, eq=False)
class Index:
    facts: IndexFacts
    faiss: Any

    def candidates(self, queries: np.ndarray, k: int, allowed: np.ndarray) -> np.ndarray:
        """[m, k] int64: vectors near each query [m, D], only those `allowed` ([covered] bool); −1 where there are fewer."""
        return _search(self.faiss, self.facts.kind, self.facts.effort, queries, k, allowed)


def choose(vectors: int, width: int, budget: int) -> Kind:
    """HNSW where its vectors and links fit into `budget` bytes of memory; otherwise IVF-PQ, a byte for four numbers."""
    return "hnsw" if vectors * (2 * width + 4 * 2 * LINKS * 1.1) <= budget else "ivfpq"


def memory_budget() -> int:
    """A quarter of this machine's memory; 1 GiB where it does not say."""
    with contextlib.suppress(ValueError, OSError, AttributeError):
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 4
    return 2**30


def build(root: Path, snapshot: Snapshot, space: Space, budget: int) -> IndexFacts:
    """Build, measure and store the index of one kind of vector, replacing the one before.

    CollectionError where it cannot be written, before the work.
    """
    faiss = _faiss()
    _check_writable(root / "index")
    matrix = getattr(snapshot, space)
    count, width = matrix.shape
    kind = choose(count, width, budget)
    clusters = int(min(4 * count**0.5, 16_384, max(1, count // CLUSTER_POINTS)))
    if kind == "hnsw":
        index = faiss.IndexHNSWSQ(width, faiss.ScalarQuantizer.QT_fp16, LINKS, faiss.METRIC_INNER_PRODUCT)
    else:
        codes = next(parts for parts in range(max(1, width // 4), 0, -1) if width % parts == 0)
        bits = 8 if count >= 39 * 256 else 4
        index = faiss.index_factory(width, f"IVF{clusters},PQ{codes}x{bits}", faiss.METRIC_INNER_PRODUCT)
    sample = np.linspace(0, count - 1, min(count, CLUSTER_POINTS * clusters)).astype(int)
    index.train(_floats(matrix, sample))
    for start in range(0, count, ADDED_AT_ONCE):
        index.add(_floats(matrix, np.arange(start, min(count, start + ADDED_AT_ONCE))))
    effort, recall = _tuned(index, kind, matrix)
    return _stored(root, index, IndexFacts(kind, space, snapshot.about.generation, count, effort, recall, 0))


def facts_of(root: Path, generation: int, space: Space) -> IndexFacts | None:
    """The description of the current index; None where none was built for this generation.

    CollectionError where it cannot be read, or says what no index is.
    """
    path = _path(root, space, generation).with_suffix(".json")
    try:
        facts = IndexFacts(**json.loads(path.read_text("utf-8")))
        counts = [facts.covered, facts.effort, facts.bytes, *([] if facts.crc is None else [facts.crc])]
        right = all(type(count) is int and count >= 0 for count in counts) and facts.kind in PASSED
        if (
            right
            and facts.effort >= 1
            and type(facts.recall) is float
            and (facts.space, facts.generation)
            == (
                space,
                generation,
            )
        ):
            return facts
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, RecursionError):
        pass
    raise _damaged(space)


def load(root: Path, facts: IndexFacts, width: int) -> Index:
    """The index itself, read from the disk. CollectionError where it is not the one that was written.

    Its bytes are compared first: faiss follows links between vectors unasked, wherever flipped ones lead.
    """
    path = _path(root, facts.space, facts.generation)
    try:
        if path.stat().st_size != facts.bytes or facts.crc not in (None, _crc_of_file(path)):
            raise _damaged(facts.space)
        index = _faiss().read_index(str(path))
    except (RuntimeError, OSError, MemoryError) as error:
        raise _damaged(facts.space) from error
    if (index.ntotal, index.d) != (facts.covered, width):
        raise _damaged(facts.space)
    return Index(facts, index)


def _stored(root: Path, index: Any, facts: IndexFacts) -> IndexFacts:
    path = _path(root, facts.space, facts.generation)
    data = _faiss().serialize_index(index).tobytes()
    facts = replace(facts, bytes=len(data), crc=zlib.crc32(data))
    path.with_suffix(".json").unlink(missing_ok=True)  # for a moment there is none, never a false one
    write_whole(path, data)
    write_whole(path.with_suffix(".json"), json.dumps(asdict(facts), indent=1).encode())
    for other in path.parent.glob(f"{facts.space}-*"):
        if other.stem != path.stem:
            other.unlink(missing_ok=True)
    return facts


def _check_writable(folder: Path) -> None:
    try:
        folder.mkdir(exist_ok=True)
        write_whole(folder / "probe", bytes(4096))
        (folder / "probe").unlink()
    except OSError as error:
        raise CollectionError(f"A search index cannot be written to {folder} ({error.strerror}).") from error


def _tuned(index: Any, kind: Kind, matrix: np.ndarray) -> tuple[int, float]:
    """The least effort (doubling) whose recall suffices, and that recall; the last one's where none does."""
    rows = np.linspace(0, len(matrix) - 1, min(RECALL_QUERIES, len(matrix))).astype(int)
    queries = _floats(matrix, rows)
    k = min(RECALL_AT + 1, len(matrix))
    exact = _exact(matrix, queries, k)
    everything = np.ones(len(matrix), bool)
    if kind == "hnsw":
        efforts = [32, 64, 128, 256, 512]
    else:
        efforts = [*(2**n for n in range(index.nlist.bit_length()) if 2**n < index.nlist), index.nlist]
    for effort in efforts:
        found = _search(index, kind, effort, queries, PASSED[kind] * k, everything)
        # compared exactly afterwards, so that a neighbour counts as found wherever it is among the candidates
        shares = [len(np.intersect1d(a, b)) / k for a, b in zip(exact, found, strict=True)]
        recall = float(np.mean(shares))
        if recall >= RECALL_WANTED:
            break
    return effort, round(recall, 4)


def _search(index: Any, kind: Kind, effort: int, queries: np.ndarray, k: int, allowed: np.ndarray) -> np.ndarray:
    faiss = _faiss()
    bits = np.packbits(allowed, bitorder="little")
    selector = faiss.IDSelectorBitmap(len(bits), faiss.swig_ptr(bits))
    if kind == "hnsw":
        parameters = faiss.SearchParametersHNSW(sel=selector, efSearch=max(effort, k))
    else:
        parameters = faiss.SearchParametersIVF(sel=selector, nprobe=effort)
    return index.search(np.ascontiguousarray(queries, np.float32), k, params=parameters)[1]


def _exact(matrix: np.ndarray, queries: np.ndarray, k: int) -> np.ndarray:
    """[m, k] int64: the rows nearest to each query."""
    best = torch.empty(len(queries), 0)
    rows = torch.empty(len(queries), 0, dtype=torch.int64)
    for start in range(0, len(matrix), ADDED_AT_ONCE):
        part = np.arange(start, min(len(matrix), start + ADDED_AT_ONCE))
        scores = torch.from_numpy(queries) @ torch.from_numpy(_floats(matrix, part)).T
        best = torch.cat([best, scores], 1)
        rows = torch.cat([rows, torch.from_numpy(part).expand(len(queries), -1)], 1)
        best, order = best.topk(min(k, best.shape[1]), dim=1)
        rows = rows.gather(1, order)
    return rows.numpy()


def _floats(matrix: np.ndarray, rows: np.ndarray) -> np.ndarray:
    values = matrix[rows].astype(np.float32)
    return values / STEP if matrix.dtype == np.int8 else np.nan_to_num(values)  # of damaged rows, which are never found


def _crc_of_file(path: Path) -> int:
    crc = 0
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            crc = zlib.crc32(chunk, crc)
    return crc


def _damaged(space: Space) -> CollectionError:
    return CollectionError(f"The search index of {space} vectors is damaged.")


def _path(root: Path, space: Space, generation: int) -> Path:
    return root / "index" / f"{space}-{generation:06}.faiss"


def _faiss():
    try:
        import faiss  # wanted only for large collections; on macOS it brings an OpenMP of its own
    except ImportError as error:
        raise CollectionError("Large collections are searched with faiss: python -m pip install faiss-cpu") from error
    return faiss
