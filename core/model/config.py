"""The shape of a ViT, and the shapes that were published."""

from dataclasses import dataclass, replace
from typing import Literal

from core.errors import RequestError

LEAST_PATCHES = 24
"""Along the longer side of a picture, for a model that nobody measured. The small models of this project learn on
crops of 4 to 8 patches a side; on so few a picture has no parts, and the shipped one finds most eyes at 24."""

_WHOLE = {
    "width": (1, 16_384), "depth": (1, 256), "heads": (1, 256), "patch": (1, 256), "image_size": (1, 16_384),
    "registers": (0, 1024), "channels": (1, 256),
}  # fmt: skip
_REAL = {"pos_offset": (-1.0, 1.0), "mlp_ratio": (0.01, 64.0), "layer_scale": (0.0, 100.0)}
"""Least and most of each value: far beyond every model there is, and short of what would hang a loader for good."""


@dataclass(frozen=True)
class ViTConfig:
    """Everything that fixes a backbone's parameters and its numbers.

    `pos_offset` and `pos_antialias` are the two published ways of resizing position embeddings: by a scale
    factor of (h + 0.1) / M without antialiasing (models without registers), or to the target size, with an
    offset of 0 and antialiasing (models with registers). Outputs differ, so the choice belongs to the model.

    Raises RequestError where a value is out of bounds or not finite, or two contradict each other.
    """

    width: int = 384
    depth: int = 12
    heads: int = 6
    patch: int = 14
    image_size: int = 518
    """Side in pixels of the square picture whose patch grid the stored position embedding has."""
    registers: int = 0
    ffn: Literal["mlp", "swiglu"] = "mlp"
    pos_offset: float = 0.1
    pos_antialias: bool = False
    mlp_ratio: float = 4.0
    channels: int = 3
    layer_scale: float = 1e-5
    """Initial value of LayerScale; the reference trains with 1e-5."""

    def __post_init__(self):
        for name, (least, most) in _WHOLE.items():
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool):
                raise RequestError(f"ViTConfig.{name} is {value!r}; it must be a whole number.")
            if not least <= value <= most:
                least_said = f"at least {least}" if value < least else f"at most {most:,}"
                raise RequestError(f"ViTConfig.{name} is {value}; it must be {least_said}.")
        for name, (low, high) in _REAL.items():
            value = getattr(self, name)
            if not isinstance(value, int | float) or not low <= value <= high:
                raise RequestError(f"ViTConfig.{name} is {value!r}; it must be a number from {low:g} to {high:g}.")
        if self.width % self.heads:
            raise RequestError(f"ViTConfig: width {self.width} is not a multiple of the {self.heads} heads.")
        if self.image_size % self.patch:
            raise RequestError(f"ViTConfig: image_size {self.image_size} is not a multiple of patch {self.patch}.")
        if self.ffn not in ("mlp", "swiglu"):
            raise RequestError(f"ViTConfig.ffn is {self.ffn!r}; choose 'mlp' or 'swiglu'.")

    @property
    def grid(self) -> int:
        """Patches along one side of the stored position embedding (M in the reference)."""
        return self.image_size // self.patch

    @property
    def default_size(self) -> int:
        """Longer side in pixels at which a model of this shape is taken to be best: that of its stored position
        embedding, or LEAST_PATCHES patches where that is less. `VisionTransformer.default_size` may say better."""
        return max(self.grid, LEAST_PATCHES) * self.patch

    @property
    def hidden(self) -> int:
        """Width of the feed-forward's hidden layer; SwiGLU takes two thirds of it, rounded up to 8 (as published)."""
        full = int(self.width * self.mlp_ratio)
        return full if self.ffn == "mlp" else (int(full * 2 / 3) + 7) // 8 * 8


def _published(registers: int) -> dict[str, ViTConfig]:
    shapes = {
        "dinov2-small": ViTConfig(width=384, depth=12, heads=6),
        "dinov2-base": ViTConfig(width=768, depth=12, heads=12),
        "dinov2-large": ViTConfig(width=1024, depth=24, heads=16),
        "dinov2-giant": ViTConfig(width=1536, depth=40, heads=24, ffn="swiglu"),
    }
    if not registers:
        return shapes
    return {
        f"{name}-reg": replace(shape, registers=registers, pos_offset=0.0, pos_antialias=True)
        for name, shape in shapes.items()
    }


BACKBONES = _published(0) | _published(4)
"""The published backbones by the names `load_model` takes (Oquab et al. 2023, table 17; Darcet et al. 2023)."""
