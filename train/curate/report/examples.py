"""Which images a report shows: a few of each kind, the doubtful ones among them, always the same."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from train.curate.embeddings import Embeddings
from train.curate.steps import deduplicate
from train.curate.steps.cluster import cosines_of

GROUPS, OF_GROUP = 12, 4
CLUSTERS, OF_CLUSTER = 9, 4
QUERIES, OF_QUERY = 10, 8


class ReportImage(NamedTuple):
    """An image of a set, what is written under it, and its frame: kept, gone or none."""

    set: str
    row: int
    caption: str
    kind: str = ""


class Group(NamedTuple):
    """Images side by side under a title."""

    title: str
    shown: list[ReportImage]


def copies(duplicates: pa.Table) -> list[Group]:
    """Near-duplicates with the image that is kept for them, from the least similar ones to the most."""
    fate, reason = _codes(duplicates, "fate"), _codes(duplicates, "reason")
    because, cosine = duplicates["because"].to_numpy(), duplicates["cosine"].to_numpy()
    rows = np.flatnonzero(fate == deduplicate.COPY)
    kept, first = np.unique(because[rows], return_index=True)
    order = np.argsort(cosine[rows[first]], kind="stable")
    groups = []
    for one in kept[_spaced(order, GROUPS)].tolist():
        mine = rows[because[rows] == one]
        mine = mine[np.argsort(cosine[mine], kind="stable")]
        decided = deduplicate.REASONS[reason[one]]
        more = f", {len(mine) - OF_GROUP + 1} more not shown" if len(mine) >= OF_GROUP else ""
        title = f"{len(mine) + 1} images, cosine from {cosine[mine[0]]:.3f}{more}"
        gone = [ReportImage("pool", int(row), f"dropped, {cosine[row]:.3f}", "gone") for row in mine[: OF_GROUP - 1]]
        groups.append(Group(title, [ReportImage("pool", one, f"kept: {decided}", "kept"), *gone]))
    return groups


def too_close(duplicates: pa.Table) -> list[Group]:
    """Images of the pool beside the evaluation or curated ones that they are too close to, the least close first."""
    fate, sources = _codes(duplicates, "fate"), _codes(duplicates, "because_set")
    because, cosine = duplicates["because"].to_numpy(), duplicates["cosine"].to_numpy()
    groups = []
    for what in (deduplicate.IN_EVALUATION, deduplicate.IN_CURATED):
        rows = np.flatnonzero(fate == what)
        for row in rows[_spaced(np.argsort(cosine[rows], kind="stable"), GROUPS // 2)].tolist():
            other = deduplicate.SOURCES[sources[row]]
            pair = [
                ReportImage(other, int(because[row]), f"{other}"),
                ReportImage("pool", row, f"dropped, {cosine[row]:.3f}", "gone"),
            ]
            groups.append(Group("", pair))
    return groups


def clusters(
    root: Path, pool: Embeddings, labels: np.ndarray, taken: np.ndarray, curated: np.ndarray, count: int
) -> list[Group]:
    """The fullest clusters, each by the images nearest to its centre; `labels` of the pool, `curated` of the others."""
    rows, cosine = pool.readable, cosines_of(root, pool, "pool")
    inside = np.bincount(labels[rows], minlength=count)
    chosen = np.bincount(labels[taken], minlength=count)
    asking = np.bincount(curated[curated >= 0], minlength=count)
    picked = np.isin(rows, taken)
    groups = []
    for cluster in np.argsort(-inside, kind="stable")[:CLUSTERS].tolist():
        mine = np.flatnonzero(labels[rows] == cluster)
        best = mine[np.argsort(-cosine[mine], kind="stable")[:OF_CLUSTER]]
        title = f"Cluster {cluster}: {inside[cluster]:,} of the pool, {asking[cluster]:,} curated, {chosen[cluster]:,} taken"
        shown = [
            ReportImage(
                "pool",
                int(rows[one]),
                f"{'taken, ' if picked[one] else ''}{cosine[one]:.3f}",
                "kept" if picked[one] else "",
            )
            for one in best
        ]
        groups.append(Group(title, shown))
    return groups


def retrieval(pairs: pa.Table, most: int) -> list[Group]:
    """Queries with what they brought, from the best served to the worst."""
    query, row, cosine = (pairs[name].to_numpy() for name in ("query", "row", "cosine"))
    order = np.lexsort((-cosine, query))
    query, row, cosine = query[order], row[order], cosine[order]
    queries, first = np.unique(query, return_index=True)
    best = np.argsort(-cosine[first], kind="stable")
    groups = []
    for place in _spaced(best, QUERIES).tolist():
        span = np.flatnonzero(query == queries[place])[: min(most, OF_QUERY)]
        brought = [ReportImage("pool", int(row[one]), f"{cosine[one]:.3f}", "kept") for one in span]
        groups.append(Group("", [ReportImage("curated", int(queries[place]), "curated"), *brought]))
    return groups


def _codes(table: pa.Table, name: str) -> np.ndarray:
    return table[name].combine_chunks().indices.to_numpy()


def _spaced(order: np.ndarray, most: int) -> np.ndarray:
    """Up to `most` of an order, evenly from its first to its last."""
    return (
        order[np.unique(np.linspace(0, len(order) - 1, min(most, len(order))).round().astype(int))]
        if len(order)
        else order
    )
