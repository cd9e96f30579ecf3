"""Outputs of a frozen teacher for crops that every epoch repeats, kept on the disk so that it is computed once.

    RUN/teacher/224px-seed0/
    ├── cls.npy        float16 [images, 2, D]
    ├── patches.npy    float16 [images, 2, N, D]
    └── known.npy      uint8 [images]: 1 where both are written

The files take their room as they fill. They outlive a kill, so that a resumed run is taught by the same numbers.
B images, D width of the teacher, N its patches of a global crop.
"""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from core import RequestError
from train import dist
from train.method.teacher import TeacherFeatures

GIB = 2**30


class TeacherMemory:
    """A bank of `TeacherFeatures` by the image's place in the source; all ranks of one machine share it."""

    def __init__(self, folder: Path, images: int, patches: int, width: int, leads: bool = True):
        shapes = {"cls": (images, 2, width), "patches": (images, 2, patches, width)}
        if leads:
            folder.mkdir(parents=True, exist_ok=True)
            _refuse_without_room(folder, sum(2 * int(np.prod(shape)) for shape in shapes.values()))
            for name, shape in shapes.items():
                _create(folder / f"{name}.npy", np.float16, shape)
            _create(folder / "known.npy", np.uint8, (images,))
        dist.wait()
        self._cls, self._patches, self._known = (
            np.load(folder / f"{name}.npy", mmap_mode="r+") for name in ("cls", "patches", "known")
        )

    def recall(self, crops: Tensor, indices: Tensor, compute: Callable[[Tensor], TeacherFeatures]) -> TeacherFeatures:
        """The teacher's features of crops [2B, C, S, S] of the images `indices` [B]; `compute` makes those not yet known.

        Numbers pass through float16 the first time too, so that all epochs are taught alike.
        """
        rows = indices.numpy()
        places = np.sort(np.unique(rows, return_index=True)[1])  # about the end of an epoch an image may come twice
        fresh = places[self._known[rows[places]] == 0]
        if len(fresh):
            chosen = torch.from_numpy(fresh).to(crops.device)
            seen = compute(crops.unflatten(0, (2, len(rows)))[:, chosen].flatten(0, 1))
            for bank, part in ((self._cls, seen.cls), (self._patches, seen.patches)):
                bank[rows[fresh]] = part.unflatten(0, (2, len(fresh))).transpose(0, 1).half().cpu().numpy()
            self._known[rows[fresh]] = 1
        return TeacherFeatures(*(_read(bank, rows, crops.device) for bank in (self._cls, self._patches)))


def _read(bank: np.ndarray, rows: np.ndarray, device: torch.device) -> Tensor:
    return torch.from_numpy(bank[rows]).to(device).float().transpose(0, 1).flatten(0, 1)


def _create(path: Path, dtype: type, shape: tuple[int, ...]) -> None:
    if not path.exists():
        np.lib.format.open_memmap(path, mode="w+", dtype=dtype, shape=shape)


def _refuse_without_room(folder: Path, needed: int) -> None:
    taken = sum(path.stat().st_blocks * 512 for path in folder.glob("*.npy"))
    free = shutil.disk_usage(folder).free
    if needed - taken > free:
        raise RequestError(
            f"What the teacher says of all images takes {needed / GIB:.1f} GiB in {folder}, where {free / GIB:.1f} GiB "
            "are free; choose another --out, smaller crops, or leave out --fixed-crops."
        )
