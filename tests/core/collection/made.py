"""Collections of made-up vectors, so that a thousand pictures cost no forward pass."""

import hashlib
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional as F

from core.collection.encode import Entry
from core.collection.records import About
from core.collection.store import Store

WIDTH = 256


def store(root: Path, width: int = WIDTH) -> Store:
    made = Store(root)
    made.create(About(1, "Made", "model", "0" * 64, -1, 224, width, 14))
    return made


def entries(count: int, first: int = 0, width: int = WIDTH, grid: tuple[int, int] = (3, 4)) -> list[Entry]:
    """Entries that no other number has; vectors lie near 24 directions, as features do."""
    made = []
    shared = F.normalize(torch.randn(24, width, generator=torch.Generator().manual_seed(0)), dim=-1)
    for number in range(first, first + count):
        generator = torch.Generator().manual_seed(number)
        mixed = torch.randn(2 + grid[0] * grid[1], 24, generator=generator) @ shared
        noise = torch.randn(len(mixed), width, generator=generator) * 0.05
        cls, mean, *cells = F.normalize(mixed + noise, dim=-1)
        made.append(
            Entry(
                name=f"{number}.png",
                label="",
                digest=hashlib.sha256(str(number).encode()).hexdigest(),
                tags=("even",) if number % 2 == 0 else ("odd",),
                height=30,
                width=40,
                thumbnail=b"RIFF----WEBP" + str(number).encode(),
                cls=cls,
                mean=mean,
                cells=torch.stack(cells).unflatten(0, grid),
            )
        )
    return made


def check(made: Store) -> None:
    """Every picture's vectors, cells and thumbnail are its own, and nothing else is there."""
    snapshot = made.snapshot()
    records = {record.id: record for record in made.records.page(0, -1)}
    alive = np.flatnonzero(snapshot.alive)
    assert sorted(records) == snapshot.ids[alive].tolist()
    for row in alive.tolist():
        record = records[int(snapshot.ids[row])]
        number = int(record.name.removesuffix(".png"))
        (entry,) = entries(1, number)
        assert record.digest == entry.digest
        assert snapshot.thumbnail(row) == entry.thumbnail
        np.testing.assert_allclose(snapshot.cls[row], entry.cls, atol=1e-3)
        np.testing.assert_allclose(snapshot.mean[row], entry.mean, atol=1e-3)
        cosines = snapshot.grid(row) @ snapshot.project(entry.cells[1, 2])
        torch.testing.assert_close(cosines, entry.cells @ entry.cells[1, 2], atol=0.08, rtol=0)
