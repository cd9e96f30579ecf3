"""The schedule of a quantity over the steps of a run."""

import math
from dataclasses import dataclass

from core import RequestError


@dataclass(frozen=True)
class Schedule:
    """Linear from `start` to `base` over `warmup` steps, then a half cosine to `final` at step `steps`.

    The values of the reference's CosineScheduler: the warm-up reaches `base` on its last step, and the cosine
    begins at `base` again on the next. Steps past the end give `final`.

    >>> Schedule(base=1.0, final=0.0, steps=4)(2)
    0.5
    """

    base: float
    final: float
    steps: int
    warmup: int = 0
    start: float = 0.0

    def __post_init__(self):
        if not 0 <= self.warmup <= self.steps:
            raise RequestError(f"{self.steps} steps cannot hold a warm-up of {self.warmup}; shorten it.")

    def __call__(self, step: int) -> float:
        if step >= self.steps:
            return self.final
        if step < self.warmup:
            return self.start + (self.base - self.start) * step / max(self.warmup - 1, 1)
        done = (step - self.warmup) / (self.steps - self.warmup)
        return self.final + 0.5 * (self.base - self.final) * (1 + math.cos(math.pi * done))
