"""Each image of the pool once, and none that evaluation sets or the curated set hold already (Oquab et al. 2023, A.2).

Images of the pool more similar than the threshold are joined, and of each connected component one is kept. A
component with a member close to an evaluation image, or to a curated one, goes as a whole: as in the paper, where
references join the components, but their own edges are counted only directly, not through a chain of them.
"""

import logging
from dataclasses import asdict
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from train import dist
from train.curate.config import DeduplicateConfig
from train.curate.embeddings import Embeddings, open_embeddings, required_embeddings
from train.curate.folder import (
    Parts,
    Record,
    is_finished,
    key_of,
    read_table,
    required_record,
    words,
    write_record,
    write_table,
)
from train.curate.search.nearest import gather
from train.curate.search.neighbours import NeighbourQuery, Neighbours, neighbours
from train.curate.steps.components import Components, representatives
from train.dist import World

log = logging.getLogger(__name__)

TABLE = "duplicates.parquet"
FATES = ("kept", "copy", "in curated", "in evaluation", "unreadable")
KEPT, COPY, IN_CURATED, IN_EVALUATION, UNREADABLE = range(len(FATES))
"""The fate of an image of the pool; copies are dropped for the one that is kept."""
SOURCES = ("", "pool", "curated", "evaluation")
"""Of the image because of which it does."""
REASONS = ("", "most pixels", "largest file", "first in order")
"""Why one of several near-duplicates is kept, in the order of `representatives`."""
TRIED = (0.4, 0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.92, 0.94, 0.96, 0.98, 0.99)
"""Thresholds for which the record says what they would drop, where they are above the floor."""
CHAINED = 0.05
"""Share of the pool in one component from which on a threshold is doubted."""
LEAST_CHAINED = 10
BLOCK = 65_536
BINS = 200


class Close(NamedTuple):
    """For each image of the pool the nearest reference above a threshold: row −1 and −infinity where none is."""

    rows: np.ndarray
    cosines: np.ndarray


def deduplicate(root: Path, config: DeduplicateConfig, memory: float, world: World) -> Record:
    """Search neighbours, or take those on disk, and decide which images of the pool are kept. Every rank calls it.

    Raises CurationError where `embed` is not finished.
    """
    embedded, pool = required_record(root, "embed").key, required_embeddings(root, "pool")
    searches = {"pool": _search(root, "pool", pool, config.neighbours, config, embedded, memory, world)}
    for name in ("curated", "evaluation"):
        other = open_embeddings(root, name)
        if other is not None and len(other.readable):
            searches[name] = _search(root, name, other, 1, config, embedded, memory, world)
    key = key_of(asdict(config), [found.record.key for found in searches.values()])
    if not is_finished(root, "deduplicate", key, [root / TABLE], world) and world.leads:
        found = _decide(root, pool, searches, config)
        write_record(root, "deduplicate", key, found)
    dist.wait()
    return required_record(root, "deduplicate")


def surviving(root: Path) -> np.ndarray:
    """Rows of the pool that deduplication kept, int64, ascending."""
    required_record(root, "deduplicate")
    fates = read_table(root / TABLE, ["fate"])["fate"].combine_chunks().indices.to_numpy()
    return np.flatnonzero(fates == KEPT)


def _search(
    root: Path,
    name: str,
    bank: Embeddings,
    k: int,
    config: DeduplicateConfig,
    embedded: str,
    memory: float,
    world: World,
) -> Neighbours:
    """Of every readable image of the pool its k nearest in a bank; the pool's own, or all of another set."""
    pool = required_embeddings(root, "pool")
    queries = bank if name == "pool" else pool
    floor = config.floor if name == "pool" else -1.0
    query = NeighbourQuery(queries, pool.readable, bank, bank.readable, k, floor, config.recall)
    return neighbours(root, name, query, embedded, memory, world)


def _decide(
    root: Path, pool: Embeddings, searches: dict[str, Neighbours], config: DeduplicateConfig
) -> dict[str, object]:
    graph = _graph(searches["pool"].parts, len(pool), config.threshold)
    roots = graph.roots
    pixels = pool.column("height").astype(np.int64) * pool.column("width")
    kept, why = representatives(roots, pixels, pool.column("bytes"))
    close = {
        name: _close(searches[name].parts, len(pool), threshold)
        for name, threshold in (("curated", config.threshold), ("evaluation", config.evaluation_threshold))
        if name in searches
    }
    readable = np.zeros(len(pool), bool)
    readable[pool.readable] = True
    columns = _columns(pool, graph, roots, kept, close)
    columns["fate"][~readable] = UNREADABLE
    counts = np.bincount(columns["fate"], minlength=len(FATES))
    coded = {"fate": FATES, "because_set": SOURCES, "reason": REASONS}
    table = columns | {"reason": why}
    table |= {name: words(table[name], names) for name, names in coded.items()}
    table |= {name: pa.array(table[name], from_pandas=True) for name in ("cosine", "linked_cosine")}  # NaN is null
    write_table(root / TABLE, pa.table(table))
    sizes = np.bincount(roots[readable], minlength=len(pool))
    sizes = sizes[sizes > 0]
    largest = int(sizes.max(initial=0))
    if note := doubt(largest, len(pool), config.threshold):
        log.warning(note)
    return {
        "threshold": config.threshold,
        "evaluation_threshold": config.evaluation_threshold,
        "images": len(pool),
        "fates": dict(zip(FATES, counts.tolist(), strict=True)),
        "components": int((sizes > 1).sum()),
        "largest": largest,
        "sizes": {str(size): int(count) for size, count in zip(*np.unique(sizes, return_counts=True), strict=True)},
        "tried": _tried(searches["pool"].parts, len(pool), config),
        "nearest": _histogram(searches["pool"].parts, len(pool)),
        "search": {name: dict(found.record) for name, found in searches.items()},
    }


def _columns(
    pool: Embeddings, graph: Components, roots: np.ndarray, kept: np.ndarray, close: dict[str, Close]
) -> dict[str, np.ndarray]:
    """The columns of duplicates.parquet.

    `fate`; `component`, its smallest row; `because`, a row of `because_set`, and the cosine with it: the image that
    is kept, or the reference that the component is too close to; `linked`, the row of the pool nearest in the
    component and the cosine with it: the edge that brought the image in.
    """
    rows = np.arange(len(pool))
    copies = kept != rows
    fate = np.where(copies, COPY, KEPT).astype(np.int8)
    because = np.where(copies, kept, -1)
    cosine = np.full(len(pool), np.nan, np.float32)
    cosine[copies] = _products(pool.vectors, np.flatnonzero(copies), kept[copies])
    because_set = np.where(copies, SOURCES.index("pool"), 0).astype(np.int8)
    for name, what in (("curated", IN_CURATED), ("evaluation", IN_EVALUATION)):  # the later one has the last word
        if name in close:
            witness = _witnesses(roots, close[name].cosines)
            hit = witness >= 0
            fate[hit], because_set[hit] = what, SOURCES.index(name)
            because[hit], cosine[hit] = close[name].rows[witness[hit]], close[name].cosines[witness[hit]]
    return {
        "fate": fate,
        "component": roots,
        "because_set": because_set,
        "because": because,
        "cosine": cosine,
        "linked": graph.linked,
        "linked_cosine": np.where(graph.linked >= 0, graph.strength, np.nan).astype(np.float32),
    }


def _graph(parts: Parts, rows: int, threshold: float) -> Components:
    graph = Components(rows)
    for table in parts.tables():
        first, second, cosines = (table[name].to_numpy() for name in ("row", "neighbour", "cosine"))
        near = cosines > threshold
        graph.add(first[near], second[near], cosines[near])
    return graph


def _close(parts: Parts, rows: int, threshold: float) -> Close:
    close = Close(np.full(rows, -1, np.int64), np.full(rows, -np.inf, np.float32))
    for table in parts.tables():
        row, other, cosines = (table[name].to_numpy() for name in ("row", "neighbour", "cosine"))
        near = cosines > threshold
        close.rows[row[near]], close.cosines[row[near]] = other[near], cosines[near]
    return close


def _witnesses(roots: np.ndarray, cosines: np.ndarray) -> np.ndarray:
    """For each row the member of its component that is nearest to a reference; itself if it is close, −1 if none is."""
    own = np.flatnonzero(np.isfinite(cosines))
    best = np.full(len(roots), -1, np.int64)
    for row in own[np.argsort(cosines[own], kind="stable")]:  # the nearest comes last and stays
        best[roots[row]] = row
    witness = best[roots]
    witness[own] = own
    return witness


def _products(vectors: np.ndarray, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Cosines of pairs of rows, float32."""
    products = [
        (gather(vectors, first[start : start + BLOCK]) * gather(vectors, second[start : start + BLOCK])).sum(dim=1)
        for start in range(0, len(first), BLOCK)
    ]
    return np.concatenate([one.numpy() for one in products]) if products else np.empty(0, np.float32)


def _tried(parts: Parts, rows: int, config: DeduplicateConfig) -> list[dict[str, float]]:
    """The number of copies that other thresholds would drop, by the neighbours on disk."""
    tried = []
    for threshold in sorted({*(t for t in TRIED if t >= config.floor), config.threshold}):
        roots = _graph(parts, rows, threshold).roots
        sizes = np.bincount(roots, minlength=rows)
        copies = int((roots != np.arange(rows)).sum())
        tried.append({"threshold": threshold, "copies": copies, "largest": int(sizes.max(initial=0))})
    return tried


def _histogram(parts: Parts, rows: int) -> list[int]:
    """Of each image's nearest other one in the pool, by cosine from 0 to 1 in equal bins."""
    nearest = np.full(rows, -1.0, np.float32)
    for table in parts.tables(["row", "cosine"]):
        np.maximum.at(nearest, table["row"].to_numpy(), table["cosine"].to_numpy())
    return np.histogram(nearest[nearest > 0].clip(max=1), bins=BINS, range=(0, 1))[0].tolist()


def doubt(largest: int, images: int, threshold: float) -> str:
    """A sentence where the largest group looks as if the threshold did not suit the features; or nothing."""
    if largest <= max(CHAINED * images, LEAST_CHAINED):
        return ""
    return (
        f"{largest:,} of {images:,} images are one group at a cosine of {threshold:g}: these features need a higher "
        "threshold to tell copies; the report's first histogram shows where it could lie."
    )
