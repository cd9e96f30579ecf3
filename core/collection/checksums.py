"""Checksums of a collection's vector files, a row each: flipped bytes are noticed where they are read.

n pictures.

A picture's bytes are checked when they are first read in this process, and only its own: reading costs a few
microseconds more a picture, once (CRC-32 runs at 1 to 2.5 GB/s: for 100,000 pictures 0.04 s when the collection is
opened, 0.06 s at the first exact search of cls vectors, which takes 0.05 to 0.1 s itself). Checking whole files at opening would
read gigabytes before the first answer; a thread in the background would, too, beside the visitors.
"""

import zlib
from collections.abc import Mapping

import numpy as np

KINDS = ("cls", "mean", "cells", "places", "thumbnails")
"""Files with a checksum for each row; the last column is that of the basis the cells were projected with."""
COLUMNS = len(KINDS) + 1


def crc(data: np.ndarray) -> int:
    """The CRC-32 of an array's bytes; never 0, which stands for none: rows of before there were checksums."""
    return zlib.crc32(np.ascontiguousarray(data).reshape(-1).view(np.uint8).data) or 1


def row_spans(kind: str, places: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where each of the rows begins and ends in the array of that kind, [m] int64 both."""
    if kind == "cells":
        return places[rows, 0], places[rows, 0] + places[rows, 1] * places[rows, 2]
    if kind == "thumbnails":
        return places[rows, 3], places[rows, 3] + places[rows, 4]
    return rows, rows + 1


def row_sums(kind: str, array: np.ndarray, places: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """[m] uint32: the checksum of each of the rows in the array of that kind."""
    width = array.itemsize * array[0].size if len(array) else 0
    content, crc32 = array.reshape(-1).view(np.uint8).data, zlib.crc32
    starts, ends = ((span * width).tolist() for span in row_spans(kind, places, rows))
    return np.array([crc32(content[start:end]) or 1 for start, end in zip(starts, ends, strict=True)], np.uint32)


def sums_of(arrays: Mapping[str, np.ndarray], basis: np.ndarray | None) -> np.ndarray:
    """[n, COLUMNS] uint32 of rows that are about to be written: places count from wherever these rows begin."""
    places = np.array(arrays["places"])
    if len(places):
        places[:, [0, 3]] -= places[0, [0, 3]]
    rows = np.arange(len(places))
    columns = [row_sums(kind, arrays[kind], arrays["places"] if kind == "places" else places, rows) for kind in KINDS]
    return np.stack([*columns, np.full(len(rows), 0 if basis is None else crc(basis), np.uint32)], axis=1)


class Checks:
    """Which rows of a generation were read and found whole or damaged; threads may share it, as marks are only set."""

    def __init__(self, sums: np.ndarray, before: "Checks | None" = None):
        """`sums` [n, COLUMNS]; `before` is what was known of the first rows of the same generation."""
        self.sums = sums
        self.seen = {kind: np.zeros(len(sums), bool) for kind in KINDS}
        self.damaged = np.zeros(len(sums), bool)
        """[n]: rows with a file in which their bytes are not those that were written."""
        self.damaged_places = np.zeros(len(sums), bool)
        """[n]: those of them of which not even the id is known."""
        if before is not None:
            count = len(before.damaged)
            self.damaged[:count] = before.damaged
            self.damaged_places[:count] = before.damaged_places
            for kind in KINDS:
                self.seen[kind][:count] = before.seen[kind]

    def check(self, kind: str, array: np.ndarray, places: np.ndarray, rows: np.ndarray) -> None:
        """Read those of the rows that were not read yet, and mark the damaged ones.

        Without a checksum, numbers have to be finite, which is all that can be known of them.
        """
        new = rows[~self.seen[kind][rows]]
        if not len(new):
            return
        wanted = self.sums[new, KINDS.index(kind)]
        unknown = wanted == 0
        bad = ~unknown
        bad[bad] = row_sums(kind, array, places, new[~unknown]) != wanted[~unknown]
        if unknown.any() and np.issubdtype(array.dtype, np.floating):
            bad[unknown] = ~np.isfinite(array[new[unknown]]).all(axis=1)
        self._mark(kind, new[bad])
        self.seen[kind][new] = True

    def mark_places(self, impossible: np.ndarray) -> None:
        """Mark rows without a checksum whose places are impossible, [n] bool."""
        self._mark("places", np.flatnonzero(impossible & (self.sums[:, KINDS.index("places")] == 0)))

    def _mark(self, kind: str, rows: np.ndarray) -> None:
        self.damaged[rows] = True
        if kind == "places":
            self.damaged_places[rows] = True
