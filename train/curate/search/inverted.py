"""Approximate search for banks too large to compare with all: faiss's inverted file with product quantisation.

The candidates it gives are compared again with the vectors on disk, so that every cosine is exact. faiss is loaded
here only, when it is needed: it and torch bring an OpenMP each, which macOS bears badly.
"""

import logging
from pathlib import Path

import numpy as np
import torch

from core import RequestError
from core.files import replacing
from train import dist
from train.curate.folder import CurationError
from train.curate.search.nearest import SAMPLE, ExactSearch, Neighbours, Plan, gather, recall, sample_rows
from train.dist import World

ADDED = 65_536
"""Vectors added to an index at once."""
REFINED = 1024
"""Queries whose candidates are compared with the exact vectors at once."""
FIRST_CANDIDATES, MOST_CANDIDATES = 2, 32
"""Codes that are looked at again, for each neighbour that is wanted."""
FIRST_PROBES = 8


class InvertedSearch:
    """An index in `path`, built by one process and read by all. Raises RequestError where faiss is not installed."""

    def __init__(self, vectors: np.ndarray, rows: np.ndarray, plan: Plan, path: Path, world: World):
        self.vectors, self.rows, self.world = vectors, rows, world
        faiss = _faiss()
        if world.leads and not path.exists():
            _write(_build(vectors, rows, plan), path)
        dist.wait()
        try:
            self.index = faiss.read_index(str(path))
        except RuntimeError as error:
            raise CurationError(f"{path} is damaged; remove it and run the same command again.") from error
        self.candidates = FIRST_CANDIDATES
        self.probes = min(FIRST_PROBES, plan.lists)
        """Cells that are looked into for each query."""

    def nearest(self, queries: np.ndarray, k: int) -> Neighbours:
        parts = [self._nearest(queries[start : start + REFINED], k) for start in range(0, len(queries), REFINED)]
        return Neighbours(*(np.concatenate(column) for column in zip(*parts, strict=True)))

    def _nearest(self, queries: np.ndarray, k: int) -> Neighbours:
        vectors = np.ascontiguousarray(queries, dtype=np.float32)
        self.index.nprobe = self.probes
        _, codes = self.index.search(vectors, min(self.candidates * k, len(self.rows)))  # [q, c] places in rows, or −1
        rows = self.rows[np.maximum(codes, 0)]
        them = gather(self.vectors, rows.ravel()).unflatten(0, rows.shape)
        cosines = torch.bmm(them, torch.from_numpy(vectors).unsqueeze(2)).squeeze(2)
        cosines[torch.from_numpy(codes < 0)] = -torch.inf
        if cosines.shape[1] < k:
            cosines = torch.nn.functional.pad(cosines, (0, k - cosines.shape[1]), value=-torch.inf)
            rows = np.pad(rows, ((0, 0), (0, k - rows.shape[1])))
        best, order = cosines.topk(k, dim=1)
        places = np.take_along_axis(rows, order.numpy(), axis=1)
        return Neighbours(np.where(np.isfinite(best.numpy()), places, -1), best.numpy())

    def tune(self, queries: np.ndarray, query_rows: np.ndarray, k: int, floor: float, wanted: float) -> float:
        """Look into more cells, or at more candidates, until the share `wanted` of true neighbours above `floor` is
        found; the share reached.

        Whichever of the two gains more is doubled. Measured on some of the `query_rows` of `queries`, against exact
        search; every process finds the same.
        """
        vectors = gather(queries, sample_rows(query_rows, SAMPLE, 0)).numpy()
        exact = ExactSearch(self.vectors, self.rows, torch.device("cpu")).nearest(vectors, k)

        def reached(settings: tuple[int, int]) -> float:
            self.probes, self.candidates = settings
            return recall(self.nearest(vectors, k), exact, floor)

        best, share = (self.probes, self.candidates), reached((self.probes, self.candidates))
        while share < wanted:
            probes, candidates = best
            wider = (min(2 * probes, self.index.nlist), candidates)
            deeper = (probes, min(2 * candidates, MOST_CANDIDATES))
            gained = {one: reached(one) for one in (wider, deeper) if one != best}
            if not gained:
                break
            best = max(gained, key=lambda one: gained[one])
            share = gained[best]
        self.probes, self.candidates = best
        return share


def _build(vectors: np.ndarray, rows: np.ndarray, plan: Plan):
    faiss = _faiss()
    width = vectors.shape[1]
    index = faiss.index_factory(width, f"IVF{plan.lists},PQ{plan.subspaces}x4fs", faiss.METRIC_INNER_PRODUCT)
    index.train(gather(vectors, sample_rows(rows, plan.training, 0)).numpy())
    for start in range(0, len(rows), ADDED):
        index.add(gather(vectors, rows[start : start + ADDED]).numpy())
    return index


def _write(index, path: Path) -> None:
    with replacing(path) as partial:
        try:
            _faiss().write_index(index, str(partial))
        except RuntimeError as error:
            raise OSError(f"{partial} cannot be written ({str(error).splitlines()[0]})") from error


def _faiss():
    try:
        logging.getLogger("faiss.loader").setLevel(logging.WARNING)  # it tells which of its builds it takes
        import faiss
    except ImportError as error:
        raise RequestError(
            "So many vectors are searched with faiss, which is not installed: python -m pip install faiss-cpu"
        ) from error
    faiss.omp_set_num_threads(torch.get_num_threads())
    return faiss
