"""Places of a grid's patches on a picture, and of a pixel in the grid.

Positions on the picture are (x, y) in continuous pixels of the original (pixel i covers [i, i+1)); positions on
the grid are (row, column).
"""

from dataclasses import dataclass

from core.errors import RequestError

LARGEST_SIZE = 4096
"""Longest input side in pixels: 85,000 patches, whose attention a machine of today still computes."""


@dataclass(frozen=True)
class Geometry:
    """Positions of a grid's patches on the original picture.

    The longer side is covered exactly; the picture is scaled by one factor, so patches are square on it. Along
    the shorter side the grid is centred and may leave out, or stick out by, a quarter of a patch at either edge
    (more only where the picture is thinner than half a patch).

    >>> g = Geometry(height=427, width=640, rows=25, columns=37, patch=14)
    >>> g.patch_at(*g.center(3, 8))
    (3, 8)
    """

    height: int
    width: int
    rows: int
    columns: int
    patch: int

    @property
    def stride(self) -> float:
        """Side of one patch in pixels of the original."""
        return max(self.height, self.width) / max(self.rows, self.columns)

    @property
    def covered(self) -> tuple[float, float, float, float]:
        """Left, top, right, bottom of the grid on the original, in pixels; a little outside it where padded."""
        left, top = self._x(0), self._y(0)
        return left, top, self._x(2 * self.columns), self._y(2 * self.rows)

    def patch_at(self, x: float, y: float) -> tuple[int, int]:
        """(row, column) of the patch under a position; the nearest one for positions no patch covers."""
        return self._index(y, self.height, self.rows), self._index(x, self.width, self.columns)

    def center(self, row: int, column: int) -> tuple[float, float]:
        """(x, y) of a patch's middle on the original."""
        return self._x(2 * column + 1), self._y(2 * row + 1)

    def box(self, row: int, column: int) -> tuple[float, float, float, float]:
        """Left, top, right, bottom of a patch on the original, clipped to the picture."""
        left, right = self._x(2 * column), self._x(2 * column + 2)
        top, bottom = self._y(2 * row), self._y(2 * row + 2)
        return max(left, 0.0), max(top, 0.0), min(right, float(self.width)), min(bottom, float(self.height))

    # Everything below is a quotient of whole numbers, rounded once: a pixel on the line between two patches
    # belongs to the same one whichever way it is asked for.

    def _x(self, halves: int) -> float:
        return self._position(halves, self.width, self.columns)

    def _y(self, halves: int) -> float:
        return self._position(halves, self.height, self.rows)

    def _position(self, halves: int, side: int, patches: int) -> float:
        """Pixels from the picture's edge to the point so many half patches from the grid's edge."""
        longest, most = max(self.height, self.width), max(self.rows, self.columns)
        return (side * most + (halves - patches) * longest) / (2 * most)

    def _index(self, position: float, side: int, patches: int) -> int:
        longest, most = max(self.height, self.width), max(self.rows, self.columns)
        index = ((2 * position - side) * most + patches * longest) // (2 * longest)
        return int(min(max(index, 0), patches - 1))


def plan_grid(height: int, width: int, size: int, patch: int) -> Geometry:
    """The patch grid for a picture whose longer side shall be about `size` pixels: the nearest multiple of `patch`."""
    if not patch <= size <= LARGEST_SIZE:
        raise RequestError(f"size is {size}; choose from {patch} (one patch) to {LARGEST_SIZE} pixels.")
    most = _nearest(size, patch)
    rows, columns = (max(_nearest(side * most, max(height, width)), 1) for side in (height, width))
    return Geometry(height, width, rows, columns, patch)


def whole_size(size: int, patch: int) -> int:
    """The longer side in pixels, a multiple of `patch`, that `plan_grid` makes of `size`; RequestError as there.

    >>> whole_size(340, 14)
    336
    """
    if isinstance(size, bool) or not isinstance(size, int):
        raise RequestError(f"size is {size!r}; give a whole number of pixels.")
    return min(plan_grid(1, 1, size, patch).rows, LARGEST_SIZE // patch) * patch


def _nearest(length: float, unit: int) -> int:
    """A length in whole units; halves round up."""
    return int((2 * length + unit) // (2 * unit))
