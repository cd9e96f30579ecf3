"""Which number format a model computes in when nobody trains it.

A processor with bfloat16 instructions multiplies matrices in it twice as fast. What suffers from 8 bits of
mantissa stays in float32: the residual stream, LayerNorm and its statistics, the position embedding, the patch
embedding; only the linear layers and the attention products are bfloat16, summed in float32.
"""

import contextlib
import copy
import functools
import logging
import threading
import weakref
from collections.abc import Iterator
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from core.errors import RequestError
from core.model.adapted import AdaptedBlock, AdaptedEncoder
from core.model.layers import Block, LinearWithoutKeyBias, Mlp
from core.model.vit import VisionTransformer

log = logging.getLogger(__name__)

Precision = Literal["auto", "float32", "bfloat16"]

BFLOAT16_CAPABILITIES = ("avx512_bf16", "amx_bf16", "bf16")
"""Names of bfloat16 products among a processor's features: x86 twice, ARM."""
PACKED_FOR_ROWS = 1024
"""Rows for which packed weights are laid out; other numbers work as well, a little slower."""


@contextlib.contextmanager
def inference(model: VisionTransformer, precision: Precision = "auto") -> Iterator[VisionTransformer]:
    """The network to compute `model`'s features with: itself in float32, or its bfloat16 twin.

    The twin is made once per model (half its memory again), shared by all threads, made anew when the weights
    change or move, and let go with the model. Its tokens come in float32. "auto" takes it where `has_fast_bfloat16`.
    """
    if precision not in ("auto", "float32", "bfloat16"):
        raise RequestError(f"precision is {precision!r}; choose 'auto', 'float32' or 'bfloat16'.")
    wanted = has_fast_bfloat16(model.device) if precision == "auto" else precision == "bfloat16"
    yield _twin(model) if wanted else model


def has_fast_bfloat16(device: torch.device) -> bool:
    """Whether bfloat16 is computed there in hardware; emulated, it is slower than float32."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    if device.type != "cpu":
        return False
    capabilities = torch.cpu.get_capabilities()
    return any(capabilities.get(name, False) for name in BFLOAT16_CAPABILITIES)


_twins: "weakref.WeakKeyDictionary[VisionTransformer, tuple[tuple, VisionTransformer]]" = weakref.WeakKeyDictionary()
_lock = threading.Lock()


def _twin(model: VisionTransformer) -> VisionTransformer:
    state = tuple((parameter.data_ptr(), _version(parameter)) for parameter in model.parameters())
    with _lock:
        known = _twins.get(model)
        if known is None or known[0] != state:
            known = _twins[model] = state, _make_twin(model)
    return known[1]


def _version(parameter: Tensor) -> int:
    """The number of changes in place; tensors made in inference mode do not count."""
    return 0 if parameter.is_inference() else parameter._version


@torch.no_grad()
def _make_twin(model: VisionTransformer) -> VisionTransformer:
    if isinstance(model, AdaptedEncoder):
        return _adapted_twin(model)
    twin = copy.deepcopy(model).eval().requires_grad_(False)
    for block in twin.blocks:
        assert isinstance(block, Block)
        last = block.mlp.fc2 if isinstance(block.mlp, Mlp) else block.mlp.w3
        # LayerScale is a factor of the branch's last linear layer: multiplied in before rounding, it costs nothing
        for scale, linear in ((block.ls1, block.attn.proj), (block.ls2, last)):
            linear.weight.mul_(scale.gamma.unsqueeze(1))
            linear.bias.mul_(scale.gamma)
        if isinstance(block.attn.qkv, LinearWithoutKeyBias):
            block.attn.qkv.bias.chunk(3)[1].zero_()
        for part in (block.attn, block.mlp):
            for name, layer in list(part.named_children()):
                assert isinstance(layer, nn.Linear)
                part.add_module(name, _to_bfloat16(layer))
        if isinstance(block.mlp, Mlp) and isinstance(first := block.mlp.get_submodule("fc1"), _PackedLinear):
            first.activation = "gelu"
            block.add_module("mlp", nn.Sequential(first, block.mlp.fc2))
        replaced = {"norm1": _NormToBfloat16(block.norm1), "norm2": _NormToBfloat16(block.norm2)}
        for name, module in (replaced | {"ls1": nn.Identity(), "ls2": nn.Identity()}).items():
            block.add_module(name, module)
    # the twin's weights never change, so a grid's position embedding is resized once
    if twin.config.positions == "learned":
        twin.fixed_positions = functools.lru_cache(maxsize=16)(twin.position_embedding)
    return twin


def _adapted_twin(model: AdaptedEncoder) -> AdaptedEncoder:
    """The linear layers of another library's blocks in bfloat16; what they give is added to a float32 residual stream."""
    blocks = []
    for block in model.blocks:
        assert isinstance(block, AdaptedBlock)
        copied = copy.deepcopy(block).eval().requires_grad_(False)
        for part in list(copied.modules()):
            for name, layer in list(part.named_children()):
                if type(layer) is nn.Linear:  # those of its subclasses may be read by their owner, not called
                    part.add_module(name, nn.Sequential(_Rounded(), _to_bfloat16(layer)))
        blocks.append(copied)
    return model.with_blocks(blocks).eval()


class _Rounded(nn.Module):
    """A float32 tensor in bfloat16."""

    def forward(self, x: Tensor) -> Tensor:
        return x.to(torch.bfloat16)


def _to_bfloat16(linear: nn.Linear) -> nn.Module:
    linear = linear.to(torch.bfloat16)
    return _PackedLinear(linear) if linear.weight.device.type == "cpu" and _can_pack() else linear


class _PackedLinear(nn.Module):
    """A bfloat16 linear layer whose weights lie in memory as oneDNN's kernels read them; 5–15% faster on CPUs.

    The operator is the one torch's own compiler emits; `_can_pack` looks before it is relied on.
    """

    def __init__(self, linear: nn.Linear):
        super().__init__()
        self.bias = linear.bias
        self.packed = torch.ops.mkldnn._reorder_linear_weight(linear.weight.detach(), PACKED_FOR_ROWS)
        self.activation = "none"
        """The activation that is computed along with it: "none" or "gelu"."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.ops.mkldnn._linear_pointwise(x, self.packed, self.bias, self.activation, [], "none")


@functools.cache
def _can_pack() -> bool:
    """Whether this torch has the packed operator and it computes what a linear layer does; logged where not."""
    generator = torch.Generator().manual_seed(0)
    linear = nn.Linear(64, 48).to(torch.bfloat16).requires_grad_(False)
    x = torch.randn(9, 64, generator=generator).to(torch.bfloat16)
    try:
        difference = (_PackedLinear(linear)(x) - linear(x)).abs().max().item()
    except (AttributeError, RuntimeError, TypeError) as error:
        log.warning("bfloat16 layers are not packed, which costs some 5%%: %s", str(error).splitlines()[0])
        return False
    if difference > 0.05:
        log.warning("bfloat16 layers are not packed: the packed operator differs by %.3f", difference)
    return difference <= 0.05


class _NormToBfloat16(nn.Module):
    """A LayerNorm that reads float32 and gives bfloat16 to the linear layer behind it."""

    def __init__(self, norm: nn.LayerNorm):
        super().__init__()
        self.norm = norm

    def forward(self, x: Tensor) -> Tensor:
        norm = self.norm
        return F.layer_norm(x, norm.normalized_shape, norm.weight, norm.bias, norm.eps).to(torch.bfloat16)
