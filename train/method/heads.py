"""The projection head that turns a token into prototype logits."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from core.bounds import Bounds, require_bounds

ROWS_AT_ONCE = 4096
"""Prototypes whose weights are normalised together on a processor: 4 MB at 256 wide, which its cache holds."""


@dataclass(frozen=True)
class HeadConfig:
    """Both projection heads (Oquab et al. 2023, appendix B: 131,072 prototypes at full scale)."""

    dino_prototypes: Annotated[int, Bounds(2, 2**22)] = 65_536
    ibot_prototypes: Annotated[int, Bounds(2, 2**22)] = 65_536
    hidden: Annotated[int, Bounds(1, 2**16)] = 2048
    bottleneck: Annotated[int, Bounds(1, 2**14)] = 256
    ibot_bottleneck: Annotated[int, Bounds(0, 2**14)] = 0
    """Of iBOT's head; 0 for as wide as DINO's."""
    tied: bool = False
    """One head for both, DINO's, as in iBOT (Zhou et al. 2022)."""
    train_magnitudes: bool = True
    """Whether prototypes have magnitudes that are trained, as in the reference; fixed at 1 in DINO (Caron et al. 2021)."""
    prototype_std: Annotated[float, Bounds(0, 100)] = 0.0
    """Standard deviation prototypes are drawn with; 0 for the reference's draw, uniform as in any linear layer."""

    def __post_init__(self):
        require_bounds(self, "heads.")

    @property
    def patch_prototypes(self) -> int:
        """Of the head that reads patches."""
        return self.dino_prototypes if self.tied else self.ibot_prototypes

    @property
    def patch_bottleneck(self) -> int:
        """Of the head that reads patches."""
        return self.bottleneck if self.tied else self.ibot_bottleneck or self.bottleneck


class PrototypeLayer(nn.Module):
    """Weight-normalised linear map without bias, [.., in] → [.., K]; the magnitudes `weight_g` begin at 1.

    They are parameters, as in the reference, unless not `trained`: then they stay 1, as DINO's. Directions are drawn
    as the reference's are, uniformly like those of any linear layer, or normally with a standard deviation `std`. The
    published parameter names, so that heads can be exchanged with the reference.
    """

    def __init__(self, width: int, prototypes: int, trained: bool = True, std: float = 0.0):
        super().__init__()
        self.weight_g = nn.Parameter(torch.ones(prototypes, 1), requires_grad=trained)
        self.weight_v = nn.Parameter(torch.empty(prototypes, width))
        if std:
            nn.init.trunc_normal_(self.weight_v, std=std)
        else:
            nn.init.uniform_(self.weight_v, -(width**-0.5), width**-0.5)

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, _WeightNorm.apply(self.weight_v, self.weight_g, x.dtype))


class PrototypeHead(nn.Module):
    """3-layer MLP with GELU → bottleneck → L2 normalisation → prototypes: tokens [.., D] → logits [.., K].

    Source: Caron et al. 2021 (arXiv 2104.14294), appendix C; DINOv2 gives DINO and iBOT one each.
    """

    def __init__(
        self,
        width: int,
        prototypes: int,
        hidden: int = 2048,
        bottleneck: int = 256,
        train_magnitudes: bool = True,
        prototype_std: float = 0.0,
    ):
        super().__init__()
        self.mlp = nn.Sequential(
            nn.Linear(width, hidden), nn.GELU(), nn.Linear(hidden, hidden), nn.GELU(), nn.Linear(hidden, bottleneck)
        )
        self.last_layer = PrototypeLayer(bottleneck, prototypes, train_magnitudes, prototype_std)
        for layer in self.mlp:
            if isinstance(layer, nn.Linear):
                nn.init.trunc_normal_(layer.weight, std=0.02)
                nn.init.zeros_(layer.bias)

    def forward(self, tokens: Tensor, exact: bool = False) -> Tensor:
        """Logits [.., K] of tokens [.., D], cosines times magnitudes, in the type that autocast asks for.

        `exact`: float32 whatever autocast asks for, as a teacher needs them: divided by a temperature of 0.01, a
        cosine of 0.8 rounded to bfloat16 is a target off by 16 %.
        """
        x = self.mlp(tokens)
        if exact:
            with torch.autocast(x.device.type, enabled=False):
                return self.last_layer(F.normalize(x.float(), dim=-1, p=2))
        epsilon = 1e-6 if x.dtype == torch.float16 else 1e-12
        return self.last_layer(F.normalize(x, dim=-1, p=2, eps=epsilon))


class _WeightNorm(torch.autograd.Function):
    """Rows of v [K, in] scaled to the magnitudes g [K, 1], in the type they are used in.

    Worked through in blocks, since 65,536 rows would pass through memory seven times otherwise.
    """

    @staticmethod
    def forward(ctx, v: Tensor, g: Tensor, dtype: torch.dtype) -> Tensor:
        weight, inverse = torch.empty_like(v, dtype=dtype), torch.empty_like(g, dtype=torch.float32)
        for rows in _blocks(v):
            inverse[rows] = torch.linalg.vector_norm(v[rows].float(), dim=1, keepdim=True).reciprocal()
            weight[rows] = v[rows] * (inverse[rows] * g[rows])
        ctx.save_for_backward(v, g, inverse)
        return weight

    @staticmethod
    @once_differentiable
    def backward(ctx, upstream: Tensor) -> tuple[Tensor, Tensor, None]:
        v, g, inverse = ctx.saved_tensors
        to_v, to_g = torch.empty_like(v), torch.empty_like(g)
        for rows in _blocks(v):
            direction, wanted = v[rows] * inverse[rows], upstream[rows].float()
            along = (direction * wanted).sum(dim=1, keepdim=True)
            to_g[rows] = along
            to_v[rows] = (wanted - direction.mul_(along)).mul_(inverse[rows] * g[rows])
        return to_v, to_g, None


def _blocks(v: Tensor) -> Iterator[slice]:
    at_once = ROWS_AT_ONCE if v.device.type == "cpu" else len(v)
    return (slice(start, start + at_once) for start in range(0, len(v), at_once))
