"""A small dataset kept decoded on the training device, all crops being cut there: no worker, no transfer.

Every picture is decoded once and shrunk so that its shorter side is at most `side` pixels; then a step costs what
cutting costs. For datasets that fit: at 256 pixels a picture takes some 260 KB, 100,000 of them 24 GiB.
"""

import logging
import sys
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset
from tqdm import tqdm

from core import ImageError
from train.data.augment import AugmentConfig
from train.data.batch import CutBatch
from train.data.draws import CropSet, draw_crops
from train.data.pictures import load_pixels
from train.data.quarantine import REPLACEMENTS, Unreadable, too_many_unreadable
from train.data.resize import resize_each, resize_together
from train.data.sampler import OWN, FixedPositions, StepSampler
from train.data.sources import DataError, Source

log = logging.getLogger(__name__)

GIB = 2**30
CHUNK = 16
"""Pictures that a decoding process hands over at once; few, for shared memory may be small."""
SAMPLE = 24
"""Pictures, evenly spread, by which the size of all is judged before the rest is decoded."""
SAMPLE_ERROR = 2
"""The factor by which that estimate may be too high; beyond, it is reason enough to refuse."""


class Shrunk(NamedTuple):
    """Some pictures, one after the other: `pixels` [P, C], `sizes` [n, 2] (height, width), 0×0 for an unreadable one."""

    pixels: Tensor
    sizes: Tensor
    unreadable: list[Unreadable]


class ResidentImages:
    """Every picture of a source on one device, `pixels` [P, C] row by row, uint8 (float16 unless C is 1 or 3).

    `starts`, `heights`, `widths` [images] int64: where each begins and how large it is; an unreadable picture has
    those of the next one that could be read, so that every index of the source stays good; `shown` [images] is
    whose they are.
    """

    def __init__(self, pixels: Tensor, sizes: np.ndarray, unreadable: Sequence[Unreadable]):
        self.pixels, self.unreadable = pixels, list(unreadable)
        readable = np.flatnonzero(sizes.prod(axis=1))
        if not len(readable):
            raise too_many_unreadable(self.unreadable)
        indices = np.arange(len(sizes))
        following = np.searchsorted(readable, indices)
        self.shown = stands_in = readable[following % len(readable)]
        if ((stands_in - indices) % len(sizes)).max() >= REPLACEMENTS:
            raise too_many_unreadable(self.unreadable)
        starts = np.cumsum(sizes.prod(axis=1)) - sizes.prod(axis=1)
        self.starts, (self.heights, self.widths) = starts[stands_in], sizes[stands_in].T

    def __len__(self) -> int:
        return len(self.starts)

    @classmethod
    def load(
        cls, source: Source, side: int, device: torch.device, workers: int, budget_bytes: int, channels: int = 3
    ) -> "ResidentImages":
        """All pictures of a source, decoded by `workers` processes (0: by this one) under a progress bar.

        Raises DataError where they take more than `budget_bytes`, or where REPLACEMENTS in a row cannot be read.
        """
        dataset = ShrunkImages(source, channels, side)
        _refuse_by_sample(dataset, budget_bytes)
        parts: list[Shrunk] = []
        taken = 0
        with tqdm(total=len(source), unit="image", desc="Decoding", disable=not sys.stderr.isatty()) as progress:
            for part in dataset.stream(workers):
                parts.append(part)
                taken += part.pixels.nbytes
                progress.update(len(part.sizes))
                if taken > budget_bytes:
                    raise _too_large(f"{progress.n:,} of {len(source):,} images alone take", taken, budget_bytes, side)
        sizes = torch.cat([part.sizes for part in parts]).numpy()
        unreadable = [bad for part in parts for bad in part.unreadable]
        pixels = torch.empty(int(sizes.prod(axis=1).sum()), channels, dtype=parts[0].pixels.dtype, device=device)
        for place in pixels.split([len(part.pixels) for part in parts]):
            place.copy_(parts.pop(0).pixels)  # freed one by one, so that the host never holds them twice
        log.info("%d images resident on %s, %.2f GiB", len(source), device, taken / GIB)
        return cls(pixels, sizes, unreadable)


class ShrunkImages(Dataset):
    """The pictures of a source, CHUNK at a time, their shorter sides at most `side` pixels."""

    def __init__(self, source: Source, channels: int, side: int):
        self.source, self.channels, self.side = source, channels, side

    def __len__(self) -> int:
        return -(-len(self.source) // CHUNK)

    def __getitem__(self, chunk: int) -> Shrunk:
        return self.read(range(chunk * CHUNK, min((chunk + 1) * CHUNK, len(self.source))))

    def stream(self, workers: int) -> DataLoader:
        context = "forkserver" if workers else None
        return DataLoader(self, batch_size=None, num_workers=workers, multiprocessing_context=context)

    def read(self, indices: Sequence[int]) -> Shrunk:
        dtype = torch.uint8 if self.channels in (1, 3) else torch.float16
        pixels, sizes, unreadable = [torch.empty(0, self.channels, dtype=dtype)], [], []
        for index in indices:
            try:
                whole = load_pixels(self.source.read(index).data, self.channels, 2 * self.side)
            except ImageError as error:
                unreadable.append(Unreadable(self.source.name(index), str(error)))
                sizes.append((0, 0))
                continue
            picture = shrink(whole, self.side)
            sizes.append((picture.shape[0], picture.shape[1]))
            pixels.append(picture.to(dtype).flatten(0, 1))
        return Shrunk(torch.cat(pixels), torch.tensor(sizes).view(-1, 2), unreadable)


def shrink(pixels: np.ndarray, side: int) -> Tensor:
    """[H, W, C] with the shorter side at most `side`; integers by Pillow's Lanczos, floats bicubically."""
    height, width, channels = pixels.shape
    factor = side / min(height, width)
    if factor >= 1:
        return torch.from_numpy(pixels)
    height, width = max(1, round(height * factor)), max(1, round(width * factor))
    if pixels.dtype != np.uint8:
        planes = torch.from_numpy(pixels).permute(2, 0, 1)[None]
        small = F.interpolate(planes, size=(height, width), mode="bicubic", antialias=True)
        return small[0].permute(1, 2, 0).clamp(0, 1)
    image = Image.fromarray(pixels if channels == 3 else pixels[:, :, 0])
    resized = image.resize((width, height), Image.Resampling.LANCZOS, reducing_gap=3.0)
    return torch.from_numpy(np.array(resized).reshape(height, width, channels))


def resident_batches(
    images: ResidentImages, config: AugmentConfig, sampler: StepSampler | FixedPositions, seed: int
) -> Iterator[CutBatch]:
    """The batches of `train.data.batch.cut_batches`, cut on the images' device, where the crops lie.

    Colour plans stay on the CPU, as `finish` likes them. Unreadable pictures come with the first batch of the
    first rank.
    """
    unreadable = images.unreadable if sampler.first == 0 else []
    for pairs in sampler:
        positions, indices = np.array(pairs).T
        indices = images.shown[indices]
        positions = np.where(positions == OWN, indices, positions)
        wide, narrow = draw_crops(config, seed, positions, images.widths[indices], images.heights[indices])
        cut_globals = cut(images, indices, wide, config.global_size)
        cut_locals = cut(images, indices, narrow, config.local_size)
        shown = torch.from_numpy(indices)
        yield CutBatch(cut_globals, cut_locals, wide.colours, narrow.colours, shown, unreadable)
        unreadable = []


def cut(images: ResidentImages, indices: np.ndarray, crops: CropSet, size: int) -> Tensor:
    """The crops [n·B, C, size, size] of the pictures with these indices [B]."""
    if not len(crops.boxes):
        return images.pixels.new_empty(0, images.pixels.shape[1], size, size)
    starts, heights, widths = (
        np.tile(column[indices], len(crops.boxes) // len(indices))
        for column in (images.starts, images.heights, images.widths)
    )
    if images.pixels.device.type != "cpu":
        return resize_together(images.pixels, starts, widths, crops.boxes, crops.flips, size)
    pictures = [
        images.pixels[start : start + height * width].view(height, width, -1)
        for start, height, width in zip(starts.tolist(), heights.tolist(), widths.tolist(), strict=True)
    ]
    return resize_each(pictures, crops.boxes, crops.flips, size)


def _refuse_by_sample(dataset: ShrunkImages, budget: int) -> None:
    """DataError where a few pictures already show that all will not fit."""
    total = len(dataset.source)
    sample = np.unique(np.linspace(0, total - 1, SAMPLE).astype(int)).tolist()
    estimate = dataset.read(sample).pixels.nbytes / len(sample) * total
    if estimate > SAMPLE_ERROR * budget:
        raise _too_large(f"{total:,} images take about", estimate, budget, dataset.side)


def _too_large(what: str, taken: float, budget: int, side: int) -> DataError:
    return DataError(
        f"{what} {taken / GIB:.2f} GiB decoded, at a shorter side of {side} pixels; the budget is {budget / GIB:.2f} "
        "GiB. Choose a smaller side, a larger budget, or the mode in which workers decode for every step."
    )
