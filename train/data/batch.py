"""From a source to batches on the device: workers decode and cut, the device changes colours."""

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from core import ImageError
from core.features import IMAGENET_MEAN, IMAGENET_STD
from train.data.augment import AugmentConfig
from train.data.colour import ColourPlan, finish
from train.data.draws import draw_crops
from train.data.masking import MaskConfig, batch_masks
from train.data.pictures import load_pixels
from train.data.quarantine import REPLACEMENTS, Unreadable, too_many_unreadable
from train.data.resize import resize_each
from train.data.sampler import FixedPositions, StepSampler, position_of
from train.data.sources import DataError, Source


class Batch(NamedTuple):
    """The input of one step.

    `global_crops` [2B, 3, H, W] and `local_crops` [L·B, 3, H', W'] float, ImageNet-normalised; `masks`
    [draws·2B, N] bool, draw after draw, True where the student sees the mask token. `local_crops` may be empty.
    `indices` [B] int64 are the images' places in the source, where they are needed.
    """

    global_crops: Tensor
    local_crops: Tensor
    masks: Tensor
    indices: Tensor = torch.empty(0, dtype=torch.int64)

    @property
    def images(self) -> int:
        return len(self.global_crops) // 2

    @property
    def locals_per_image(self) -> int:
        return len(self.local_crops) // self.images

    @property
    def draws(self) -> int:
        """Masks of each global crop."""
        return len(self.masks) // len(self.global_crops)


class CutBatch(NamedTuple):
    """Crops of one rank's images as the workers leave them, crop after crop, and what could not be read.

    `indices` [B] int64: the places in the source of the images shown, which are others than those asked for where
    these could not be read.
    """

    globals: Tensor
    locals: Tensor
    global_colours: ColourPlan
    local_colours: ColourPlan
    indices: Tensor
    unreadable: list[Unreadable]


class Crops(NamedTuple):
    """The crops of one picture before their colours change.

    `globals` [2, C, S, S] and `locals` [L, C, s, s], uint8 or float in 0..1; a `ColourPlan` for each set, in the
    same order.
    """

    globals: Tensor
    locals: Tensor
    global_colours: ColourPlan
    local_colours: ColourPlan


class Cut(NamedTuple):
    """The crops of the image at `place` in the source, and those before it that could not be read."""

    crops: Crops
    place: int
    unreadable: list[Unreadable]


def cut_crops(pixels: np.ndarray, config: AugmentConfig, seed: int, position: int) -> Crops:
    """The crops of a picture [H, W, C], uint8 or float in 0..1, at a position of the run."""
    height, width, channels = pixels.shape
    wide, narrow = draw_crops(config, seed, np.array([position]), np.array([width]), np.array([height]))
    picture = torch.from_numpy(pixels)
    empty = torch.empty(0, channels, config.local_size, config.local_size, dtype=picture.dtype)
    cut_globals, cut_locals = (
        resize_each([picture] * len(crops.boxes), crops.boxes, crops.flips, size) if len(crops.boxes) else empty
        for crops, size in ((wide, config.global_size), (narrow, config.local_size))
    )
    return Crops(cut_globals, cut_locals, wide.colours, narrow.colours)


class CropDataset(Dataset):
    """(position in the run, image index) → crops; the same for a seed wherever it runs.

    An image that cannot be read, or not any more, is replaced by the next one in the source, so that batches keep
    their size.
    """

    def __init__(self, source: Source, config: AugmentConfig, seed: int):
        self.source, self.config, self.seed = source, config, seed

    def __getitem__(self, where: tuple[int, int]) -> Cut:
        position, wanted = where
        unreadable = []
        least = least_side(self.config)
        for step in range(min(REPLACEMENTS, len(self.source))):
            index = (wanted + step) % len(self.source)
            try:
                pixels = load_pixels(self.source.read(index).data, self.config.channels, least)
            except ImageError as error:
                unreadable.append(Unreadable(self.source.name(index), str(error)))
                continue
            return Cut(cut_crops(pixels, self.config, self.seed, position_of(position, index)), index, unreadable)
        raise too_many_unreadable(unreadable)

    def __getitems__(self, pairs: list[tuple[int, int]]) -> list[Cut] | DataError:
        """The samples of a batch, for a DataLoader. An error is handed on as it is: raised in a reading process, it would
        reach the user with that process's traceback for its text."""
        try:
            return [self[pair] for pair in pairs]
        except DataError as error:
            return error


def least_side(config: AugmentConfig) -> float:
    """The shorter side, in pixels, from which on no crop has to be enlarged."""
    sets = ((config.global_size, config.global_scale), (config.local_size, config.local_scale))
    narrowest = min(config.aspect[0], 1 / config.aspect[1])
    return max(size / math.sqrt(scale[0] * narrowest) for size, scale in sets)


def collate(cuts: list[Cut] | DataError) -> CutBatch | DataError:
    """The images of one step, rearranged so that crops of one number lie together."""
    if isinstance(cuts, DataError):
        return cuts

    def crop_major(parts: list[Tensor]) -> Tensor:
        return torch.stack(parts, dim=1).flatten(0, 1)

    def plans(parts: list[ColourPlan]) -> ColourPlan:
        return ColourPlan(*(crop_major(list(column)) for column in zip(*parts, strict=True)))

    crops = [cut.crops for cut in cuts]
    return CutBatch(
        crop_major([one.globals for one in crops]),
        crop_major([one.locals for one in crops]),
        plans([one.global_colours for one in crops]),
        plans([one.local_colours for one in crops]),
        torch.tensor([cut.place for cut in cuts]),
        [bad for cut in cuts for bad in cut.unreadable],
    )


def cut_batches(
    source: Source,
    config: AugmentConfig,
    sampler: StepSampler | FixedPositions,
    seed: int,
    workers: int,
    pin: bool,
) -> Iterator[CutBatch]:
    """The batches of a run from the sampler's first step on. DataError where REPLACEMENTS in a row cannot be read."""
    loader = DataLoader(
        CropDataset(source, config, seed),
        batch_sampler=sampler,
        collate_fn=collate,
        num_workers=workers,
        pin_memory=pin,
        persistent_workers=False,
        # fork would copy the threads' locks of torch and the progress bar in whatever state they are
        multiprocessing_context="forkserver" if workers else None,
        prefetch_factor=4 if workers else None,
    )
    return _without_errors(iter(loader))


def _without_errors(batches: Iterator[CutBatch | DataError]) -> Iterator[CutBatch]:
    for batch in batches:
        if isinstance(batch, DataError):
            raise batch
        yield batch


def to_device(
    cut: CutBatch,
    device: torch.device,
    masks: Tensor,
    mean: Sequence[float] = IMAGENET_MEAN,
    std: Sequence[float] = IMAGENET_STD,
) -> Batch:
    """The input of the objective: colours changed and normalised on the device."""
    return Batch(
        finish(cut.globals.to(device, non_blocking=True), cut.global_colours, mean, std),
        finish(cut.locals.to(device, non_blocking=True), cut.local_colours, mean, std),
        masks.to(device, non_blocking=True),
    )


def step_masks(images: int, grid: int, seed: int, step: int, mine: slice, config: MaskConfig) -> Tensor:
    """The masks [draws·2·B, N] bool of a step, draw after draw, for the images `mine` of its whole batch of `images`."""
    generator = np.random.default_rng((seed, step, 1))
    masks = [
        torch.from_numpy(batch_masks(2 * images, grid, grid, generator, config.ratio, config.probability))
        for _ in range(config.draws)
    ]
    return torch.cat(masks).unflatten(0, (-1, images))[:, mine].flatten(0, 1)
