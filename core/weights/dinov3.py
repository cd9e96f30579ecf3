"""DINOv3's ways of storing weights, official and transformers', and the way from each to ours and back.

official        blocks as DINOv2's, but storage_tokens for registers, mlp.w1 and mlp.w2 for the gate and the value of SwiGLU,
                rope_embed.periods, and qkv.bias_mask, which is 0 where a stored bias does not count (keys)
Hugging Face    embeddings.*, layer.i.* (model.layer.i.* in memory), norm.*; query, key and value apart, no bias of keys

Not read: local_cls_norm, which 7B and the models of satellite images have. It norms the cls tokens of local crops in
training alone. No published ViT has cls_norm (untie_cls_and_patch_norms), and a file with it is refused.
Sources: facebookresearch/dinov3, hub/backbones.py; transformers 5.24, models/dinov3_vit.
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Literal

import torch
from torch import Tensor

from core.errors import ModelError
from core.model.config import BACKBONES, ViTConfig
from core.model.rope import periods

PERIODS = "rope_embed.periods"
"""The one tensor that is read for the shape it tells and then left: the model computes its own."""
MODEL_TYPE = "dinov3_vit"
_ROUNDING = 2**-8
"""Of bfloat16, in which the periods lie in the published files."""
_BIASES: dict[tuple[bool, bool, bool], Literal["full", "no_key", "none"]] = {
    (True, True, True): "full",
    (True, False, True): "no_key",
    (False, False, False): "none",
}
"""Of queries, keys and values."""

State = dict[str, Tensor]

_TRAINING_ONLY = re.compile(r"^local_cls_norm\.")
_FEED = re.compile(r"^(blocks\.\d+\.mlp)\.w([12])\.(weight|bias)$")
_FROM_HUGGING_FACE = [
    (r"^embeddings\.(cls_token|mask_token|register_tokens)$", r"\1"),
    (r"^embeddings\.patch_embeddings\.", "patch_embed.proj."),
    (r"^(?:model\.)?layer\.(\d+)\.attention\.o_proj\.", r"blocks.\1.attn.proj."),
    (r"^(?:model\.)?layer\.(\d+)\.attention\.([qkv])_proj\.", r"blocks.\1.attn.\2."),
    (r"^(?:model\.)?layer\.(\d+)\.layer_scale([12])\.lambda1$", r"blocks.\1.ls\2.gamma"),
    (r"^(?:model\.)?layer\.(\d+)\.", r"blocks.\1."),
]
_QKV = re.compile(r"^(blocks\.\d+\.attn)\.([qkv])\.(weight|bias)$")


def is_official(state: Mapping[str, Tensor]) -> bool:
    return PERIODS in state or "storage_tokens" in state


def is_hugging_face(state: Mapping[str, Tensor]) -> bool:
    return "embeddings.patch_embeddings.weight" in state


def from_official(state: Mapping[str, Tensor]) -> State:
    """The official weights under our names, with PERIODS as stored."""
    ours: State = {}
    gates: dict[str, dict[str, Tensor]] = {}
    for key, value in state.items():
        match = _FEED.match(key)
        if match:
            gates.setdefault(f"{match[1]}.w12.{match[3]}", {})[match[2]] = value
        elif key == "storage_tokens":
            ours["register_tokens"] = value
        elif key.endswith("attn.qkv.bias") and (mask := state.get(f"{key}_mask")) is not None:
            ours[key] = torch.where(mask == 0, 0.0, value * mask)
        elif not key.endswith("attn.qkv.bias_mask") and not _TRAINING_ONLY.match(key):
            ours[key] = value
    return ours | {name: _joined(name, parts, "12") for name, parts in gates.items()}


def from_hugging_face(state: Mapping[str, Tensor]) -> State:
    """transformers' weights of a DINOv3ViTModel under our names. ModelError where parts are missing."""
    ours: State = {}
    apart: dict[str, dict[str, Tensor]] = {}
    for key, value in state.items():
        for pattern, replacement in _FROM_HUGGING_FACE:
            key, count = re.subn(pattern, replacement, key)
            if count:
                break
        if match := _QKV.match(key):
            apart.setdefault(f"{match[1]}.qkv.{match[3]}", {})[match[2]] = value
        else:
            ours[key] = value
    swiglu = "blocks.0.mlp.gate_proj.weight" in ours
    for key in [key for key in ours if ".mlp." in key]:
        before, part, kind = key.rsplit(".", 2)
        if part in ("gate_proj", "up_proj") and swiglu:
            apart.setdefault(f"{before}.w12.{kind}", {})[part] = ours.pop(key)
        elif part in ("up_proj", "down_proj"):
            last = "w3" if swiglu else "fc2"
            ours[f"{before}.{'fc1' if part == 'up_proj' else last}.{kind}"] = ours.pop(key)
    for name, parts in apart.items():
        if name.endswith("qkv.bias") and "k" not in parts and "q" in parts:
            parts["k"] = torch.zeros_like(parts["q"])
        ours[name] = _joined(name, parts, "qkv" if ".qkv." in name else ("gate_proj", "up_proj"))
    if "mask_token" in ours:
        ours["mask_token"] = ours["mask_token"].flatten(0, -2)  # [1, 1, D] there
    if "register_tokens" in ours and not ours["register_tokens"].numel():
        del ours["register_tokens"]
    return ours


def _joined(name: str, parts: Mapping[str, Tensor], order: str | tuple[str, ...]) -> Tensor:
    missing = [part for part in order if part not in parts]
    if missing:
        raise ModelError(f"{name} lacks its {', '.join(missing)}; the file is incomplete.")
    return torch.cat([parts[part] for part in order])


def to_official(state: Mapping[str, Tensor], config: ViTConfig) -> State:
    """Our weights as facebookresearch/dinov3 loads them, strictly."""
    theirs: State = {PERIODS: periods(config)}
    for key, value in state.items():
        if ".mlp.w12." in key:
            for part, rows in zip(("w1", "w2"), value.chunk(2), strict=True):
                theirs[key.replace("w12", part)] = rows.clone()
        elif key == "register_tokens":
            theirs["storage_tokens"] = value.contiguous()
        else:
            theirs[key] = value.contiguous()
        if key.endswith("attn.qkv.bias") and config.qkv_bias == "no_key":
            mask = torch.ones_like(value)
            mask.chunk(3)[1].zero_()
            theirs[f"{key}_mask"] = mask
    return theirs


def to_hugging_face(state: Mapping[str, Tensor], config: ViTConfig) -> State:
    """Our weights under the names that published Hugging Face repositories use."""
    theirs: State = {}
    for key, value in state.items():
        name = _hugging_face_name(key)
        if ".attn.qkv." in key:
            for part, rows in zip("qkv", value.chunk(3), strict=True):
                if not (part == "k" and key.endswith("bias") and config.qkv_bias == "no_key"):
                    # a file refuses tensors that share memory
                    theirs[name.replace("attn.qkv", f"attention.{part}_proj")] = rows.clone()
        elif ".mlp.w12." in key:
            for part, rows in zip(("gate_proj", "up_proj"), value.chunk(2), strict=True):
                theirs[name.replace("w12", part)] = rows.clone()
        else:
            theirs[name] = value.unsqueeze(0).contiguous() if key == "mask_token" else value.contiguous()
    if not config.registers:
        theirs["embeddings.register_tokens"] = torch.empty(1, 0, config.width)
    return theirs


def _hugging_face_name(key: str) -> str:
    if key in ("cls_token", "mask_token", "register_tokens"):
        return f"embeddings.{key}"
    for ours, theirs in (
        ("patch_embed.proj.", "embeddings.patch_embeddings."),
        ("blocks.", "layer."),
        (".attn.proj.", ".attention.o_proj."),
        (".mlp.fc1.", ".mlp.up_proj."),
        (".mlp.fc2.", ".mlp.down_proj."),
        (".mlp.w3.", ".mlp.down_proj."),
        (".ls1.gamma", ".layer_scale1.lambda1"),
        (".ls2.gamma", ".layer_scale2.lambda1"),
    ):
        key = key.replace(ours, theirs)
    return key


def told(state: Mapping[str, Tensor], config: ViTConfig) -> ViTConfig:
    """A shape, inferred as DINOv2's are, with what weights under our names tell of a DINOv3 beyond it.

    Heads stay those of `config` where no periods are stored. ModelError where the periods do not follow from a base.
    """
    stored, bias, known = state.get(PERIODS), state.get("blocks.0.attn.qkv.bias"), BACKBONES["dinov3-small"]
    config = replace(
        config,
        positions="rope",
        image_size=known.image_size // known.patch * config.patch,
        norm_eps=known.norm_eps,
        rope_rescale=known.rope_rescale,
        qkv_bias="none" if bias is None else "full" if bias.chunk(3)[1].any() else "no_key",
        heads=config.heads if stored is None else _heads(stored, config.width),
    )
    if stored is None:
        return config
    given = stored.float().flatten()
    guess = abs(given[-1].item()) ** (len(given) / max(len(given) - 1, 1))
    for base in (known.rope_base, float(f"{guess:.2g}"), guess):  # 100 as published, or another round number
        config = replace(config, rope_base=base)
        if torch.allclose(periods(config), given, rtol=_ROUNDING):
            return replace(config, rope_rounded=not torch.allclose(periods(config), given, rtol=1e-5))
    raise ModelError(
        f"{PERIODS} does not follow from a base (pos_embed_rope_min_period and max_period are not supported)."
    )


def _heads(stored: Tensor, width: int) -> int:
    """How many there are: each has one period for four of its channels."""
    count = stored.numel()
    if not count or width % (4 * count):
        raise ModelError(f"{PERIODS} holds {count} periods, which no heads of a width of {width} have.")
    return width // (4 * count)


def config_from_hugging_face(values: Mapping) -> ViTConfig:
    """The shape that a `config.json` of a DINOv3ViTModel describes. ModelError for one that is not supported."""
    gated = _flag(values, "use_gated_mlp", False)
    for key, only in (("hidden_act", "silu" if gated else "gelu"), ("proj_bias", True), ("mlp_bias", True)):
        if values.get(key, "gelu" if key == "hidden_act" else True) != only:
            raise ModelError(f"it sets {key} to {values[key]!r}; only {only!r} is supported, as published.")
    biases = tuple(_flag(values, f"{part}_bias", part != "key") for part in ("query", "key", "value"))
    if biases not in _BIASES:
        raise ModelError(
            f"its query_bias, key_bias and value_bias are {', '.join(map(str, biases))}; supported are all, all but "
            "key_bias, and none."
        )
    width, hidden = values.get("hidden_size", 384), values.get("intermediate_size", 1536)
    config = ViTConfig(
        width=width,
        depth=values.get("num_hidden_layers", 12),
        heads=values.get("num_attention_heads", 6),
        patch=values.get("patch_size", 16),
        image_size=values.get("image_size", 224),
        registers=values.get("num_register_tokens", 0),
        ffn="swiglu" if gated else "mlp",
        mlp_ratio=hidden / max(width, 1) * (1.5 if gated else 1.0),
        channels=values.get("num_channels", 3),
        norm_eps=values.get("layer_norm_eps", 1e-5),
        qkv_bias=_BIASES[biases],
        positions="rope",
        rope_base=values.get("rope_theta", 100.0),
        rope_rounded=values.get("rope_rounded", False),
        rope_shift=values.get("pos_embed_shift") or 0.0,
        rope_jitter=values.get("pos_embed_jitter") or 1.0,
        rope_rescale=values.get("pos_embed_rescale", 2.0) or 1.0,
    )
    if config.hidden != hidden:
        raise ModelError(
            f"it sets intermediate_size to {hidden}; with SwiGLU only multiples of 8 are supported, as published."
        )
    return config


def config_to_hugging_face(config: ViTConfig) -> dict:
    """A `config.json` for transformers; whether periods are rounded rides along under our name."""
    query, key, value = next(biases for biases, name in _BIASES.items() if name == config.qkv_bias)
    return {
        "architectures": ["DINOv3ViTModel"],
        "model_type": MODEL_TYPE,
        "hidden_size": config.width,
        "intermediate_size": config.hidden,
        "num_hidden_layers": config.depth,
        "num_attention_heads": config.heads,
        "hidden_act": "silu" if config.ffn == "swiglu" else "gelu",
        "layer_norm_eps": config.norm_eps,
        "rope_theta": config.rope_base,
        "image_size": config.image_size,
        "patch_size": config.patch,
        "num_channels": config.channels,
        "query_bias": query,
        "key_bias": key,
        "value_bias": value,
        "proj_bias": True,
        "mlp_bias": True,
        "layerscale_value": 1.0,
        "use_gated_mlp": config.ffn == "swiglu",
        "num_register_tokens": config.registers,
        "pos_embed_shift": config.rope_shift or None,
        "pos_embed_jitter": config.rope_jitter if config.rope_jitter > 1 else None,
        "pos_embed_rescale": config.rope_rescale if config.rope_rescale > 1 else None,
        "dtype": "float32",
        "rope_rounded": config.rope_rounded,
    }


def _flag(values: Mapping, name: str, default: bool) -> bool:
    value = values.get(name, default)
    if not isinstance(value, bool):
        raise ModelError(f"it sets {name} to {value!r}; give true or false.")
    return value
