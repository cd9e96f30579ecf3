"""Which learning rate and weight decay each parameter gets, and the optimisers over the groups."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import NamedTuple

import torch
from torch import nn

from core import VisionTransformer
from core.model.precision import has_fast_bfloat16
from train.config import OptimConfig


class Multipliers(NamedTuple):
    """Factors on the scheduled learning rate and weight decay; `last_layer` is frozen in the first epoch."""

    lr: float
    weight_decay: float
    last_layer: bool


def multipliers(name: str, depth: int, layer_decay: float = 1.0, patch_embed_lr: float = 1.0) -> Multipliers:
    """The factors of one parameter, by its published name within its backbone or head.

    Layer-wise decay: block i of `depth` gets layer_decay^(depth − i), what lies before the blocks one power
    more, what lies after them none. No weight decay on biases, norms and LayerScale. Source: the reference's
    param_groups.py; Clark et al. 2020 (arXiv 2003.10555) for layer-wise decay.

    >>> multipliers("blocks.2.mlp.fc1.weight", depth=3, layer_decay=0.9)
    Multipliers(lr=0.9, weight_decay=1.0, last_layer=False)
    """
    parts = name.split(".")
    if parts[0] == "blocks":
        power = depth - int(parts[1])
    elif parts[0] in ("cls_token", "pos_embed", "register_tokens", "mask_token", "patch_embed"):
        power = depth + 1
    else:
        power = 0
    lr = layer_decay**power * (patch_embed_lr if parts[0] == "patch_embed" else 1.0)
    decayed = not (name.endswith(("bias", "gamma")) or "norm" in name)
    return Multipliers(lr, float(decayed), "last_layer" in parts)


def optimisers(networks: Iterable[nn.Module], config: OptimConfig) -> tuple[torch.optim.Optimizer, ...]:
    """AdamW for all parameters; or, with `config.muon`, Muon for the matrices within blocks and heads, AdamW for others.

    Muon steps along the orthogonal matrix nearest to the mean gradient, so that no direction of a matrix learns much
    slower than another; scaled to be as long as AdamW's steps, it shares learning rate and weight decay with it.
    Source: Jordan et al. 2024 (kellerjordan.github.io/posts/muon); for the scale Liu et al. 2025 (arXiv 2502.16982).
    """
    networks, factors = list(networks), (config.layer_decay, config.patch_embed_lr)
    if not config.muon:
        return (torch.optim.AdamW(parameter_groups(networks, *factors), betas=config.betas, fused=True),)
    others = parameter_groups(networks, *factors, lambda name: not inner_matrix(name))
    return (
        torch.optim.AdamW(others, betas=config.betas, fused=True),
        Muon(parameter_groups(networks, *factors, inner_matrix)),
    )


class Muon(torch.optim.Optimizer):
    """Muon for matrices, with the numbers of `torch.optim.Muon(adjust_lr_fn="match_rms_adamw")` to bfloat16's rounding.

    torch's own orthogonalises in bfloat16 wherever it runs. A processor without bfloat16 instructions needs 20 times
    as long for that as in float32, and more for it than for the passes of a small network, so there it is float32.
    """

    MOMENTUM = 0.95
    ITERATIONS = 5
    COEFFICIENTS = (3.4445, -4.7750, 2.0315)
    """Of the quintic that drives all singular values towards 1, near enough for a step (Jordan et al. 2024)."""

    def __init__(self, groups: list[dict]):
        super().__init__(groups, {"lr": 0.0, "weight_decay": 0.0})

    @torch.no_grad()
    def step(self, closure=None):  # as torch writes its own, which its overloads admit
        """One step; torch's checkpoints call it with a `closure` of None, to have momenta to load into."""
        for group in self.param_groups:
            for parameter in (one for one in group["params"] if one.grad is not None):
                state = self.state[parameter]
                if not state:
                    state["momentum_buffer"] = torch.zeros_like(parameter.grad)
                mean = state["momentum_buffer"].lerp_(parameter.grad, 1 - self.MOMENTUM)
                direction = self._orthogonal(parameter.grad.lerp(mean, self.MOMENTUM))
                length = group["lr"] * 0.2 * max(parameter.shape) ** 0.5  # as long as a step of AdamW (Liu et al. 2025)
                parameter.mul_(1 - group["lr"] * group["weight_decay"]).add_(direction, alpha=-length)

    def _orthogonal(self, matrix: torch.Tensor) -> torch.Tensor:
        """The orthogonal matrix nearest to [rows, columns], roughly: all but tiny singular values come to 0.7 to 1.2."""
        a, b, c = self.COEFFICIENTS
        wide = matrix if matrix.shape[0] <= matrix.shape[1] else matrix.T
        x = wide.bfloat16() if has_fast_bfloat16(matrix.device) else wide
        x = x / x.norm().clamp(min=1e-7)
        for _ in range(self.ITERATIONS):
            gram = x @ x.T
            x = torch.addmm(x, torch.addmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
        return x if wide is matrix else x.T


def inner_matrix(name: str) -> bool:
    """Whether a parameter, by its published name, is a matrix between hidden layers: no embedding, no prototypes.

    >>> [inner_matrix(f"blocks.0.{name}.weight") for name in ("attn.qkv", "mlp.fc1", "norm1")]
    [True, True, False]
    """
    parts = name.split(".")
    return parts[-1] == "weight" and ("attn" in parts or "mlp" in parts)


def parameter_groups(
    networks: Iterable[nn.Module],
    layer_decay: float = 0.9,
    patch_embed_lr: float = 0.2,
    wanted: Callable[[str], bool] = lambda name: True,
) -> list[dict]:
    """Groups for an optimiser: the parameters that share multipliers, each group with these under their own names.

    `wanted` says by its name which parameters are taken. Plain numbers, since an optimiser's groups go into checkpoints, which hold no objects of ours.
    """
    groups: dict[tuple[Multipliers, bool], list[nn.Parameter]] = defaultdict(list)
    for network in networks:
        backbone = isinstance(network, VisionTransformer)
        depth = len(network.blocks) if isinstance(network, VisionTransformer) else 0
        for name, parameter in network.named_parameters():
            if parameter.requires_grad and wanted(name):
                groups[multipliers(name, depth, layer_decay, patch_embed_lr), backbone].append(parameter)
    return [
        {"params": parameters, "backbone": backbone} | _plain(factors)
        for (factors, backbone), parameters in groups.items()
    ]


def set_rates(
    optimisers: Iterable[torch.optim.Optimizer],
    lr: float,
    weight_decay: float,
    last_layer_lr: float,
    backbone_lr: float | None = None,
) -> None:
    """Give every group its share of this step's learning rate and weight decay; backbones `backbone_lr` if it is given."""
    for group in (group for optimiser in optimisers for group in optimiser.param_groups):
        rate = last_layer_lr if group["last_layer"] else lr
        if group["backbone"] and backbone_lr is not None:
            rate = backbone_lr
        group["lr"] = rate * group["lr_multiplier"]
        group["weight_decay"] = weight_decay * group["weight_decay_multiplier"]


def _plain(factors: Multipliers) -> dict[str, float | bool]:
    return {
        "lr_multiplier": factors.lr,
        "weight_decay_multiplier": factors.weight_decay,
        "last_layer": factors.last_layer,
    }
