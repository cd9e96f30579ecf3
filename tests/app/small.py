"""A small model and small pictures, so that the app is tested without a second of waiting."""

import io
from dataclasses import replace

import torch
from PIL import Image

import core
from core.weights.load import ModelSource
from tests.data.dinov3 import TINY

SIZE = 112
NOTE = "This network is small & nobody trained it: what its maps show is position, colour and texture, and <i>nothing</i> else."


def small_model(name: str, progress=None) -> core.VisionTransformer:
    """A seeded ViT of three blocks; another name gives other weights, "registers" in it two register tokens, "noted" a
    note, "dinov3" the traits of that family, and "112 px" at its end that size as the one it is best at."""
    if name.startswith("missing"):
        raise core.ModelError(f"{name!r} is not there; choose another.")
    config = core.ViTConfig(width=48, depth=3, heads=2, registers=2 * ("registers" in name), layer_scale=1.0)
    if "dinov3" in name:
        config = replace(TINY, layer_scale=1.0)
    model = core.VisionTransformer(config)
    model.initialise(torch.Generator().manual_seed(len(name)))
    count = sum(parameter.numel() for parameter in model.parameters())
    if name.endswith(" px"):
        model.default_size = int(name.split()[-2])
    note = NOTE if "noted" in name else ""
    model.source = ModelSource(name, f"Small {name}", "memory", f"sha of {name}", count, "nobody", note=note)
    return model.eval()


def photograph(seed: int = 0, width: int = 160, height: int = 120, kind: str = "PNG") -> bytes:
    """The file of a picture that no other seed has: a bright disc on noise."""
    generator = torch.Generator().manual_seed(seed)
    noise = torch.randint(0, 80, (height, width, 3), generator=generator, dtype=torch.uint8)
    rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    disc = (rows - height / 2) ** 2 + (columns - width / 2) ** 2 < (height / 3) ** 2
    noise[disc] += torch.tensor([170, 120, 40], dtype=torch.uint8)
    stream = io.BytesIO()
    Image.fromarray(noise.numpy()).save(stream, kind)
    return stream.getvalue()
