"""Building things from shapes: balls, limbs, boxes, wheels, plates and hulls, each with a part, a colour and a name.

Own space of every object: x forward, y up, z to its right, metres; the ground is y = 0. `Builder.placed` turns it
into the arrays that `trace` and `paint` read.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from train.world.names import KEYPOINTS, PARTS

LIMB, ELLIPSOID, BOX, DISC, PLATE, HULL = range(6)
WIDTH = 42
"""Floats per shape: 0–2 place, 3–11 its axes (rows), 12–21 its measures, 22 how softly it melts into its group,
23–30 a capsule around it, 31 slope of its distance, 32–37 a box around it in its own axes (middle, half sizes), 38–41 a ball around it."""


class Mark(NamedTuple):
    """A named point of an object; it counts as seen where the surface in front of it is nearer by at most `depth`."""

    name: str
    position: np.ndarray
    part: str
    depth: float


class Shapes(NamedTuple):
    """Shapes of a scene: floats [n, WIDTH], ints [n, 5] (kind, part, instance, material, group)."""

    floats: np.ndarray
    ints: np.ndarray


def axes_from(forward: np.ndarray, up: np.ndarray | Sequence[float]) -> np.ndarray:
    """Right-handed axes (rows x, y, z) with x along `forward` and y as near to `up` as can be."""
    x = _unit(*(float(v) for v in forward))
    above = [float(v) for v in up]
    if abs(sum(a * b for a, b in zip(x, above, strict=True))) > 0.999 * math.hypot(*above):
        above = [0.0, 0.0, 1.0] if abs(x[2]) < 0.9 else [1.0, 0.0, 0.0]
    z = _unit(*_cross(x, above))
    return np.array([x, _cross(z, x), z])


def _unit(x: float, y: float, z: float) -> tuple[float, float, float]:
    length = max(math.sqrt(x * x + y * y + z * z), 1e-9)
    return x / length, y / length, z / length


def _cross(a, b) -> tuple[float, float, float]:
    """Plain numbers: NumPy's takes ten times as long for three of them."""
    return a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]


def turn(yaw: float = 0.0, pitch: float = 0.0, roll: float = 0.0) -> np.ndarray:
    """Axes (rows) turned left by `yaw`, then nose up by `pitch`, then right side down by `roll`; radians."""
    cy, sy, cp, sp, cr, sr = (f(a) for a in (yaw, pitch, roll) for f in (math.cos, math.sin))
    x = np.array([cy * cp, sp, -sy * cp])
    z0 = np.array([sy, 0.0, cy])
    y0 = np.array(_cross(z0, x))
    return np.stack([x, cr * y0 + sr * z0, cr * z0 - sr * y0])


class Builder:
    """Collects the shapes and marks of one object, in its own space.

    `part`, `material`, `group` and `melt` hold for what is added next; a group melts together, `rigid()` begins a
    group of its own for every shape. `setting` tells a builder where the object will be.
    """

    def __init__(self, setting: str = ""):
        self.setting = setting
        self.floats: list[np.ndarray] = []
        self.ints: list[tuple[int, int, int, int]] = []
        self.marks: list[Mark] = []
        self.materials: list[np.ndarray] = []
        self.part, self.material, self.group, self.melt = "body", 0, 0, 0.0

    def paint(self, material: np.ndarray) -> int:
        """Number of a material, which is now the one that shapes get."""
        self.materials.append(material)
        self.material = len(self.materials) - 1
        return self.material

    def soft(self, melt: float) -> None:
        """Begin a group whose shapes melt into one another over `melt` metres."""
        self.group, self.melt = self.group + 1, melt

    def rigid(self) -> None:
        """Shapes from now on keep their edges."""
        self.melt = 0.0

    def mark(self, name: str, position, part: str | None = None, depth: float = 0.02) -> None:
        """Name a point of the surface (or just below it, by at most `depth`)."""
        assert name in KEYPOINTS, name
        self.marks.append(Mark(name, np.asarray(position, float), part or self.part, depth))

    def _add(self, kind: int, place, axes: np.ndarray, measures, capsule, around, slope: float = 1.0) -> None:
        row = np.zeros(WIDTH)
        row[0:3], row[3:12] = place, axes.reshape(-1)
        row[12 : 12 + len(measures)] = measures
        row[22], row[23:31], row[31] = self.melt, capsule, slope
        row[32:35], row[35:38] = around
        if self.melt == 0:
            self.group += 1
        self.floats.append(row)
        self.ints.append((kind, PARTS.index(self.part), self.material, self.group))

    def limb(self, a, b, ra: float, rb: float | None = None, flat: float = 1.0, up=(0.0, 1.0, 0.0)) -> None:
        """A round cone from a (radius ra) to b (radius rb), made thin along its own z by `flat`."""
        a, b = np.asarray(a, float), np.asarray(b, float)
        rb = ra if rb is None else rb
        length = max(float(np.linalg.norm(b - a)), abs(ra - rb) * 1.02 + 1e-6)
        axes = axes_from(b - a, up)
        sine = (ra - rb) / length
        end = a + axes[0] * length
        measures = (length, ra, rb, sine, math.sqrt(1 - sine * sine), flat)
        thick = max(ra, rb)
        around = ((length + rb - ra) / 2, 0, 0), ((length + rb + ra) / 2, thick, thick * flat)
        self._add(LIMB, a, axes, measures, (*a, ra, *end, rb), around)

    def chain(self, points, radii, flat: float = 1.0, up=(0.0, 1.0, 0.0)) -> None:
        """Limbs from point to point."""
        for a, b, ra, rb in zip(points[:-1], points[1:], radii[:-1], radii[1:], strict=True):
            self.limb(a, b, ra, rb, flat, up)

    def ball(self, centre, radii, axes: np.ndarray | None = None, cut: float = 1e9) -> None:
        """An ellipsoid (radii along its axes, or one radius), cut off above `cut` along its own y."""
        radii = np.full(3, float(radii)) if np.ndim(radii) == 0 else np.asarray(radii, float)
        axes = np.eye(3) if axes is None else axes
        self._add(
            ELLIPSOID,
            centre,
            axes,
            (*radii, cut),
            _capsule(np.asarray(centre, float), axes, radii),
            (np.zeros(3), radii),
        )

    def box(
        self, centre, half, round_: float = 0.0, axes: np.ndarray | None = None, taper=(0.0, 0.0), lean: float = 0.0
    ) -> None:
        """A rounded box (half sizes); its top is smaller by the shares `taper` (x, z) and shifted by `lean`."""
        axes, half = np.eye(3) if axes is None else axes, np.asarray(half, float)
        slant = max(taper[0] * half[0] + abs(lean), taper[1] * half[2]) / (2 * half[1])
        measures = (*half, min(round_, float(half.min()) * 0.98), *taper, lean, 1 / math.sqrt(1 + slant * slant))
        reach = half + np.array([abs(lean), 0, 0])
        self._add(
            BOX,
            centre,
            axes,
            measures,
            _capsule(np.asarray(centre, float), axes, reach, box=True),
            (np.zeros(3), reach),
        )

    def disc(self, centre, radius: float, half: float, axle=(0, 0, 1), round_: float = 0.0, hole: float = 0.0) -> None:
        """A cylinder about `axle`, with a hole of radius `hole` where that is above zero."""
        z = np.asarray(axle, float) / np.linalg.norm(axle)
        side = axes_from(z, (0.0, 1.0, 0.0))
        axes = np.stack([side[2], side[1], z]) * np.array([[-1.0], [1.0], [1.0]])
        reach = np.array([radius, radius, half])
        capsule = _capsule(np.asarray(centre, float), axes, reach, box=True)
        self._add(DISC, centre, axes, (radius, half, min(round_, half * 0.98), hole), capsule, (np.zeros(3), reach))

    def plate(self, origin, corners, thick: float, axes: np.ndarray | None = None, bend: float = 0.0) -> None:
        """A flat thing with four corners [4, 2] in its own xy plane, `thick` metres half through."""
        axes = np.eye(3) if axes is None else axes
        c = np.asarray(corners, float)
        if np.sum(c[:, 0] * np.roll(c[:, 1], -1) - c[:, 1] * np.roll(c[:, 0], -1)) < 0:
            c = c[::-1]
        middle, reach = c.mean(0), np.abs(c - c.mean(0)).max(0)
        swell = abs(bend) * float(np.abs(c[:, 0]).max()) ** 2
        centre = np.asarray(origin, float) + middle @ axes[:2]
        reach = np.array([*(reach + thick), thick + swell])
        capsule = _capsule(centre, axes, reach, box=True)
        slope = 1 / math.sqrt(1 + (2 * bend * float(np.abs(c[:, 0]).max())) ** 2)
        self._add(PLATE, origin, axes, (*c.reshape(-1), bend, thick), capsule, ((*middle, 0.0), reach), slope)

    def hull(self, centre, half, bow: float = 0.1, rise: float = 0.1, narrow: float = 0.5) -> None:
        """A boat's hull of half sizes; `bow` is where along x (−1..1) it begins to narrow."""
        half = np.asarray(half, float)
        reach = half + np.array([0, rise, 0])
        capsule = _capsule(np.asarray(centre, float), np.eye(3), reach, box=True)
        self._add(HULL, centre, np.eye(3), (*half, bow, rise, narrow), capsule, (np.zeros(3), reach))

    def placed(
        self, axes: np.ndarray, place: np.ndarray, scale: float, instance: int, first_material: int, first_group: int
    ):
        """(Shapes, marks, frame [13]) in world space; the numbers are shifted so that objects can be joined."""
        floats = np.array(self.floats)
        own = floats[:, 3:12].reshape(-1, 3, 3)
        floats[:, 0:3] = floats[:, 0:3] * scale @ axes + place
        floats[:, 3:12] = (own @ axes).reshape(-1, 9)
        floats[:, 22] *= scale
        floats[:, 32:38] *= scale
        floats[:, 38:41] = floats[:, 0:3] + np.einsum("ni,nij->nj", floats[:, 32:35], own @ axes)
        floats[:, 41] = np.linalg.norm(floats[:, 35:38], axis=1)
        for e in (23, 27):
            floats[:, e : e + 3] = floats[:, e : e + 3] * scale @ axes + place
            floats[:, e + 3] *= scale
        ints = np.array([(k, p, instance, m + first_material, g + first_group) for k, p, m, g in self.ints], np.int64)
        for kind, lengths in _LENGTHS.items():
            rows = np.flatnonzero(ints[:, 0] == kind)
            floats[rows[:, None], lengths] *= scale
        floats[ints[:, 0] == PLATE, 20] /= scale
        marks = [
            mark._replace(position=mark.position * scale @ axes + place, depth=mark.depth * scale)
            for mark in self.marks
        ]
        return Shapes(floats, ints), marks, np.array([*place, *axes.reshape(-1), scale])


_LENGTHS = {
    LIMB: [12, 13, 14],
    ELLIPSOID: [12, 13, 14, 15],
    BOX: [12, 13, 14, 15, 18],
    DISC: [12, 13, 14, 15],
    PLATE: [12, 13, 14, 15, 16, 17, 18, 19, 21],
    HULL: [12, 13, 14, 16],
}
"""Which measures are lengths."""


class Joined:
    """Objects put together into one set of arrays; object 0 is nothing, at the origin."""

    def __init__(self):
        self.parts: list[Shapes] = []
        self.owners: list[np.ndarray] = []
        self.frames, self.materials = [np.array([0, 0, 0, *np.eye(3).reshape(-1), 1.0])], []
        self.marks: list[tuple[int, Mark]] = []
        self.groups = 0

    def add(self, builder: Builder, axes: np.ndarray, place: np.ndarray, scale: float, instance: int) -> None:
        """Put an object somewhere; `instance` 0 is scenery, which has no parts."""
        number = len(self.frames)
        shapes, marks, frame = builder.placed(axes, place, scale, number, len(self.materials), self.groups)
        if instance == 0:
            shapes.ints[:, 1] = 0
        self.parts.append(shapes)
        self.owners.append(np.full(len(shapes.floats), instance))
        self.frames.append(frame)
        self.materials += builder.materials
        self.marks += [(instance, mark) for mark in marks]
        self.groups += builder.group + 2

    def shapes(self) -> Shapes:
        """All of them."""
        return Shapes(np.concatenate([p.floats for p in self.parts]), np.concatenate([p.ints for p in self.parts]))


def extent_of(shapes: Shapes) -> float:
    """The longest side of the upright box around shapes, in metres."""
    ends = outline(shapes)
    return float((ends.max(0) - ends.min(0)).max())


def outline(shapes: Shapes) -> np.ndarray:
    """Points [m, 3] that stick out of the shapes: the ends of limbs and balls, the corners of all else."""
    corners = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)], float)
    tips = np.concatenate([np.eye(3), -np.eye(3)])
    rows = []
    for row, kind in zip(shapes.floats, shapes.ints[:, 0], strict=True):
        if kind == LIMB:
            rows += [row[23:26] + tips * row[26] * 0.95, row[27:30] + tips * row[30] * 0.95]
        else:
            directions = tips if kind == ELLIPSOID else corners
            rows.append(row[0:3] + (row[32:35] + directions * row[35:38]) @ row[3:12].reshape(3, 3))
    return np.concatenate(rows)


def _capsule(centre: np.ndarray, axes: np.ndarray, reach: np.ndarray, box: bool = False) -> tuple[float, ...]:
    """A capsule around something that reaches so far along its axes: (end, radius, other end, radius)."""
    longest = int(np.argmax(reach))
    others = np.delete(reach, longest)
    radius = float(np.hypot(*others)) if box else float(others.max())
    along = axes[longest] * (reach[longest] if box else max(reach[longest] - radius, 0.0))
    return (*(centre - along), radius, *(centre + along), radius)
