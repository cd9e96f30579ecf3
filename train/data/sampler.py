"""The order of a run: which image is the n-th, for any n, from the seed alone.

One endless sequence is shared by all ranks; step s takes positions s·batch to (s+1)·batch, and a rank its part of
them. So a run continues at the very sample on any number of workers and ranks, and a step number is all that a
checkpoint needs to hold.
"""

from collections.abc import Iterator, Sequence

import numpy as np

from core import RequestError

WINDOW = 8
"""Blocks whose images are shuffled together; with shards of a few thousand images, a pool of some 10,000."""

OWN = -1
"""The position of an image whose crops are those of its index, wherever in the run it is shown."""


class Order:
    """The endless sequence of image indices: every epoch a new shuffle of all of them."""

    def __init__(self, blocks: Sequence[range], seed: int):
        self.blocks, self.seed = blocks, seed
        self.length = sum(map(len, blocks))
        self._epoch: int | None = None
        self._shuffled = np.empty(0, dtype=np.int64)

    def __getitem__(self, position: int) -> int:
        """The image at a position, counted from the start of the run."""
        epoch, place = divmod(position, self.length)
        if epoch != self._epoch:
            self._shuffled, self._epoch = self._shuffle(epoch), epoch
        return int(self._shuffled[place])

    def _shuffle(self, epoch: int) -> np.ndarray:
        """All indices once: blocks in random order, then images within windows of blocks."""
        generator = np.random.default_rng((self.seed, epoch))
        if all(len(block) == 1 for block in self.blocks):
            return generator.permutation(np.array([block.start for block in self.blocks]))
        order = [self.blocks[i] for i in generator.permutation(len(self.blocks))]
        windows = [np.concatenate([np.arange(b.start, b.stop) for b in order[i : i + WINDOW]]) for i in
                   range(0, len(order), WINDOW)]  # fmt: skip
        return np.concatenate([generator.permutation(window) for window in windows])


class StepSampler:
    """Batches of (position, image index) for one rank, from a step on, for a DataLoader's `batch_sampler`.

    A step gives `parts` batches where gradients are accumulated. Raises RequestError where the batch cannot be
    shared evenly.
    """

    def __init__(
        self, order: Order, batch: int, first_step: int, last_step: int, rank: int = 0, ranks: int = 1, parts: int = 1
    ):
        if batch % (ranks * parts):
            raise RequestError(f"A batch of {batch} cannot be shared evenly among {ranks} ranks × {parts} parts.")
        self.order, self.batch, self.steps, self.parts = order, batch, range(first_step, last_step), parts
        self.part = batch // (ranks * parts)
        self.first = rank * batch // ranks

    def __len__(self) -> int:
        return len(self.steps) * self.parts

    def rows(self, part: int) -> slice:
        """Which rows of a step's whole batch one part of this rank is."""
        start = self.first + part * self.part
        return slice(start, start + self.part)

    def __iter__(self) -> Iterator[list[tuple[int, int]]]:
        for step in self.steps:
            for part in range(self.parts):
                rows = self.rows(part)
                positions = range(step * self.batch + rows.start, step * self.batch + rows.stop)
                yield [(position, self.order[position]) for position in positions]


class FixedPositions:
    """The batches of a sampler with every image at a position of its own, so that its crops are always the same."""

    def __init__(self, sampler: StepSampler):
        self.sampler, self.first = sampler, sampler.first

    def __len__(self) -> int:
        return len(self.sampler)

    def __iter__(self) -> Iterator[list[tuple[int, int]]]:
        for pairs in self.sampler:
            yield [(OWN, index) for _, index in pairs]


def position_of(position: int, index: int) -> int:
    """The position in the run that the crops of the image `index` are drawn for, if it is shown at `position`."""
    return index if position == OWN else position
