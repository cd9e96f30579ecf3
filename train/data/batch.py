"""From a source to batches on the device: workers decode and cut, the device changes colours."""

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from core import ImageError, load_image
from train.data.augment import AugmentConfig, cut_crops
from train.data.colour import ColourPlan, finish
from train.data.sampler import StepSampler
from train.data.sources import DataError, Source
from train.masking import MaskConfig, batch_masks
from train.objective import Batch

log = logging.getLogger(__name__)

REPLACEMENTS = 20
"""Unreadable images in a row after which the source itself is taken to be broken."""


class Unreadable(NamedTuple):
    """An image that was left out, and why."""

    name: str
    reason: str


class CutBatch(NamedTuple):
    """Crops of one rank's images as the workers leave them, crop after crop, and what could not be read."""

    globals: Tensor
    locals: Tensor
    global_colours: ColourPlan
    local_colours: ColourPlan
    unreadable: list[Unreadable]


class CropDataset(Dataset):
    """(position in the run, image index) → crops; the same for a seed wherever it runs.

    An unreadable image is replaced by the next one in the source, so that batches keep their size.
    """

    def __init__(self, source: Source, config: AugmentConfig, seed: int):
        self.source, self.config, self.seed = source, config, seed

    def __getitem__(self, where: tuple[int, int]):
        position, index = where
        unreadable = []
        for step in range(REPLACEMENTS):
            encoded = self.source.read((index + step) % len(self.source))
            try:
                image = load_image(encoded.data)
            except ImageError as error:
                unreadable.append(Unreadable(encoded.name, str(error)))
                continue
            return cut_crops(image, self.config, np.random.default_rng((self.seed, position))), unreadable
        listed = "\n  ".join(f"{bad.name}: {bad.reason}" for bad in unreadable[:3])
        raise DataError(f"{REPLACEMENTS} images in a row could not be read; is this the right folder?\n  {listed}")


def collate(samples: list) -> CutBatch:
    """Samples of one step, rearranged so that crops of one number lie together."""
    crops, unreadable = zip(*samples, strict=True)

    def crop_major(parts: list[Tensor]) -> Tensor:
        return torch.stack(parts, dim=1).flatten(0, 1)

    def plans(parts: list[ColourPlan]) -> ColourPlan:
        return ColourPlan(*(crop_major(list(column)) for column in zip(*parts, strict=True)))

    return CutBatch(
        crop_major([one.globals for one in crops]),
        crop_major([one.locals for one in crops]),
        plans([one.global_colours for one in crops]),
        plans([one.local_colours for one in crops]),
        [bad for part in unreadable for bad in part],
    )


def cut_batches(
    source: Source, config: AugmentConfig, sampler: StepSampler, seed: int, workers: int, pin: bool
) -> Iterator[CutBatch]:
    """The batches of a run from the sampler's first step on."""
    return iter(
        DataLoader(
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
    )


def to_device(cut: CutBatch, device: torch.device, masks: Tensor) -> Batch:
    """What the objective sees: colours changed and normalised on the device."""

    def move(plan: ColourPlan) -> ColourPlan:
        return ColourPlan(*(part.to(device, non_blocking=True) for part in plan))

    return Batch(
        finish(cut.globals.to(device, non_blocking=True), move(cut.global_colours)),
        finish(cut.locals.to(device, non_blocking=True), move(cut.local_colours)),
        masks.to(device, non_blocking=True),
    )


def step_masks(images: int, grid: int, seed: int, step: int, mine: slice, config: MaskConfig) -> Tensor:
    """Rows `mine` of the masks [2·B, N] bool of a step, cut from those of its whole batch of `images`."""
    generator = np.random.default_rng((seed, step, 1))
    masks = torch.from_numpy(batch_masks(2 * images, grid, grid, generator, config.ratio, config.probability))
    return masks.unflatten(0, (2, images))[:, mine].flatten(0, 1)


def quarantine(folder: Path, unreadable: list[Unreadable], known: set[str]) -> None:
    """List images that could not be read in `unreadable.txt`, once each."""
    fresh = [bad for bad in unreadable if bad.name not in known]
    if fresh:
        known.update(bad.name for bad in fresh)
        with (folder / "unreadable.txt").open("a", encoding="utf-8") as file:
            file.writelines(f"{bad.name}\t{bad.reason}\n" for bad in fresh)
        log.warning("%d unreadable images so far, listed in %s", len(known), folder / "unreadable.txt")
