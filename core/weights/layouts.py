"""The ways in which weights of DINOv2 are stored, and the way from each to ours; those of DINOv3 are `core.weights.dinov3`'s.

official        published names, as torch.hub's `.pth` files hold them: our own names
chunked         the same with blocks numbered twice, by chunk and by place: blocks.0.11.norm1 (`block_chunks` of the
                reference), as training checkpoints have them
Hugging Face    embeddings.*, encoder.layer.i.*, layernorm.*; query, key and value apart

What they stand below, and what stands beside them, is `core.weights.wrapping`'s.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from core.errors import ExportError, ModelError
from core.model.config import BACKBONES, ViTConfig
from core.pictures.geometry import whole_size
from core.weights import dinov3

HEAD_WIDTH = 64
"""Width of an attention head in every published backbone; the weights alone do not tell it."""

State = dict[str, Tensor]


class Described(NamedTuple):
    """A model's description in a `config.json`."""

    config: ViTConfig
    complete: bool
    """Whether it says itself how position embeddings are resized."""
    default_size: int
    """The model's picture size where it names no other."""


_TO_OURS = [
    (r"^embeddings\.(cls_token|mask_token|register_tokens)$", r"\1"),
    (r"^embeddings\.position_embeddings$", "pos_embed"),
    (r"^embeddings\.patch_embeddings\.projection\.", "patch_embed.proj."),
    (r"^layernorm\.", "norm."),
    (r"^encoder\.layer\.(\d+)\.(norm[12])\.", r"blocks.\1.\2."),
    (r"^encoder\.layer\.(\d+)\.layer_scale([12])\.lambda1$", r"blocks.\1.ls\2.gamma"),
    (r"^encoder\.layer\.(\d+)\.attention\.output\.dense\.", r"blocks.\1.attn.proj."),
    (r"^encoder\.layer\.(\d+)\.mlp\.(fc[12])\.", r"blocks.\1.mlp.\2."),
    (r"^encoder\.layer\.(\d+)\.mlp\.weights_in\.", r"blocks.\1.mlp.w12."),
    (r"^encoder\.layer\.(\d+)\.mlp\.weights_out\.", r"blocks.\1.mlp.w3."),
]
_QKV = re.compile(r"^encoder\.layer\.(\d+)\.attention\.attention\.(query|key|value)\.(weight|bias)$")
_PARTS = ("query", "key", "value")
_BLOCK = re.compile(r"^blocks\.(\d+)\.")
_CHUNKED = re.compile(r"^blocks\.\d+\.(\d+)\.")


def to_ours(tensors: Mapping[str, Tensor]) -> State:
    """A backbone's weights under our names, from any of the stored ways. Raises ModelError where parts are missing."""
    if "embeddings.patch_embeddings.projection.weight" in tensors:
        return _from_hugging_face(tensors)
    if dinov3.is_hugging_face(tensors):
        return dinov3.from_hugging_face(tensors)
    state = {_CHUNKED.sub(r"blocks.\1.", key): value for key, value in tensors.items()}
    return dinov3.from_official(state) if dinov3.is_official(state) else state


def _from_hugging_face(state: Mapping[str, Tensor]) -> State:
    ours: State = {}
    separate: dict[tuple[str, str], dict[str, Tensor]] = {}
    for key, value in state.items():
        match = _QKV.match(key)
        if match:
            separate.setdefault((match[1], match[3]), {})[match[2]] = value
            continue
        for pattern, replacement in _TO_OURS:
            renamed, count = re.subn(pattern, replacement, key)
            if count:
                key = renamed
                break
        ours[key] = value
    for (block, kind), parts in separate.items():
        missing = [part for part in _PARTS if part not in parts]
        if missing:
            raise ModelError(
                f"Block {block} lacks its attention {', '.join(missing)} ({kind}); the file is incomplete."
            )
        ours[f"blocks.{block}.attn.qkv.{kind}"] = torch.cat([parts[part] for part in _PARTS])
    return ours


def to_official(state: Mapping[str, Tensor], config: ViTConfig) -> State:
    """Our weights as the authors' own programs load them, strictly."""
    return dict(state) if config.positions == "learned" else dinov3.to_official(state, config)


def to_hugging_face(state: Mapping[str, Tensor], config: ViTConfig) -> State:
    """Our weights under the names that published Hugging Face repositories use."""
    if config.positions == "rope":
        return dinov3.to_hugging_face(state, config)
    theirs: State = {}
    for key, value in state.items():
        match = re.match(r"^blocks\.(\d+)\.attn\.qkv\.(weight|bias)$", key)
        if match:
            for part, rows in zip(_PARTS, value.chunk(3), strict=True):
                name = f"encoder.layer.{match[1]}.attention.attention.{part}.{match[2]}"
                theirs[name] = rows.clone()  # a file refuses tensors that share memory
        else:
            theirs[_hugging_face_name(key)] = value.contiguous()
    return theirs


def _hugging_face_name(key: str) -> str:
    if key == "pos_embed":
        return "embeddings.position_embeddings"
    if key in ("cls_token", "mask_token", "register_tokens"):
        return f"embeddings.{key}"
    for ours, theirs in (
        (r"^patch_embed\.proj\.", "embeddings.patch_embeddings.projection."),
        (r"^norm\.", "layernorm."),
        (r"^blocks\.(\d+)\.attn\.proj\.", r"encoder.layer.\1.attention.output.dense."),
        (r"^blocks\.(\d+)\.ls([12])\.gamma$", r"encoder.layer.\1.layer_scale\2.lambda1"),
        (r"^blocks\.(\d+)\.mlp\.w12\.", r"encoder.layer.\1.mlp.weights_in."),
        (r"^blocks\.(\d+)\.mlp\.w3\.", r"encoder.layer.\1.mlp.weights_out."),
        (r"^blocks\.(\d+)\.", r"encoder.layer.\1."),
    ):
        renamed, count = re.subn(ours, theirs, key)
        if count:
            return renamed
    raise ModelError(f"{key} has no counterpart in the Hugging Face layout.")


def infer_config(state: Mapping[str, Tensor]) -> ViTConfig:
    """The shape that weights under our names have. Heads are taken to be 64 wide, or to be three in other models, where
    DINOv3's periods do not tell.

    Raises ModelError where the weights are not those of such a ViT.
    """
    swiglu = "blocks.0.mlp.w12.weight" in state
    last = "blocks.0.mlp.w3.weight" if swiglu else "blocks.0.mlp.fc2.weight"
    rope = dinov3.PERIODS in state or ("pos_embed" not in state and "register_tokens" in state)
    needed = {"patch_embed.proj.weight": 4, last: 2} | ({} if rope else {"pos_embed": 3})
    missing = [key for key, dims in needed.items() if key not in state or state[key].ndim != dims]
    if missing:
        found = ", ".join(list(state)[:5]) or "nothing"
        raise ModelError(
            f"These are not the weights of a DINOv2 or DINOv3 ViT: {', '.join(missing)} missing (found {found} …)."
        )
    empty = [key for key in needed if not state[key].numel()]
    if empty:
        raise ModelError(f"These are not the weights of a DINOv2 or DINOv3 ViT: {', '.join(empty)} without any number.")
    width, channels, patch, _ = state["patch_embed.proj.weight"].shape
    registers = state["register_tokens"].shape[1] if "register_tokens" in state else 0
    hidden = state[last].shape[1]
    as_published = {shape.width: shape.heads for shape in BACKBONES.values()}
    config = ViTConfig(
        width=width,
        depth=1 + max(int(match[1]) for match in map(_BLOCK.match, state) if match),
        heads=as_published.get(width, width // HEAD_WIDTH if width % HEAD_WIDTH == 0 else 3),
        patch=patch,
        image_size=patch,
        registers=registers,
        ffn="swiglu" if swiglu else "mlp",
        mlp_ratio=hidden * (1.5 if swiglu else 1.0) / width,
        channels=channels,
    )
    if rope:
        return dinov3.told(state, config)
    grid = round((state["pos_embed"].shape[1] - 1) ** 0.5)
    return replace(config, image_size=grid * patch, pos_offset=0.0 if registers else 0.1, pos_antialias=bool(registers))


def read_hugging_face_config(path: Path) -> Described:
    """The model that a `config.json` describes.

    Raises ModelError where it is damaged or describes another kind of model.
    """
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(values, dict):
            raise ValueError("it holds no object")
        config = config_from_hugging_face(values)
        # DINOv3's own descriptions say 224, with which its training began
        usual = BACKBONES["dinov3-small"].image_size if config.positions == "rope" else config.image_size
        size = whole_size(values.get("default_size", usual), config.patch)
        return Described(config, config.positions == "rope" or "pos_offset" in values, size)
    except (ModelError, ValueError, TypeError, OverflowError, RecursionError, OSError) as error:
        raise ModelError(f"{path} does not describe a model that can be opened: {error}") from error


def config_from_hugging_face(values: Mapping) -> ViTConfig:
    """The shape a `config.json` of a Dinov2, Dinov2WithRegisters or DINOv3ViT model describes.

    Position embeddings are resized as transformers does: to the target size, with antialiasing where there are
    registers. Facebook's models without registers were trained with an offset of 0.1 instead; `load_model` keeps
    to that for the published names.
    """
    kind = values.get("model_type")
    if kind == dinov3.MODEL_TYPE:
        return dinov3.config_from_hugging_face(values)
    if kind is None:
        raise ModelError(
            "it names no model_type, so transformers did not write it; give the weights' file itself, whose shapes tell "
            "most"
        )
    if kind not in ("dinov2", "dinov2_with_registers"):
        raise ModelError(
            f"it describes a {kind!r} model; only dinov2, dinov2_with_registers, {dinov3.MODEL_TYPE} and "
            "the encoders of other libraries (vit, vit_mae, clip, siglip, siglip2 …) can be opened."
        )
    for key, only in (("hidden_act", "gelu"), ("layer_norm_eps", 1e-6)):
        if values.get(key, only) != only:
            raise ModelError(f"it sets {key} to {values[key]!r}; only {only!r} is supported, as published.")
    swiglu = values.get("use_swiglu_ffn", False)
    if swiglu not in (True, False, None):
        raise ModelError(f"it sets use_swiglu_ffn to {swiglu!r}; give true or false.")
    registers = values.get("num_register_tokens", 4) if kind == "dinov2_with_registers" else 0
    return ViTConfig(
        width=values.get("hidden_size", 768),
        depth=values.get("num_hidden_layers", 12),
        heads=values.get("num_attention_heads", 12),
        patch=values.get("patch_size", 16),
        image_size=values.get("image_size", 224),
        registers=registers,
        ffn="swiglu" if swiglu else "mlp",
        pos_offset=values.get("pos_offset", 0.0),
        pos_antialias=values.get("pos_antialias", bool(registers)),
        mlp_ratio=float(values.get("mlp_ratio", 4)),
        channels=values.get("num_channels", 3),
    )


def difference_there(config: ViTConfig) -> str:
    """The sentence on what transformers computes otherwise for such a model; "" where outputs are equal."""
    if config.positions == "rope":
        rounded = (
            "transformers computes the periods of RoPE in float32, here they are rounded: outputs differ slightly."
        )
        return rounded if config.rope_rounded else ""
    if not config.pos_offset and config.pos_antialias == bool(config.registers):
        return ""
    side = config.image_size
    return f"transformers resizes position embeddings differently: outputs equal ours at {side}×{side} only."


def config_to_hugging_face(config: ViTConfig) -> dict:
    """A `config.json` for transformers; our two settings of position embeddings ride along under their own names.

    Raises ExportError for a feed-forward that transformers has no setting for.
    """
    if config.positions == "rope":
        return dinov3.config_to_hugging_face(config)
    if (config.norm_eps, config.qkv_bias) != (1e-6, "full"):
        raise ExportError(
            "transformers' Dinov2 has no setting for norm_eps and qkv_bias of this model; export to ONNX, or give the "
            "safetensors file itself."
        )
    if config.mlp_ratio != int(config.mlp_ratio):
        raise ExportError(
            f"The model has an mlp_ratio of {config.mlp_ratio:g}; transformers takes whole ones only. Export to ONNX, "
            "or give the safetensors file itself."
        )
    kind = "dinov2_with_registers" if config.registers else "dinov2"
    architecture = "Dinov2WithRegistersModel" if config.registers else "Dinov2Model"
    registers = {"num_register_tokens": config.registers} if config.registers else {}
    return registers | {
        "architectures": [architecture],
        "model_type": kind,
        "hidden_size": config.width,
        "num_hidden_layers": config.depth,
        "num_attention_heads": config.heads,
        "mlp_ratio": int(config.mlp_ratio),
        "hidden_act": "gelu",
        "layer_norm_eps": 1e-6,
        "image_size": config.image_size,
        "patch_size": config.patch,
        "num_channels": config.channels,
        "qkv_bias": True,
        "layerscale_value": 1.0,
        "use_swiglu_ffn": config.ffn == "swiglu",
        "dtype": "float32",
        "pos_offset": config.pos_offset,
        "pos_antialias": config.pos_antialias,
    }
