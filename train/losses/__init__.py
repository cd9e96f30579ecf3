"""The terms of the objective, each a pure function in float32 (M rows, K prototypes, D width, B images)."""

from train.losses.cross_entropy import dino_cross_entropy, ibot_cross_entropy
from train.losses.gram import gram
from train.losses.koleo import koleo
from train.losses.sinkhorn import SinkhornQueue, SoftmaxCentring, sinkhorn_knopp

__all__ = [
    "SinkhornQueue",
    "SoftmaxCentring",
    "dino_cross_entropy",
    "gram",
    "ibot_cross_entropy",
    "koleo",
    "sinkhorn_knopp",
]
