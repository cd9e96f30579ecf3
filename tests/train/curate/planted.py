"""Vectors whose near-duplicates, clusters and likenesses are known."""

from typing import NamedTuple

import numpy as np
import torch

from train.dist import World

ALONE = World(0, 1, torch.device("cpu"))


class Planted(NamedTuple):
    """A pool [n, D] float32 at unit length; of each vector its cluster, and the row it is a copy of (its own if none)."""

    pool: np.ndarray
    clusters: np.ndarray
    originals: np.ndarray


def unit(vectors: np.ndarray) -> np.ndarray:
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def noise(shape: tuple[int, int], random: np.random.Generator) -> np.ndarray:
    """Of length 1 on average."""
    return random.normal(0, shape[1] ** -0.5, shape)


def planted(
    originals: int = 1200, copies: int = 200, clusters: int = 12, width: int = 48, seed: int = 0, spread: float = 1.0
) -> Planted:
    """Clusters with cosines near 0.5 within and 0 between, copies with cosines near 0.96 to what they copy."""
    random = np.random.default_rng(seed)
    centres = unit(noise((clusters, width), random))
    labels = random.integers(0, clusters, originals)
    pool = unit(centres[labels] + spread * noise((originals, width), random))
    copied = random.integers(0, originals, copies)
    doubled = unit(pool[copied] + 0.3 * noise((copies, width), random))
    return Planted(
        np.concatenate([pool, doubled]),
        np.concatenate([labels, labels[copied]]),
        np.concatenate([np.arange(originals), copied]),
    )
