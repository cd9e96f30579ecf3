"""Numbers of the reference implementation (float32, CPU) and the models they were made with."""

from pathlib import Path

from safetensors import safe_open
from torch import Tensor

from core import VisionTransformer, ViTConfig

HERE = Path(__file__).parent

_SHAPE = {"width": 48, "depth": 3, "heads": 3, "patch": 14, "image_size": 70}
_CONFIGS = {
    "vit_plain": ViTConfig(**_SHAPE),
    "vit_registers": ViTConfig(**_SHAPE, registers=4, pos_offset=0.0, pos_antialias=True),
    "vit_swiglu": ViTConfig(**_SHAPE | {"depth": 2}, ffn="swiglu"),
}
NAMES = tuple(_CONFIGS)


def load(name: str) -> dict[str, Tensor]:
    """The tensors of one fixture by their names."""
    with safe_open(HERE / f"{name}.safetensors", "pt") as file:
        return {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118, the file is no mapping


def model(name: str) -> VisionTransformer:
    """A `vit_*` fixture's model with its weights, in eval mode."""
    weights = {key.removeprefix("weights/"): value for key, value in load(name).items() if key.startswith("weights/")}
    made = VisionTransformer(_CONFIGS[name]).eval()
    made.load_state_dict(weights, strict=True)
    return made
