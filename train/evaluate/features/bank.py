"""Features of many images, computed once, by all processes, and kept for every task that asks.

    FEATURES/3f2a…-224px/5b1c…/       the weights, the size; the images
    ├── chunk-00000.safetensors       `cls` [c, 4, D], `mean_patch` [c, D], `kept` [c]
    └── chunk-00001.safetensors       another CHUNK images

How chunks are shared and resumed is `train.evaluate.features.chunks`.
n images, D width; the four are the last blocks, the earliest first.
"""

import hashlib
import logging
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import torch
from safetensors.torch import load_file
from torch import Tensor

from core import ImageError, RequestError, VisionTransformer
from core.features import IMAGENET_MEAN, IMAGENET_STD, batch_patches, require_pictures
from core.model.precision import Precision, inference
from core.wording import counted
from train import dist
from train.data.pictures import load_pixels
from train.data.sources import DataError, Source
from train.evaluate.features.chunks import kept_chunks
from train.evaluate.features.crops import centre_crop

log = logging.getLogger(__name__)

CHUNK = 512
BLOCKS = 4
"""Last blocks whose cls tokens are kept: the most that the linear layers of Oquab et al. 2023 look at."""
THREADS = 8


class Bank(NamedTuple):
    """Of n images: `cls` [n, 4, D] after the last blocks and the final norm (fewer, where the model has fewer),
    `mean_patch` [n, D] after the last, float32 on the CPU; `kept` [n]: their places among the images given."""

    cls: Tensor
    mean_patch: Tensor
    kept: Tensor


def feature_bank(
    model: VisionTransformer,
    source: Source,
    indices: Tensor,
    size: int,
    folder: Path | None = None,
    world: dist.World | None = None,
    precision: Precision = "auto",
) -> Bank:
    """Features of the middle square of images at `size` pixels a side. Every process calls it and gets all.

    Kept below `folder`, where one is given. Images that cannot be read are left out and logged. Raises RequestError
    for a size that is no multiple of the patch, ModelError for a model of other pictures than RGB, DataError where no
    image can be read.
    """
    if size < 1 or size % model.config.patch:
        raise RequestError(f"size is {size}, which is no multiple of the patch, {model.config.patch}.")
    require_pictures(model)
    if folder is None:
        parts = [_chunk(model, source, chunk, size, precision) for chunk in indices.split(CHUNK)]
        return _joined(parts, len(indices))
    place = folder / f"{model.loaded_from().sha256[:16]}-{size}px-{precision}" / _named(source, indices)
    world = world or dist.World(0, 1, model.device)
    paths = kept_chunks(
        place, indices.split(CHUNK), lambda chunk: _chunk(model, source, chunk, size, precision)._asdict(), world
    )
    return _joined([Bank(**load_file(path)) for path in paths], len(indices))


def _joined(parts: Sequence[Bank], images: int) -> Bank:
    """Chunks as one, their places counted through."""
    places = [part.kept + number * CHUNK for number, part in enumerate(parts)]
    bank = Bank(*(torch.cat(column) for column in zip(*parts, strict=True)))._replace(kept=torch.cat(places))
    if not len(bank.kept):
        raise DataError(f"None of the {images} images could be read; are these pictures?")
    if not (bank.cls.isfinite().all() and bank.mean_patch.isfinite().all()):
        raise RequestError("The features hold NaN or infinity; has the training diverged?")
    return bank


@torch.inference_mode()
def _chunk(model: VisionTransformer, source: Source, indices: Tensor, size: int, precision: Precision) -> Bank:
    device, config = model.device, model.config
    batch = max(1, batch_patches(model) // (size // config.patch) ** 2)
    mean, std = (torch.tensor(values, device=device).view(-1, 1, 1) for values in (IMAGENET_MEAN, IMAGENET_STD))
    blocks = min(BLOCKS, config.depth)
    found = [
        Bank(torch.empty(0, blocks, config.width), torch.empty(0, config.width), torch.empty(0, dtype=torch.int64))
    ]
    with inference(model, precision) as seeing:
        for pixels, kept in _batches(source, indices, size, config.channels, batch):
            moved = pixels.to(device)
            unit = moved.float() / 255 if moved.dtype == torch.uint8 else moved.float()
            tokens = seeing.intermediate((unit - mean) / std, blocks)
            cls = torch.stack([part.cls for part in tokens], dim=1).float().cpu()
            found.append(Bank(cls, tokens[-1].patches.float().mean(dim=1).cpu(), kept))
    return Bank(*(torch.cat(column).clone() for column in zip(*found, strict=True)))


def _batches(source: Source, indices: Tensor, size: int, channels: int, batch: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Crops [b, C, size, size] and their places, decoded by threads while the batch before is computed."""

    def read(index: int) -> Tensor | str:
        try:
            return centre_crop(load_pixels(source.read(index).data, channels, 2 * size), size)
        except ImageError as error:
            return f"{source.name(index)}: {error}"

    crops, places, unreadable = [], [], []
    with ThreadPoolExecutor(min(THREADS, os.cpu_count() or 1)) as pool:
        for start in range(0, len(indices), batch):
            for place, crop in enumerate(pool.map(read, indices[start : start + batch].tolist()), start):
                if isinstance(crop, str):
                    unreadable.append(crop)
                else:
                    crops.append(crop)
                    places.append(place)
            if crops:
                yield torch.cat(crops), torch.tensor(places)
            crops, places = [], []
    if unreadable:
        left_out = counted(len(unreadable), "image cannot be read and is", "images cannot be read and are")
        log.warning("%s left out: %s", left_out, "; ".join(unreadable[:3]))


def _named(source: Source, indices: Tensor) -> str:
    """A name for these images: of the files they are in, when these changed, and which of them they are."""
    digest = hashlib.sha256(indices.to(torch.int64).numpy().tobytes())
    for path in source.files:
        digest.update(os.fsencode(path.resolve()) + f"\0{_state(path)}\0".encode())
    return digest.hexdigest()[:16]


def _state(path: Path) -> tuple[int, int] | None:
    try:
        state = path.stat()
    except OSError:  # gone, or forbidden: it is left out with what cannot be read
        return None
    return state.st_size, state.st_mtime_ns
