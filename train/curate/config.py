"""Settings of each step of curation. Defaults are the paper's where it gives one."""

from dataclasses import dataclass
from typing import Annotated, Literal

from core import RequestError
from core.bounds import SEED, Bounds, require_bounds
from core.model.precision import Precision
from core.pictures.geometry import LARGEST_SIZE

COSINE = Bounds(-1, 1)


@dataclass(frozen=True)
class EmbedConfig:
    """The encoding of images as vectors."""

    model: str = "embedded"
    """embedded, untrained, dinov2-{small,base,large,giant}, hf:owner/name, a run folder or a weights file."""
    size: Annotated[int, Bounds(1, LARGEST_SIZE)] = 224
    """Longer side in pixels at which pictures are shown to the model."""
    precision: Precision = "auto"
    """Precision of the computation; auto is bfloat16 where the device is faster with it."""
    threads: Annotated[int, Bounds(1, 1024)] = 4
    """Pictures decoded side by side, in each process."""

    def __post_init__(self):
        require_bounds(self)


@dataclass(frozen=True)
class DeduplicateConfig:
    """Which images count as one. The thresholds were chosen for features made to detect copies; others have their
    own, which the report helps to find."""

    neighbours: Annotated[int, Bounds(1, 10**6)] = 64
    """Nearest images that are looked at, for each image of the pool."""
    threshold: Annotated[float, COSINE] = 0.6
    """Cosine above which two images of the pool are near-duplicates, and one of the pool and a curated one."""
    evaluation_threshold: Annotated[float, COSINE] = 0.45
    """Cosine above which an image of the pool is too close to one of an evaluation set."""
    floor: Annotated[float, COSINE] = 0.4
    """Neighbours above this cosine are kept on disk: thresholds down to it can be tried without a new search."""
    recall: Annotated[float, Bounds(0, 1, above=True)] = 0.95
    """Recall of an approximate search: share of the true neighbours above the floor that it must find, on a sample."""

    def __post_init__(self):
        require_bounds(self)
        if self.floor > self.threshold:
            raise RequestError(
                f"threshold is {self.threshold}, below the floor of {self.floor}; lower --floor too, for a new search."
            )


@dataclass(frozen=True)
class ClusterConfig:
    """The clustering of the remaining pool: spherical k-means, by mini-batches where it is large."""

    clusters: Annotated[int | None, Bounds(1, 10**8)] = None
    """Number of clusters; by default the square root of the images, up to the paper's 100,000."""
    levels: Literal[1, 2] = 1
    """2 groups first into the square root of so many, then each by itself: for tens of thousands of clusters."""
    steps: Annotated[int, Bounds(1, 10**6)] = 50
    """Updates of the centres at most."""
    batch: Annotated[int, Bounds(1, 10**9)] = 262_144
    """Images an update looks at; a pool of no more is looked at whole each time, until nothing changes."""
    seed: Annotated[int, SEED] = 0

    def __post_init__(self):
        require_bounds(self)


@dataclass(frozen=True)
class RetrieveConfig:
    """The retrieval from the pool. Each path given as curated is a set of its own."""

    by: Literal["query", "clusters"] = "query"
    """query: the nearest of each curated image. clusters: a sample of the clusters that hold curated images, which
    the paper prefers for curated sets of less than a million."""
    k: Annotated[int, Bounds(1, 10**6)] = 4
    """By query: how many of the nearest."""
    least: Annotated[int, Bounds(1, 10**9)] = 3
    """By clusters: curated images of one set that a cluster must hold."""
    per_cluster: Annotated[int, Bounds(1, 10**9)] = 10_000
    """By clusters: images taken of one cluster, at most."""
    most: Annotated[int, Bounds(1, 10**9)] = 1_000_000
    """Images that one curated set brings, at most: the most similar by query, a sample by clusters."""
    seed: Annotated[int, SEED] = 0
    """Of the samples."""

    def __post_init__(self):
        require_bounds(self)
