"""The encoders of transformers that can be opened: one entry each, under the `model_type` of its config.json.

To add one, name its classes and the places of its parts; where its tokens are made otherwise, write a front.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import nn

from core.model.adapted import AttentionParts
from core.model.config import IMAGENET_MEAN, IMAGENET_STD
from core.weights.encoders.fronts import Conditioned, Embedded, Patchified, Unmasked
from core.weights.encoders.preparation import CLIP_MEAN, CLIP_STD, HALVES, ONES, ZEROS, Preparation

IMAGENET = Preparation(IMAGENET_MEAN, IMAGENET_STD)


@dataclass(frozen=True)
class Family:
    """An encoder of transformers, and where its parts are."""

    title: str
    architecture: str
    """The class of transformers, and that of its description."""
    config: str
    usual: Preparation
    """How its pictures are prepared where no file says so."""
    front: Callable[[Any, Any], nn.Module]
    """Of the vision model and its description."""
    blocks: tuple[str, ...]
    """The list of layers; of several names, that of the installed version."""
    norm: str
    attention: AttentionParts
    vision: str = ""
    """The vision model within the whole, and `section` its description within the whole one."""
    section: str = ""
    words: str = ""
    """The section of the text tower, where there is one."""
    cls: bool = True
    more_tokens: Callable[[Any], int] = lambda config: 0
    """Tokens between the cls token and the patches."""
    pool: str = ""
    """What pools the patches, where there is no cls token."""
    left_out: tuple[str, ...] = ()
    """Beginnings of names in its files that no feature depends on."""
    options: tuple[tuple[str, bool], ...] = ()


_IN_VIT = AttentionParts(
    "layernorm_before", ("attention.q_proj", "attention.k_proj", "attention.v_proj"), "attention.o_proj"
)
_IN_CLIP = AttentionParts(
    "layer_norm1", ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"), "self_attn.out_proj"
)
_IN_RADIO = AttentionParts("norm1", ("attention.q_proj", "attention.k_proj", "attention.v_proj"), "attention.o_proj")
_HEADS = (
    "classifier.",
    "pooler.",
    "vit.pooler.",
    "decoder.",
    "lm_head.",
    "embeddings.mask_token",
    "vit.embeddings.mask_token",
)
_LAYERS, _ENCODER = ("layers", "encoder.layer"), ("encoder.layers",)


def _vit(
    title: str, name: str, usual: Preparation, front: Callable[[Any, Any], nn.Module] | None = None, **more
) -> Family:
    return Family(
        title=title,
        architecture=f"{name}Model",
        config=f"{name}Config",
        usual=usual,
        front=front or (lambda vision, config: Embedded(vision.embeddings)),
        blocks=_LAYERS,
        norm="layernorm",
        attention=_IN_VIT,
        left_out=_HEADS,
        **more,
    )


def _clip(architecture: str, config: str, vision: str = "", section: str = "", words: str = "") -> Family:
    return Family(
        title="CLIP",
        architecture=architecture,
        config=config,
        usual=Preparation(CLIP_MEAN, CLIP_STD),
        front=lambda vision, config: Embedded(vision.embeddings, vision.pre_layrnorm),
        blocks=_ENCODER,
        norm="post_layernorm",
        attention=_IN_CLIP,
        vision=vision,
        section=section,
        words=words,
        left_out=("classifier.", "visual_projection."),
    )


def _siglip(title: str, name: str, whole: bool) -> Family:
    naflex = name == "Siglip2"
    return Family(
        title=title,
        architecture=f"{name}{'' if whole else 'Vision'}Model",
        config=f"{name}{'' if whole else 'Vision'}Config",
        usual=Preparation(HALVES, HALVES),
        front=lambda vision, config: (
            Patchified(vision.embeddings, config.patch_size) if naflex else Embedded(vision.embeddings)
        ),
        blocks=_ENCODER,
        norm="post_layernorm",
        attention=_IN_CLIP,
        vision="vision_model" if whole else "",
        section="vision_config" if whole else "",
        words="text_config" if whole else "",
        cls=False,
        pool="head",
        left_out=("classifier.",),
    )


FAMILIES = {
    "vit": _vit("ViT", "ViT", Preparation(HALVES, HALVES, "bilinear"), options=(("add_pooling_layer", False),)),
    "vit_mae": _vit("MAE", "ViTMAE", IMAGENET, lambda vision, config: Unmasked(vision.embeddings)),
    "vit_msn": _vit("MSN", "ViTMSN", IMAGENET),
    "deit": _vit("DeiT", "DeiT", IMAGENET, more_tokens=lambda config: 1, options=(("add_pooling_layer", False),)),
    "ijepa": _vit("I-JEPA", "IJepa", IMAGENET, cls=False),
    "clip": _clip("CLIPModel", "CLIPConfig", "vision_model", "vision_config", "text_config"),
    "clip_vision_model": _clip("CLIPVisionModel", "CLIPVisionConfig"),
    "siglip": _siglip("SigLIP", "Siglip", whole=True),
    "siglip_vision_model": _siglip("SigLIP", "Siglip", whole=False),
    "siglip2": _siglip("SigLIP 2", "Siglip2", whole=True),
    "siglip2_vision_model": _siglip("SigLIP 2", "Siglip2", whole=False),
    "radio": Family(
        title="C-RADIO",
        architecture="RadioModel",
        config="RadioConfig",
        usual=Preparation(ZEROS, ONES),
        front=lambda vision, config: Conditioned(vision.input_conditioner, vision.embeddings),
        blocks=("encoder.layer",),
        norm="",
        attention=_IN_RADIO,
        more_tokens=lambda config: config.num_cls_tokens + config.num_registers - 1,
    ),
}
"""By model_type. Shapes of DINOv2 and DINOv3 are not here: core's own network opens them."""
