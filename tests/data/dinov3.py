"""Tiny models with the traits of DINOv3's, and random weights of which every one counts."""

import dataclasses

import torch

import core

TINY = core.ViTConfig(
    width=48,
    depth=3,
    heads=3,
    patch=16,
    image_size=512,
    registers=4,
    norm_eps=1e-5,
    qkv_bias="no_key",
    positions="rope",
    rope_rescale=2.0,
)
SHAPES = {
    "small": TINY,
    "plus": dataclasses.replace(TINY, ffn="swiglu", mlp_ratio=6.0),
    "7b": dataclasses.replace(TINY, ffn="swiglu", mlp_ratio=3.0, qkv_bias="none"),
    "key_bias": dataclasses.replace(TINY, qkv_bias="full", rope_base=1000.0),
    "no_registers": dataclasses.replace(TINY, registers=0),
}


def is_factor(name: str) -> bool:
    """Whether channels are multiplied by it: about 1, so that attention has something to tell apart."""
    return "gamma" in name or "lambda" in name or ("norm" in name and name.endswith("weight"))


def made(config: core.ViTConfig, seed: int = 0) -> core.VisionTransformer:
    """A model whose every parameter counts."""
    model, generator = core.VisionTransformer(config).eval(), torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.normal_(mean=float(is_factor(name)), std=0.12, generator=generator)
            if name.endswith("qkv.bias") and config.qkv_bias == "no_key":
                parameter.chunk(3)[1].zero_()
    return model
