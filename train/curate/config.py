"""Settings of each step of curation. Defaults are the paper's where it gives one."""

from dataclasses import dataclass
from typing import Literal

from core import RequestError
from core.model.precision import Precision


@dataclass(frozen=True)
class EmbedConfig:
    """The encoding of images as vectors."""

    model: str = "embedded"
    """embedded, untrained, dinov2-{small,base,large,giant}, hf:owner/name, a run folder or a weights file."""
    size: int = 224
    """Longer side in pixels at which pictures are shown to the model."""
    precision: Precision = "auto"
    """Precision of the computation; auto is bfloat16 where the device is faster with it."""
    threads: int = 4
    """Pictures decoded side by side, in each process."""

    def __post_init__(self):
        _require(self.size >= 1 and self.threads >= 1, f"size is {self.size}, threads {self.threads}; give 1 or more.")


@dataclass(frozen=True)
class DeduplicateConfig:
    """Which images count as one. The thresholds were chosen for features made to detect copies; others have their
    own, which the report helps to find."""

    neighbours: int = 64
    """Nearest images that are looked at, for each image of the pool."""
    threshold: float = 0.6
    """Cosine above which two images of the pool are near-duplicates, and one of the pool and a curated one."""
    evaluation_threshold: float = 0.45
    """Cosine above which an image of the pool is too close to one of an evaluation set."""
    floor: float = 0.4
    """Neighbours above this cosine are kept on disk: thresholds down to it can be tried without a new search."""
    recall: float = 0.95
    """Recall of an approximate search: share of the true neighbours above the floor that it must find, on a sample."""

    def __post_init__(self):
        _require(self.neighbours >= 1, f"neighbours is {self.neighbours}; give 1 or more.")
        for name in ("threshold", "evaluation_threshold", "floor"):
            _require(-1 <= getattr(self, name) <= 1, f"{name} is {getattr(self, name)}; a cosine is from -1 to 1.")
        _require(
            self.floor <= self.threshold,
            f"threshold is {self.threshold}, below the floor of {self.floor}; lower --floor too, for a new search.",
        )
        _require(0 < self.recall <= 1, f"recall is {self.recall}; give a share above 0 and up to 1.")


@dataclass(frozen=True)
class ClusterConfig:
    """The clustering of the remaining pool: spherical k-means, by mini-batches where it is large."""

    clusters: int | None = None
    """Number of clusters; by default the square root of the images, up to the paper's 100,000."""
    levels: Literal[1, 2] = 1
    """2 groups first into the square root of so many, then each by itself: for tens of thousands of clusters."""
    steps: int = 50
    """Updates of the centres at most."""
    batch: int = 262_144
    """Images an update looks at; a pool of no more is looked at whole each time, until nothing changes."""
    seed: int = 0

    def __post_init__(self):
        _require(self.clusters is None or self.clusters >= 1, f"clusters is {self.clusters}; give 1 or more.")
        _require(self.steps >= 1 and self.batch >= 1, f"steps is {self.steps}, batch {self.batch}; give 1 or more.")
        _require(self.seed >= 0, f"seed is {self.seed}; give one that is not negative.")


@dataclass(frozen=True)
class RetrieveConfig:
    """The retrieval from the pool. Each path given as curated is a set of its own."""

    by: Literal["query", "clusters"] = "query"
    """query: the nearest of each curated image. clusters: a sample of the clusters that hold curated images, which
    the paper prefers for curated sets of less than a million."""
    k: int = 4
    """By query: how many of the nearest."""
    least: int = 3
    """By clusters: curated images of one set that a cluster must hold."""
    per_cluster: int = 10_000
    """By clusters: images taken of one cluster, at most."""
    most: int = 1_000_000
    """Images that one curated set brings, at most: the most similar by query, a sample by clusters."""
    seed: int = 0
    """Of the samples."""

    def __post_init__(self):
        for name in ("k", "least", "per_cluster", "most"):
            _require(getattr(self, name) >= 1, f"{name} is {getattr(self, name)}; give 1 or more.")
        _require(self.seed >= 0, f"seed is {self.seed}; give one that is not negative.")


def _require(fine: bool, otherwise: str) -> None:
    if not fine:
        raise RequestError(otherwise)
