"""Retrieval: images of the deduplicated pool that resemble the curated ones are taken (Oquab et al. 2023, A.3).

By query, the k nearest of each curated image; by clusters, a sample of those that hold several curated images.
"""

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from core.records.curation import FATES
from train import dist
from train.curate.config import RetrieveConfig
from train.curate.embeddings import Embeddings, required_embeddings
from train.curate.folder import (
    CurationError,
    Record,
    is_finished,
    key_of,
    read_record,
    required_record,
    write_record,
    write_table,
)
from train.curate.search.nearest import gather
from train.curate.search.neighbours import NeighbourQuery, neighbours
from train.curate.steps.balance import balance
from train.curate.steps.cluster import labels_of
from train.curate.steps.deduplicate import surviving
from train.curate.steps.fates import write_fates
from train.dist import World

TABLE = "retrieved.parquet"
SEARCHED = 16
"""Neighbours of each curated image that are kept on disk: up to so many, another k needs no new search."""
RECALL = 0.95
QUERIES = 1024


class Brought(NamedTuple):
    """Pairs of a curated image and an image of the pool that it brings, [m] each, of one path of the curated set."""

    query: np.ndarray
    row: np.ndarray
    cosine: np.ndarray


def retrieve(root: Path, config: RetrieveConfig, memory: float, world: World) -> Record:
    """Choose, and write the fate of every image. Every rank calls it.

    Raises CurationError where the steps before are not finished, or no curated image is left as a query.
    """
    pool, curated = required_embeddings(root, "pool"), required_embeddings(root, "curated")
    if not len(curated.readable):
        raise CurationError(f"None of the curated images in {root} could be read; see embeddings/unreadable.txt there.")
    deduplicated, rows = required_record(root, "deduplicate").key, surviving(root)
    grouped = required_record(root, "cluster") if config.by == "clusters" else read_record(root, "cluster")
    key = key_of(asdict(config), deduplicated, grouped and grouped.key)
    table = None
    record: dict[str, object] = {"by": config.by, "left": len(rows)}
    if config.by == "query" and len(rows):
        query = NeighbourQuery(curated, curated.readable, pool, rows, max(config.k, SEARCHED), -1.0, RECALL)
        found = neighbours(root, "retrieval", query, deduplicated, memory, world)
        record["search"] = dict(found.record)
        table = pa.concat_tables(found.parts.tables())
    if not is_finished(root, "retrieve", key, [root / TABLE, root / FATES], world) and world.leads:
        paths = curated.column("path")
        if table is not None:
            brought = _by_query(table, paths, config)
        else:
            brought = _by_clusters(root, pool, curated, rows, paths, config) if config.by == "clusters" else iter(())
        pairs = _pairs(brought)
        write_table(root / TABLE, pairs)
        taken = np.unique(pairs["row"].to_numpy())
        record |= {"taken": len(taken), "images": len(taken) + len(curated.readable), "k": config.k}
        if grouped is not None:
            labels = labels_of(root, pool, "pool")
            record["after"] = balance(labels[taken], grouped["clusters"])._asdict()
        record |= write_fates(root, pairs)
        write_record(root, "retrieve", key, record)
    dist.wait()
    return required_record(root, "retrieve")


def _by_query(table: pa.Table, paths: np.ndarray, config: RetrieveConfig) -> Iterator[tuple[int, Brought]]:
    """For each path of the curated set what its images bring: the k nearest, of which the most similar `most`."""
    query, row, cosine = (table[name].to_numpy() for name in ("row", "neighbour", "cosine"))
    rank = np.arange(len(query)) - np.searchsorted(query, query)  # queries ascend, nearest first within each
    for path in np.unique(paths).tolist():
        mine = np.flatnonzero((paths[query] == path) & (rank < config.k))
        order = mine[np.lexsort((row[mine], -cosine[mine]))]
        images, first = np.unique(row[order], return_index=True)  # first: where each image is most similar
        allowed = images[np.argsort(first, kind="stable")[: config.most]]
        kept = mine[np.isin(row[mine], allowed)]
        yield path, Brought(query[kept], row[kept], cosine[kept])


def _by_clusters(
    root: Path, pool: Embeddings, curated: Embeddings, rows: np.ndarray, paths: np.ndarray, config: RetrieveConfig
) -> Iterator[tuple[int, Brought]]:
    """For each path of the curated set a sample of its clusters, each image with the curated one nearest to it."""
    labels, theirs = labels_of(root, pool, "pool")[rows], labels_of(root, curated, "curated")
    order = np.argsort(labels, kind="stable")
    for path in np.unique(paths).tolist():
        generator = np.random.default_rng([config.seed, path])
        mine = np.flatnonzero((paths == path) & (theirs >= 0))
        counts = np.bincount(theirs[mine])
        parts = []
        for cluster in np.flatnonzero(counts >= config.least).tolist():
            first, last = np.searchsorted(labels, [cluster, cluster + 1], sorter=order)
            inside = np.sort(rows[order[first:last]])
            if len(inside) > config.per_cluster:
                inside = np.sort(generator.choice(inside, config.per_cluster, replace=False))
            if len(inside):
                parts.append(_nearest_curated(pool, inside, curated, mine[theirs[mine] == cluster]))
        if parts:
            brought = Brought(*(np.concatenate(column) for column in zip(*parts, strict=True)))
            chosen = np.sort(generator.permutation(len(brought.row))[: config.most])
            yield path, Brought(*(column[chosen] for column in brought))


def _nearest_curated(pool: Embeddings, inside: np.ndarray, curated: Embeddings, queries: np.ndarray) -> Brought:
    vectors = gather(curated.vectors, queries)
    best, cosines = [], []
    for start in range(0, len(inside), QUERIES):
        found, where = (gather(pool.vectors, inside[start : start + QUERIES]) @ vectors.T).max(dim=1)
        best.append(queries[where.numpy()])
        cosines.append(found.numpy())
    return Brought(np.concatenate(best), inside, np.concatenate(cosines))


def _pairs(brought: Iterator[tuple[int, Brought]]) -> pa.Table:
    """`path` of the curated set, `query` there, `row` of the pool, `cosine`."""
    schema = pa.schema([("path", pa.int32()), ("query", pa.int64()), ("row", pa.int64()), ("cosine", pa.float32())])
    tables = [
        pa.table([pa.array(np.full(len(one.row), path, np.int32)), *map(pa.array, one)], schema=schema)
        for path, one in brought
    ]
    return pa.concat_tables([schema.empty_table(), *tables])
