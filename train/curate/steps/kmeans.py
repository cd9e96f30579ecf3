"""Spherical k-means over vectors on disk, by mini-batches, on any number of processes with one and the same result.

Vectors are stored in float16, so their sums in float64 are exact up to 2**29 of them, and exact sums do not depend
on the order they are made in: not on the batch a process has, nor on how many processes there are.

n rows, D width, K centres.
"""

import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from train import dist
from train.curate.embeddings import parts_of
from train.curate.folder import read_arrays, write_arrays
from train.curate.search.nearest import gather, sample_rows
from train.dist import World

ROUNDS = 64
"""Draws in which the first centres are spread; of up to so many centres, each is drawn by itself."""
SEEDS_FROM, LEAST_SEEDS_FROM, MOST_SEEDS_FROM = 32, 4096, 2**18
"""Vectors for each centre that the first ones are drawn from, and how many at the least and most in all."""
MOST_MERGED = 8192
"""Up to so many, twice the centres are drawn and merged: all pairs of them are looked at, 268 MB."""
KEPT = 0.75
"""Weight of what earlier mini-batches said, at each new one."""
SETTLING = 3
"""Steps before first centres are merged."""
SETTLED = 1e-5
"""Relative gain of the mean cosine below which a pool that is looked at whole has settled."""
SAVED_EVERY = 10.0
"""Seconds between two states on the disk: what a killed run loses at most."""
FIXED = 2.0**24
"""Cosines are summed as whole numbers of this fraction, again so that their order does not matter."""


class _State(NamedTuple):
    """The state of the search for centres, equal on every process."""

    centres: Tensor
    """[K, D] float32, unit length."""
    totals: Tensor
    """[K, D] float64: the vectors of each centre, summed with the weights of their batches; 0 before the first."""
    counts: Tensor
    """[K] float64: the sum of those weights."""
    step: int = 0
    gain: float = -1.0
    """The mean cosine of vectors with their centre, at the last step."""


def fit(
    vectors: np.ndarray,
    rows: np.ndarray,
    clusters: int,
    steps: int,
    batch: int,
    seed: int,
    world: World,
    state: Path | None = None,
) -> np.ndarray:
    """The centres [K, D] float32 of these rows, at unit length. Every rank calls it.

    `batch` rows are looked at in each step; up to so many in all are looked at whole until nothing is gained.
    `state` is a file from which a run that was killed goes on.
    """
    block = block_rows(clusters)
    blocks, drawn = parts_of(len(rows), block), max(1, batch // block)
    now = _read_state(state, world) if state is not None and state.exists() else None
    dist.wait()
    if now is None:
        now = _start(vectors, rows, clusters, seed, world)
    saved = time.monotonic()
    while now.step < steps:
        whole = blocks <= drawn
        chosen = np.arange(blocks) if whole else _drawn(blocks, drawn, seed, now.step)
        parts = [rows[number * block : (number + 1) * block] for number in chosen[world.rank :: world.size]]
        after = _step(vectors, parts, now, 0.0 if whole else KEPT, world)
        settled = whole and after.gain - now.gain <= SETTLED * abs(after.gain)
        now = after
        if settled:
            break
        if state is not None and world.leads and time.monotonic() - saved > SAVED_EVERY:
            write_arrays(state, **{name: np.asarray(value) for name, value in _on_cpu(now)._asdict().items()})
            saved = time.monotonic()
    return now.centres.cpu().numpy()


def block_rows(clusters: int) -> int:
    """Vectors compared with all centres at once: 128 MB of cosines."""
    return int(np.clip(2**25 // clusters, 64, 4096))


def nearest_centre(vectors: Tensor, centres: Tensor) -> tuple[Tensor, Tensor]:
    """Of each vector [n, D] the centre [n] int64 and the cosine with it [n]."""
    cosines, labels = (vectors @ centres.T).max(dim=1)
    return labels, cosines


def spread(sample: Tensor, clusters: int, generator: np.random.Generator) -> Tensor:
    """First centres [K, D] among a sample [m, D], far from each other (Bahmani et al. 2012, k-means‖, without its
    last step): each is drawn with a probability proportional to its squared distance from those before it."""
    chosen = [int(generator.integers(len(sample)))]
    distance = (1 - sample @ sample[chosen[0]]).clamp(min=0).double()
    while len(chosen) < clusters:
        distance[chosen] = 0
        weights = distance.cpu().numpy()
        most = int(np.count_nonzero(weights))
        take = min(max(1, clusters // ROUNDS), clusters - len(chosen))
        if most < take:  # all that is left coincides with a centre
            left = np.setdiff1d(np.arange(len(sample)), chosen)
            picks = generator.choice(left, min(clusters - len(chosen), len(left)), replace=False)
        else:
            picks = generator.choice(len(sample), take, replace=False, p=weights / weights.sum())
        chosen += picks.tolist()
        distance = torch.minimum(distance, (1 - (sample @ sample[picks.tolist()].T).amax(dim=1)).clamp(min=0).double())
    return sample[chosen]


def first_centres(sample: Tensor, clusters: int, generator: np.random.Generator) -> Tensor:
    """The centres that k-means starts with, [K, D], from a sample [m, D].

    Drawn alone, some centres share a cluster while others hold two, which no later step mends. So twice as many are
    drawn and settled a little, and the likest are merged by Ward's rule.
    """
    if 2 * clusters > min(MOST_MERGED, len(sample)):
        return F.normalize(spread(sample, clusters, generator), dim=1)
    from scipy.cluster.hierarchy import fcluster, linkage

    vectors, rows = sample.cpu().numpy(), np.arange(len(sample))
    now = _fresh(F.normalize(spread(sample, 2 * clusters, generator), dim=1))
    parts = np.array_split(rows, parts_of(len(rows), block_rows(2 * clusters)))
    for _ in range(SETTLING):
        now = _step(vectors, parts, now, 0.0, World(0, 1, sample.device))
    merged = fcluster(linkage(now.centres.cpu().numpy(), "ward"), clusters, "maxclust") - 1
    sums = torch.zeros(clusters, sample.shape[1], dtype=torch.float64, device=sample.device)
    sums.index_add_(0, torch.from_numpy(merged).long().to(sample.device), now.totals)
    counts = torch.from_numpy(np.bincount(merged, minlength=clusters)).double().to(sample.device)
    _split_largest(sums, counts)
    return F.normalize(sums, dim=1).float()


def _start(vectors: np.ndarray, rows: np.ndarray, clusters: int, seed: int, world: World) -> _State:
    wanted = int(np.clip(SEEDS_FROM * clusters, LEAST_SEEDS_FROM, MOST_SEEDS_FROM))
    sample = gather(vectors, sample_rows(rows, wanted, seed)).to(world.device)
    centres = first_centres(sample, clusters, np.random.default_rng([seed, 1]))
    return _fresh(dist.from_first(centres) if world.size > 1 else centres)  # a group of clusters is fitted alone


def _fresh(centres: Tensor) -> _State:
    totals = torch.zeros_like(centres, dtype=torch.float64)
    return _State(centres, totals, totals.new_zeros(len(totals)))


def _drawn(blocks: int, drawn: int, seed: int, step: int) -> np.ndarray:
    return np.sort(np.random.default_rng([seed, 2, step]).choice(blocks, drawn, replace=False))


def _step(vectors: np.ndarray, parts: list[np.ndarray], now: _State, kept: float, world: World) -> _State:
    """The centres moved to the mean of the vectors nearest to each, this batch's and, weighted, those before."""
    sums = torch.zeros_like(now.centres, dtype=torch.float64)
    counts = sums.new_zeros(len(sums))
    gained = torch.zeros(1, dtype=torch.int64, device=world.device)
    for rows in parts:
        x = gather(vectors, rows).to(world.device)
        labels, cosines = nearest_centre(x, now.centres)
        sums.index_add_(0, labels, x.double())
        counts += labels.bincount(minlength=len(counts))
        gained += (cosines.double() * FIXED).round().long().sum()
    if world.size > 1:
        for one in (sums, counts, gained):
            dist.total(one)
    gain = float(gained) / FIXED / float(counts.sum())
    sums, counts = kept * now.totals + sums, kept * now.counts + counts
    _split_largest(sums, counts)
    return _State(F.normalize(sums, dim=1).float(), sums, counts, now.step + 1, gain)


def _split_largest(totals: Tensor, weights: Tensor) -> None:
    """Each centre that has lost all its vectors becomes a neighbour of the one that has most (as faiss does)."""
    for empty in torch.nonzero(weights < 0.5).flatten().tolist():
        most = int(weights.argmax())
        sign = 1 - 2 * (torch.arange(totals.shape[1], device=totals.device) % 2).double()
        totals[empty] = totals[most] / 2 * (1 + sign / 1024)
        totals[most] = totals[most] / 2 * (1 - sign / 1024)
        weights[empty] = weights[most] = weights[most] / 2


def _read_state(path: Path, world: World) -> _State:
    found = read_arrays(path)
    tensors = {name: torch.from_numpy(found[name]).to(world.device) for name in ("centres", "totals", "counts")}
    return _State(step=int(found["step"]), gain=float(found["gain"]), **tensors)


def _on_cpu(state: _State) -> _State:
    return state._replace(centres=state.centres.cpu(), totals=state.totals.cpu(), counts=state.counts.cpu())
