"""The projection head that turns a token into prototype logits."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class PrototypeLayer(nn.Module):
    """Weight-normalised linear map without bias, [.., in] → [.., K]; the magnitudes `weight_g` are 1 and fixed.

    The published parameter names, so that heads can be exchanged with the reference.
    """

    def __init__(self, width: int, prototypes: int):
        super().__init__()
        self.weight_g = nn.Parameter(torch.ones(prototypes, 1), requires_grad=False)
        self.weight_v = nn.Parameter(torch.empty(prototypes, width))
        nn.init.trunc_normal_(self.weight_v, std=0.02)

    def forward(self, x: Tensor) -> Tensor:
        weight = F.normalize(self.weight_v.float(), dim=-1, eps=torch.finfo(torch.float32).tiny) * self.weight_g
        return F.linear(x, weight.to(x.dtype))


class PrototypeHead(nn.Module):
    """3-layer MLP with GELU → bottleneck → L2 normalisation → prototypes: tokens [.., D] → logits [.., K].

    Source: Caron et al. 2021 (arXiv 2104.14294), appendix C; DINOv2 gives DINO and iBOT one each.
    """

    def __init__(self, width: int, prototypes: int, hidden: int = 2048, bottleneck: int = 256):
        super().__init__()
        self.mlp = nn.Sequential(
            nn.Linear(width, hidden), nn.GELU(), nn.Linear(hidden, hidden), nn.GELU(), nn.Linear(hidden, bottleneck)
        )
        self.last_layer = PrototypeLayer(bottleneck, prototypes)
        for layer in self.mlp[::2]:
            nn.init.trunc_normal_(layer.weight, std=0.02)
            nn.init.zeros_(layer.bias)

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.mlp(tokens)
        epsilon = 1e-6 if x.dtype == torch.float16 else 1e-12
        return self.last_layer(F.normalize(x, dim=-1, p=2, eps=epsilon))
