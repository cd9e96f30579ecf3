"""Whole pictures → their patches and cls tokens, the last blocks side by side.

h w patch grid, D width, b blocks.
"""

import hashlib
import os
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from PIL import Image
from safetensors import safe_open
from torch import Tensor

from core import Geometry, ImageError, RequestError, VisionTransformer, load_image
from core.features import batch_patches, preprocess_for, require_pictures
from core.model.precision import Precision, inference
from core.pictures.geometry import plan_grid
from train import dist
from train.evaluate.features.chunks import kept_chunks

CHUNK = 32


class TokenMap(NamedTuple):
    """`patches` [h, w, b·D], `cls` [b·D], float32 on the CPU, after the final norm, and where the patches lie."""

    patches: Tensor
    cls: Tensor
    geometry: Geometry


@torch.inference_mode()
def token_maps(
    model: VisionTransformer,
    images: Iterable[Image.Image],
    size: int,
    blocks: int = 1,
    precision: Precision = "auto",
) -> Iterator[TokenMap]:
    """The maps of RGB pictures, in order, their longer side at `size` pixels; as many together as the device likes.

    Raises RequestError for more blocks than the model has, ModelError for a model of other pictures.
    """
    require_pictures(model)
    if not 1 <= blocks <= model.config.depth:
        raise RequestError(f"blocks is {blocks}; this model has {model.config.depth}.")
    waiting: list[tuple[Tensor, Geometry]] = []
    patches = 0
    for image in images:
        pixels, geometry = preprocess_for(model, image, size)
        more = geometry.rows * geometry.columns
        if waiting and patches + more > batch_patches(model):
            yield from _seen(model, waiting, blocks, precision)
            waiting, patches = [], 0
        waiting.append((pixels, geometry))
        patches += more
    if waiting:
        yield from _seen(model, waiting, blocks, precision)


def _seen(
    model: VisionTransformer, prepared: list[tuple[Tensor, Geometry]], blocks: int, precision: Precision
) -> list[TokenMap]:
    device = model.device
    with inference(model, precision) as seeing:
        layers = seeing.intermediate_packed([pixels[None].to(device) for pixels, _ in prepared], blocks)
    maps = []
    for number, (_, geometry) in enumerate(prepared):
        patches = torch.cat([layer[number].patches[0] for layer in layers], dim=1)
        cls = torch.cat([layer[number].cls[0] for layer in layers])
        grid = geometry.rows, geometry.columns
        maps.append(TokenMap(patches.float().cpu().unflatten(0, grid), cls.float().cpu(), geometry))
    return maps


class KeptMaps:
    """The maps of picture files, kept in float16 below a folder and read when they are needed.

    Every process computes its share. The map of a picture that could not be read raises ImageError when asked for.
    """

    def __init__(
        self,
        model: VisionTransformer,
        paths: Sequence[Path],
        size: int,
        blocks: int,
        folder: Path,
        world: dist.World,
        precision: Precision = "auto",
    ):
        self.paths, self.size, self.patch = paths, size, model.config.patch
        made = f"{model.loaded_from().sha256[:16]}-{size}px-{blocks}blocks-{precision}"
        place = folder / made / _named(paths)

        def compute(chunk: Tensor) -> dict[str, Tensor]:
            read: deque[int] = deque()

            def images() -> Iterator[Image.Image]:
                for index in chunk.tolist():
                    try:
                        image = load_image(paths[index])
                    except ImageError:  # told when its map is asked for
                        continue
                    read.append(index)
                    yield image

            found: dict[str, Tensor] = {}
            for one in token_maps(model, images(), size, blocks, precision):
                index = read.popleft()
                sides = torch.tensor([one.geometry.height, one.geometry.width])
                found |= {
                    f"{index}.patches": one.patches.half(),
                    f"{index}.cls": one.cls.half(),
                    f"{index}.sides": sides,
                }
            return found

        self._files = kept_chunks(place, torch.arange(len(paths)).split(CHUNK), compute, world, "patches")

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> TokenMap:
        with safe_open(self._files[index // CHUNK], "pt") as file:
            if f"{index}.sides" not in file.keys():  # noqa: SIM118  # it is no dictionary
                load_image(self.paths[index])  # says why
                raise ImageError(f"{str(self.paths[index])!r} could not be read when its features were computed.")
            patches, cls, sides = (file.get_tensor(f"{index}.{name}") for name in ("patches", "cls", "sides"))
        height, width = sides.tolist()
        geometry = plan_grid(height, width, self.size, self.patch)
        return TokenMap(patches.float(), cls.float(), geometry)


def _named(paths: Sequence[Path]) -> str:
    """A name for these pictures: of their files, and when these changed."""
    digest = hashlib.sha256()
    for path in paths:
        modified = path.stat().st_mtime_ns if path.exists() else 0
        digest.update(os.fsencode(path.resolve()) + f"\0{modified}\0".encode())
    return digest.hexdigest()[:16]
