"""The task `knn`: nearest neighbours among labelled images."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from core.bounds import Bounds
from train.dist import World
from train.evaluate.datasets.labelled_split import Split
from train.evaluate.probes.classification import Hits, hits_of
from train.evaluate.probes.knn import NEIGHBOURS, knn_ranks
from train.evaluate.task import LabelledTask


@dataclass(frozen=True, kw_only=True)
class Knn(LabelledTask):
    """The share of labelled images whose nearest neighbours vote for the right label."""

    ks: Annotated[tuple[int, ...], Bounds(1, 10**9)] = NEIGHBOURS
    """Numbers of neighbours to try; those beyond the images to learn from are left out."""

    def hits(self, split: Split, world: World) -> list[Hits]:
        return nearest_neighbours(split, self.ks)


def nearest_neighbours(split: Split, ks: Sequence[int] = NEIGHBOURS) -> list[Hits]:
    """k-NN on cls tokens (Caron et al. 2021), for each k that the images allow. Raises as `knn_ranks` does."""
    train, test = (side.inputs(1, mean_patch=False) for side in split[:2])
    found = knn_ranks(train, split.train.labels, test, split.test.labels, ks)
    return [hits_of(f"k = {k}", placed) for k, placed in found.items()]
