"""The shape of a ViT, and the shapes that were published."""

from dataclasses import dataclass, replace
from typing import Annotated, Literal, get_args, get_type_hints

from core.bounds import Bounds, require_bounds
from core.errors import RequestError

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
"""Of the channels of ImageNet's pictures, in 0..1: the normalisation of all pixels that a model is given."""
LEAST_PATCHES = 24
"""Along the longer side of a picture, for a model that nobody measured. The small models of this project learn on
crops of 4 to 8 patches a side; on so few a picture has no parts, and the shipped one finds most eyes at 24."""


@dataclass(frozen=True)
class ViTConfig:
    """Everything that fixes a backbone's parameters and its numbers.

    With `positions` "learned", as in DINOv2, a table of position embeddings is added to the tokens and resized to each
    picture. With "rope", as in DINOv3, there is no table: in every block, queries and keys of patches are rotated by
    their place (`core.model.rope`). `pos_offset` and `pos_antialias` are of the table only, `rope_*` of the rotation.

    `pos_offset` and `pos_antialias` are the two published ways of resizing position embeddings: by a scale
    factor of (h + 0.1) / M without antialiasing (models without registers), or to the target size, with an
    offset of 0 and antialiasing (models with registers). Outputs differ, so the choice belongs to the model.

    Raises RequestError where a value is out of bounds or not finite, or two contradict each other. The bounds are
    far beyond every model there is, and short of what would hang a loader for good.
    """

    width: Annotated[int, Bounds(1, 16_384)] = 384
    depth: Annotated[int, Bounds(1, 256)] = 12
    heads: Annotated[int, Bounds(1, 256)] = 6
    patch: Annotated[int, Bounds(1, 256)] = 14
    image_size: Annotated[int, Bounds(1, 16_384)] = 518
    """Side in pixels of the square picture whose patch grid the stored position embedding has; with RoPE, that of the
    pictures that the model is meant for."""
    registers: Annotated[int, Bounds(0, 1024)] = 0
    ffn: Literal["mlp", "swiglu"] = "mlp"
    pos_offset: Annotated[float, Bounds(-1, 1)] = 0.1
    pos_antialias: bool = False
    mlp_ratio: Annotated[float, Bounds(0.01, 64)] = 4.0
    channels: Annotated[int, Bounds(1, 256)] = 3
    layer_scale: Annotated[float, Bounds(0, 100)] = 1e-5
    """Initial value of LayerScale; the reference trains with 1e-5."""
    norm_eps: Annotated[float, Bounds(0, 1, above=True)] = 1e-6
    """Added to the variance in every LayerNorm; 1e-5 in DINOv3."""
    qkv_bias: Literal["full", "no_key", "none"] = "full"
    """Which of queries, keys and values have a bias: all, all but the keys (DINOv3), none (its 7B)."""
    positions: Literal["learned", "rope"] = "learned"
    rope_base: Annotated[float, Bounds(1, 1e9, above=True)] = 100.0
    rope_rounded: bool = False
    """Whether the periods of the rotation are rounded to bfloat16, as in the files that Meta published; transformers
    computes them in float32."""
    rope_shift: Annotated[float, Bounds(0, 2)] = 0.0
    """In training, coordinates of patches (-1 to 1) are moved by up to so much along each side."""
    rope_jitter: Annotated[float, Bounds(1, 100)] = 1.0
    """In training, each side is stretched by a factor of 1 / so much to so much."""
    rope_rescale: Annotated[float, Bounds(1, 100)] = 1.0
    """In training, both sides together are; 2 in DINOv3 (section 3.2)."""

    def __post_init__(self):
        require_bounds(self, "ViTConfig.")
        if self.width % self.heads:
            raise RequestError(f"ViTConfig: width {self.width} is not a multiple of the {self.heads} heads.")
        if self.image_size % self.patch:
            raise RequestError(f"ViTConfig: image_size {self.image_size} is not a multiple of patch {self.patch}.")
        if self.hidden < 1:
            raise RequestError(
                f"ViTConfig: with mlp_ratio {self.mlp_ratio} of width {self.width}, no hidden layer is left."
            )
        for name in ("ffn", "qkv_bias", "positions"):
            value, choices = getattr(self, name), get_args(get_type_hints(ViTConfig)[name])
            if value not in choices:
                raise RequestError(f"ViTConfig.{name} is {value!r}; choose {' or '.join(map(repr, choices))}.")
        for name in ("pos_antialias", "rope_rounded"):
            if not isinstance(getattr(self, name), bool):
                raise RequestError(f"ViTConfig.{name} is {getattr(self, name)!r}; give true or false.")
        if self.positions == "rope" and self.head_width % 4:
            raise RequestError(
                f"ViTConfig: with RoPE, heads must be a multiple of 4 wide (sine and cosine for two sides); {self.width} / "
                f"{self.heads} is {self.head_width}."
            )

    @property
    def head_width(self) -> int:
        return self.width // self.heads

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


def _dinov2(registers: int) -> dict[str, ViTConfig]:
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


def _dinov3() -> dict[str, ViTConfig]:
    """DINOv3's ViTs, at a picture size (512) within those of their last training, with high resolutions (256 to 768)."""
    small = ViTConfig(
        patch=16, image_size=512, registers=4, norm_eps=1e-5, qkv_bias="no_key", positions="rope", rope_rescale=2.0
    )
    plus = replace(small, ffn="swiglu", mlp_ratio=6.0)
    return {
        "dinov3-small": small,
        "dinov3-small-plus": plus,
        "dinov3-base": replace(small, width=768, heads=12),
        "dinov3-large": replace(small, width=1024, depth=24, heads=16),
        "dinov3-huge-plus": replace(plus, width=1280, depth=32, heads=20),
        "dinov3-7b": replace(plus, width=4096, depth=40, heads=32, mlp_ratio=3.0, qkv_bias="none"),
    }


BACKBONES = _dinov2(0) | _dinov2(4) | _dinov3()
"""The published backbones by the names `load_model` takes (Oquab et al. 2023, table 17; Darcet et al. 2023; Siméoni et
al. 2025, arXiv 2508.10104)."""
