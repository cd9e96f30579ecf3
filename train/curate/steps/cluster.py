"""The pool in groups of like images: centres by k-means, then the group of each image of the pool and the curated set.

With two levels the centres of the first are few, and each of their groups is divided by itself, a process at a time:
n·2√K products instead of n·K.
"""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import torch
from torch import Tensor
from tqdm import tqdm

from train import dist
from train.curate.config import ClusterConfig
from train.curate.embeddings import Embeddings, open_embeddings, parts_of, required_embeddings
from train.curate.folder import (
    CurationError,
    Parts,
    Record,
    is_finished,
    key_of,
    prepare,
    read_arrays,
    required_record,
    write_arrays,
    write_record,
    write_table,
)
from train.curate.search.nearest import gather
from train.curate.steps import kmeans
from train.curate.steps.balance import balance
from train.curate.steps.deduplicate import surviving
from train.dist import World

CENTRES = "centres.npz"
MOST_CLUSTERS = 100_000
LABELLED = 65_536
"""Images in a part."""


class Centres(NamedTuple):
    """Of K clusters: `fine` [K, D]; with two levels also `coarse` [G, D], whose group g holds the clusters from
    starts[g] to starts[g + 1]."""

    fine: Tensor
    coarse: Tensor | None
    starts: Sequence[int]

    def nearest(self, vectors: Tensor) -> tuple[Tensor, Tensor]:
        """The cluster of each vector [n, D] and the cosine with its centre, [n] each."""
        if self.coarse is None:
            return kmeans.nearest_centre(vectors, self.fine)
        groups, _ = kmeans.nearest_centre(vectors, self.coarse)
        labels, cosines = torch.zeros_like(groups), vectors.new_zeros(len(vectors))
        for group in groups.unique().tolist():
            mine = groups == group
            first, last = self.starts[group], self.starts[group + 1]
            within, cosines[mine] = kmeans.nearest_centre(vectors[mine], self.fine[first:last])
            labels[mine] = first + within
        return labels, cosines


def cluster(root: Path, config: ClusterConfig, world: World) -> Record:
    """Find the centres, or take those on disk, and the cluster of every image. Every rank calls it.

    Raises CurationError where the steps before are not finished, or nothing of the pool is left.
    """
    pool, rows = required_embeddings(root, "pool"), surviving(root)
    if not len(rows):
        raise CurationError(f"Nothing of the pool in {root} is left to cluster; deduplicate with a higher threshold.")
    key = key_of(asdict(config), required_record(root, "deduplicate").key)
    folder = root / "clusters"
    labelled = {name: images for name in ("pool", "curated") if (images := open_embeddings(root, name)) is not None}
    files = [path for name, images in labelled.items() for path in _parts(root, name, images).paths]
    if is_finished(root, "cluster", key, [folder / CENTRES, *files], world):
        return required_record(root, "cluster")
    prepare(folder, {"key": key}, world)
    clusters = min(config.clusters or min(MOST_CLUSTERS, round(len(rows) ** 0.5)), len(rows))
    if not (folder / CENTRES).exists():
        _find_centres(folder, pool, rows, clusters, config, world)
    dist.wait()
    for name, images in labelled.items():
        _label(root, name, images, world)
    dist.wait()
    if world.leads:
        labels, cosines = labels_of(root, pool, "pool"), cosines_of(root, pool, "pool")
        clusters = len(read_arrays(folder / CENTRES)["fine"])
        write_record(
            root,
            "cluster",
            key,
            {
                "clusters": clusters,
                "levels": config.levels,
                "mean_cosine": float(cosines.mean()),
                "before": balance(labels[pool.readable], clusters)._asdict(),
                "after_deduplication": balance(labels[rows], clusters)._asdict(),
            },
        )
    dist.wait()
    return required_record(root, "cluster")


def labels_of(root: Path, images: Embeddings, name: str) -> np.ndarray:
    """The cluster of every image of a set, [n] int64; −1 for what could not be read."""
    labels = np.full(len(images), -1, np.int64)
    labels[images.readable] = _parts(root, name, images).column("cluster")
    return labels


def cosines_of(root: Path, images: Embeddings, name: str) -> np.ndarray:
    """Of every readable image the cosine with its cluster's centre, in the order of `images.readable`."""
    return _parts(root, name, images).column("cosine")


def _parts(root: Path, name: str, images: Embeddings) -> Parts:
    return Parts(root / "clusters" / name, parts_of(len(images.readable), LABELLED))


def _find_centres(
    folder: Path, pool: Embeddings, rows: np.ndarray, clusters: int, config: ClusterConfig, world: World
) -> None:
    """Write centres.npz."""
    first = clusters if config.levels == 1 else round(clusters**0.5)
    state = folder / "state.npz"
    path = folder / CENTRES if config.levels == 1 else folder / "coarse.npz"
    if not path.exists():
        centres = kmeans.fit(pool.vectors, rows, first, config.steps, config.batch, config.seed, world, state)
        if world.leads:
            write_arrays(path, fine=centres)
            state.unlink(missing_ok=True)
    dist.wait()
    if config.levels == 2:
        _divide(folder, read_arrays(path)["fine"], pool, rows, clusters, config, world)


def _divide(
    folder: Path,
    coarse: np.ndarray,
    pool: Embeddings,
    rows: np.ndarray,
    clusters: int,
    config: ClusterConfig,
    world: World,
) -> None:
    """Each group of the first level into as many clusters as its share of the images, each group by one process."""
    nearest = torch.from_numpy(coarse)
    groups = np.concatenate(
        [
            kmeans.nearest_centre(gather(pool.vectors, rows[start : start + LABELLED]), nearest)[0].numpy()
            for start in range(0, len(rows), LABELLED)
        ]
    )
    shares = apportion(np.bincount(groups, minlength=len(coarse)), clusters)
    parts, alone = Parts(folder / "groups", len(coarse), ".npz"), World(0, 1, world.device)
    missing = parts.missing(world)
    for group in tqdm(missing, desc="cluster", unit=" groups", disable=not (world.leads and missing)):
        mine = rows[groups == group]
        fine = np.empty((0, coarse.shape[1]), np.float32)
        if shares[group]:
            fine = kmeans.fit(pool.vectors, mine, int(shares[group]), config.steps, config.batch, config.seed, alone)
        write_arrays(parts.path(group), fine=fine)
    dist.wait()
    if world.leads:
        kept = np.flatnonzero(shares)  # a group without images has no clusters, and must not be anybody's nearest
        fine = np.concatenate([read_arrays(parts.path(int(group)))["fine"] for group in kept])
        starts = np.cumsum([0, *shares[kept]])
        write_arrays(folder / CENTRES, fine=fine, coarse=coarse[kept], starts=starts)


def apportion(counts: np.ndarray, total: int) -> np.ndarray:
    """`total` seats divided in proportion to counts, at least one for each count above 0 and none above its count.

    >>> apportion(np.array([10, 0, 5, 1]), 4)
    array([2, 0, 1, 1])
    """
    seats = (counts > 0).astype(np.int64)
    share = (total - seats.sum()) * counts / counts.sum()
    seats += np.floor(share).astype(np.int64)
    order = np.argsort(np.floor(share) - share, kind="stable")
    seats[order[: max(0, total - seats.sum())]] += 1
    return np.minimum(seats, counts)


def _label(root: Path, name: str, images: Embeddings, world: World) -> None:
    """Write the cluster and the cosine of every readable image of a set."""
    found = read_arrays(root / "clusters" / CENTRES)
    fine = torch.from_numpy(found["fine"]).to(world.device)
    coarse = torch.from_numpy(found["coarse"]).to(world.device) if "coarse" in found else None
    centres = Centres(fine, coarse, found["starts"].tolist() if coarse is not None else [])
    parts, block = _parts(root, name, images), kmeans.block_rows(len(fine))
    for number in parts.missing(world):
        rows = images.readable[number * LABELLED : (number + 1) * LABELLED]
        pairs = [
            centres.nearest(gather(images.vectors, rows[start : start + block]).to(world.device))
            for start in range(0, len(rows), block)
        ]
        labels, cosines = (torch.cat(column).cpu().numpy() for column in zip(*pairs, strict=True))
        write_table(parts.path(number), pa.table({"row": rows, "cluster": labels, "cosine": cosines}))
