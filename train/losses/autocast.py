"""Losses kept out of autocast: computed in the precision of their tensors, whatever surrounds the call."""

import functools
from collections.abc import Callable
from typing import ParamSpec, TypeVar

import torch
from torch import Tensor

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


def outside_autocast(function: Callable[Arguments, Result]) -> Callable[Arguments, Result]:
    """The function, run with autocast switched off for the device of its first tensor.

    Within autocast a matrix product of float32 tensors is computed in bfloat16 or float16: 8 bits for the nearest
    neighbours of KoLeo, underflow in the column sums of Sinkhorn-Knopp. A loss therefore guards itself.
    """

    @functools.wraps(function)
    def guarded(*arguments: Arguments.args, **named: Arguments.kwargs) -> Result:
        device = next(one.device for one in (*arguments, *named.values()) if isinstance(one, Tensor))
        with torch.autocast(device.type, enabled=False):
            return function(*arguments, **named)

    return guarded
