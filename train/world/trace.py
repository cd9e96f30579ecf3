"""Ray tracing of shapes: distance functions, tiles that know their shapes, sphere tracing. Compiled by numba.

Self-contained on purpose: numba keeps compiled kernels by the file they lie in, so a kernel that called into
another file would outlive a change there. A shape is one row of floats (`shapes.Row` says which) and one of ints:
kind, part, instance, material, group. Shapes of one group that follow one another melt together; groups do not.
"""

import math

import numpy as np

from train.world.compiled import compiled
from train.world.shapes import BOX, DISC, ELLIPSOID, LIMB, PLATE

TILE = 8
"""Pixels along the side of a tile; each tile keeps the list of shapes that can be seen in it."""
FAR = 1e9
STEPS = 160  # rays that graze a silhouette need many


@compiled
def _limb(f, i, x, y, z):
    """Round cone from the origin along local x: length, two radii, sine and cosine of its flank, flatness."""
    flat = f[i, 17]
    z = z / flat
    across = math.sqrt(y * y + z * z)
    k = across * -f[i, 15] + x * f[i, 16]
    if k < 0:
        d = math.sqrt(across * across + x * x) - f[i, 13]
    elif k > f[i, 16] * f[i, 12]:
        d = math.sqrt(across * across + (x - f[i, 12]) ** 2) - f[i, 14]
    else:
        d = across * f[i, 16] + x * f[i, 15] - f[i, 13]
    return d * flat


@compiled
def _ellipsoid(f, i, x, y, z):
    a, b, c = x / f[i, 12], y / f[i, 13], z / f[i, 14]
    k0 = math.sqrt(a * a + b * b + c * c)
    if k0 < 1e-6:
        return -min(f[i, 12], f[i, 13], f[i, 14])
    a, b, c = a / f[i, 12], b / f[i, 13], c / f[i, 14]
    d = k0 * (k0 - 1) / math.sqrt(a * a + b * b + c * c)
    return max(d, y - f[i, 15])


@compiled
def _box(f, i, x, y, z):
    """Rounded box whose top may be smaller than its bottom along x and z, and shifted along x."""
    up = y / f[i, 13] * 0.5 + 0.5
    up = min(max(up, 0.0), 1.0)
    a = abs(x - f[i, 18] * up) - f[i, 12] * (1 - f[i, 16] * up) + f[i, 15]
    b = abs(y) - f[i, 13] + f[i, 15]
    c = abs(z) - f[i, 14] * (1 - f[i, 17] * up) + f[i, 15]
    inside = min(max(a, b, c), 0.0)
    a, b, c = max(a, 0.0), max(b, 0.0), max(c, 0.0)
    return (math.sqrt(a * a + b * b + c * c) + inside - f[i, 15]) * f[i, 19]


@compiled
def _disc(f, i, x, y, z):
    """Rounded cylinder about local z; with a hole where its inner radius is above zero."""
    across = math.sqrt(x * x + y * y)
    a = across - f[i, 12] + f[i, 14]
    if f[i, 15] > 0:
        a = max(a, f[i, 15] + f[i, 14] - across)
    b = abs(z) - f[i, 13] + f[i, 14]
    inside = min(max(a, b), 0.0)
    a, b = max(a, 0.0), max(b, 0.0)
    return math.sqrt(a * a + b * b) + inside - f[i, 14]


@compiled
def _plate(f, i, x, y, z):
    """A convex four-cornered plate in the local xy plane, corners counter-clockwise, rounded by its thickness."""
    nearest = FAR
    within = True
    for a in range(4):
        b = (a + 1) % 4
        ex, ey = f[i, 12 + 2 * b] - f[i, 12 + 2 * a], f[i, 13 + 2 * b] - f[i, 13 + 2 * a]
        wx, wy = x - f[i, 12 + 2 * a], y - f[i, 13 + 2 * a]
        length = ex * ex + ey * ey
        if length < 1e-12:
            continue
        along = min(max((wx * ex + wy * ey) / length, 0.0), 1.0)
        dx, dy = wx - ex * along, wy - ey * along
        nearest = min(nearest, dx * dx + dy * dy)
        if ex * wy - ey * wx < 0:
            within = False
    flat = 0.0 if within else math.sqrt(nearest)
    bend = z - f[i, 20] * x * x
    return (math.sqrt(flat * flat + bend * bend) - f[i, 21]) * f[i, 31]


@compiled
def _hull(f, i, x, y, z):
    """A boat: pointed towards +x, blunt at the stern, narrower below, its deck risen at both ends."""
    along = x / f[i, 12]
    y = y - f[i, 16] * along * along
    bow = max(0.0, (along - f[i, 15]) / (1 - f[i, 15]))
    stern = max(0.0, (-along - 0.6) / 0.4)
    low = min(max(0.5 - 0.5 * y / f[i, 13], 0.0), 1.0)
    width = f[i, 14] * (1 - bow * bow) * (1 - 0.35 * stern * stern) * (1 - f[i, 17] * low * low)
    d = max(abs(z) - width, abs(y) - f[i, 13], x - f[i, 12] * (1 - 0.25 * low * low), -x - f[i, 12] * (1 - 0.08 * low))
    return d * 0.62


@compiled
def distance(f, i, kind, px, py, pz):
    """Signed distance from a point to one shape, never above the true one by more than a little."""
    px, py, pz = px - f[i, 0], py - f[i, 1], pz - f[i, 2]
    x = px * f[i, 3] + py * f[i, 4] + pz * f[i, 5]
    y = px * f[i, 6] + py * f[i, 7] + pz * f[i, 8]
    z = px * f[i, 9] + py * f[i, 10] + pz * f[i, 11]
    if kind == LIMB:
        return _limb(f, i, x, y, z)
    if kind == ELLIPSOID:
        return _ellipsoid(f, i, x, y, z)
    if kind == BOX:
        return _box(f, i, x, y, z)
    if kind == DISC:
        return _disc(f, i, x, y, z)
    if kind == PLATE:
        return _plate(f, i, x, y, z)
    return _hull(f, i, x, y, z)


@compiled
def _span(f, i, ox, oy, oz, dx, dy, dz):
    """Distances along a ray at which it enters and leaves the box around a shape (with room for melting)."""
    px, py, pz = ox - f[i, 0], oy - f[i, 1], oz - f[i, 2]
    enter, leave = 0.0, FAR
    for a in range(3):
        o = px * f[i, 3 + 3 * a] + py * f[i, 4 + 3 * a] + pz * f[i, 5 + 3 * a] - f[i, 32 + a]
        d = dx * f[i, 3 + 3 * a] + dy * f[i, 4 + 3 * a] + dz * f[i, 5 + 3 * a]
        half = f[i, 35 + a] + f[i, 22] * 0.8
        if abs(d) < 1e-9:
            if abs(o) > half:
                return 1.0, 0.0
            continue
        inverse = 1 / d
        one, two = (-half - o) * inverse, (half - o) * inverse
        enter, leave = max(enter, min(one, two)), min(leave, max(one, two))
    return enter, leave


@compiled
def _scene(floats, ints, members, count, px, py, pz):
    """Distance to the nearest group of some shapes, each group melted together."""
    nearest, melted, group = FAR, FAR, -1
    for m in range(count):
        i = members[m]
        d = distance(floats, i, ints[i, 0], px, py, pz)
        if ints[i, 4] != group:
            nearest = min(nearest, melted)
            melted, group = d, ints[i, 4]
        else:
            k = floats[i, 22]
            overlap = max(k - abs(melted - d), 0.0)
            melted = min(melted, d)
            if overlap > 0:
                melted -= overlap * overlap / (4 * k)
    return min(nearest, melted)


@compiled
def _around(floats, members, count, px, py, pz, reach, found):
    """The number of shapes within reach of a point; fills `found` with them."""
    some = 0
    for m in range(count):
        i = members[m]
        x, y, z = px - floats[i, 38], py - floats[i, 39], pz - floats[i, 40]
        far = floats[i, 41] + reach
        if x * x + y * y + z * z < far * far:
            found[some] = i
            some += 1
    return some


@compiled
def _owner(floats, ints, members, count, px, py, pz):
    """The two shapes nearest to a point on the surface, and how far the second is behind (to mix their colours)."""
    first, second, d1, d2 = -1, -1, FAR, FAR
    for m in range(count):
        i = members[m]
        d = distance(floats, i, ints[i, 0], px, py, pz)
        if d < d1:
            second, d2 = first, d1
            first, d1 = i, d
        elif d < d2:
            second, d2 = i, d
    return first, second, d2 - d1


@compiled
def tiles(floats, camera, rows, cols, margin):
    """Which shapes each tile of pixels can see: (members [rows·cols, n], counts)."""
    n = len(floats)
    members = np.zeros((rows * cols, n), np.int32)
    counts = np.zeros(rows * cols, np.int32)
    ortho = camera[15]
    half = TILE * 0.7072 + margin
    for i in range(n):
        ends = np.empty((2, 3))  # x, y, radius in pixels
        whole = False
        for e in range(2):
            q = floats[i, 23 + 4 * e : 27 + 4 * e]
            gap = q[:3] - camera[:3]
            u, v, w = (gap * camera[3:6]).sum(), (gap * camera[6:9]).sum(), (gap * camera[9:12]).sum()
            r = q[3] + max(floats[i, 22], 0.3 * camera[17])
            scale = camera[12]
            if ortho < 0.5:
                if w < 1.05 * r + 1e-3:
                    whole = True
                    w = 1.05 * r + 1e-3
                scale = camera[12] / w
                ends[e, 2] = (
                    r * camera[12] / math.sqrt(max(w * w - r * r, 1e-9)) * math.sqrt(1 + (u * u + v * v) / (w * w))
                )
            else:
                ends[e, 2] = r * scale
            ends[e, 0] = camera[13] + u * scale
            ends[e, 1] = camera[14] - v * scale
        widest = max(ends[0, 2], ends[1, 2]) + half
        c0 = int(max((min(ends[0, 0], ends[1, 0]) - widest) // TILE, 0))
        c1 = int(min((max(ends[0, 0], ends[1, 0]) + widest) // TILE, cols - 1))
        r0 = int(max((min(ends[0, 1], ends[1, 1]) - widest) // TILE, 0))
        r1 = int(min((max(ends[0, 1], ends[1, 1]) + widest) // TILE, rows - 1))
        if whole:
            c0, c1, r0, r1 = 0, cols - 1, 0, rows - 1
        ex, ey = ends[1, 0] - ends[0, 0], ends[1, 1] - ends[0, 1]
        length = ex * ex + ey * ey + 1e-9
        for row in range(r0, r1 + 1):
            for col in range(c0, c1 + 1):
                wx, wy = (col + 0.5) * TILE - ends[0, 0], (row + 0.5) * TILE - ends[0, 1]
                along = min(max((wx * ex + wy * ey) / length, 0.0), 1.0)
                dx, dy = wx - ex * along, wy - ey * along
                if whole or dx * dx + dy * dy < widest * widest:
                    t = row * cols + col
                    members[t, counts[t]] = i
                    counts[t] += 1
    return members, counts


@compiled
def _march(floats, ints, ids, count, ray, precision, room, now, along):
    """Walk along a ray (place, direction): (distance, distance left there, how many shapes are near; 0: nothing hit).

    `now` holds the shapes near the end; `room` and `along` are for use within.
    """
    ox, oy, oz, dx, dy, dz = ray
    t, end, few = FAR, 0.0, 0
    for m in range(count):
        i = ids[m]
        enter, leave = _span(floats, i, ox, oy, oz, dx, dy, dz)
        if enter < leave:
            along[few, 0], along[few, 1] = enter, leave
            room[few] = i
            few += 1
            t, end = min(t, enter), max(end, leave)
    t = max(t, 1e-3)
    for _ in range(STEPS):
        here, ahead = 0, FAR
        for m in range(few):  # shapes whose box the ray is in; to the others it has this far to go at least
            if t < along[m, 0]:
                ahead = min(ahead, along[m, 0] - t + 1e-9)
            elif t <= along[m, 1]:
                now[here] = room[m]
                here += 1
        d = ahead
        if here > 0:
            d = _scene(floats, ints, now, here, ox + dx * t, oy + dy * t, oz + dz * t)
            if d < (precision if precision > 0 else -precision * t):
                return t, d, here
            d = min(d, ahead)
        t += d
        if t > end:
            break
    return FAR, FAR, 0


@compiled
def _slope(floats, ints, now, here, x, y, z, d, e):
    """Unit normal where the distance is `d`, by steps of `e`."""
    nx = _scene(floats, ints, now, here, x + e, y, z) - d
    ny = _scene(floats, ints, now, here, x, y + e, z) - d
    nz = _scene(floats, ints, now, here, x, y, z + e) - d
    norm = 1 / math.sqrt(nx * nx + ny * ny + nz * nz + 1e-30)
    return nx * norm, ny * norm, nz * norm


@compiled
def trace(xy, floats, ints, camera, listing, cols, detail, rays, hits, surface):
    """Follow one ray per sample point (x, y in pixels) to the first surface.

    Fills `rays` [n, 3] (unit directions), `hits` [n, 2] int (nearest shape or −1, the second nearest) and `surface`
    [n, 6]: distance along the ray (1e9: none), with `detail` the normal and the openness in 0..1 (ambient
    occlusion), and the lead over the second shape.
    """
    members, counts = listing
    room, now, along = np.empty(len(floats), np.int32), np.empty(len(floats), np.int32), np.empty((len(floats), 2))
    ortho, rows = camera[15] > 0.5, len(counts) // cols
    precision, reach = camera[16] if ortho else -camera[16], 0.7 * camera[17]
    for n in range(len(xy)):
        hits[n, 0] = hits[n, 1] = -1
        surface[n, 0] = FAR
        surface[n, 1:] = 0.0
        u, v = (xy[n, 0] - camera[13]) / camera[12], -(xy[n, 1] - camera[14]) / camera[12]
        ox, oy, oz, dx, dy, dz = camera[0], camera[1], camera[2], camera[9], camera[10], camera[11]
        sx, sy, sz = u * camera[3] + v * camera[6], u * camera[4] + v * camera[7], u * camera[5] + v * camera[8]
        if ortho:
            ox, oy, oz = ox + sx, oy + sy, oz + sz
        else:
            dx, dy, dz = dx + sx, dy + sy, dz + sz
            norm = 1 / math.sqrt(dx * dx + dy * dy + dz * dz)
            dx, dy, dz = dx * norm, dy * norm, dz * norm
        rays[n, 0], rays[n, 1], rays[n, 2] = dx, dy, dz
        tile = min(max(int(xy[n, 1] // TILE), 0), rows - 1) * cols + min(max(int(xy[n, 0] // TILE), 0), cols - 1)
        count = counts[tile]
        if count == 0:
            continue
        ids = members[tile]
        t, d, here = _march(floats, ints, ids, count, (ox, oy, oz, dx, dy, dz), precision, room, now, along)
        if here == 0:
            continue
        x, y, z = ox + dx * t, oy + dy * t, oz + dz * t
        surface[n, 0] = t + d
        hits[n, 0], hits[n, 1], surface[n, 5] = _owner(floats, ints, now, here, x, y, z)
        if detail:
            nx, ny, nz = _slope(floats, ints, now, here, x, y, z, d, abs(precision) * t * 0.7)
            surface[n, 1], surface[n, 2], surface[n, 3] = nx, ny, nz
            here = _around(floats, ids, count, x, y, z, 2 * reach, now)
            g = _scene(floats, ints, now, here, x + nx * reach, y + ny * reach, z + nz * reach)
            # a shape that the tile does not list is far off; the ground is closed by `light`
            surface[n, 4] = min(max(g / reach, 0.0), 1.0)


@compiled
def ground_field(floats, ints, x0, z0, step, size, height):
    """Distance from points just above the ground to the nearest shape: [size, size], rows along z."""
    field = np.full((size, size), FAR)
    for i in range(len(floats)):
        for row in range(size):
            for col in range(size):
                d = distance(floats, i, ints[i, 0], x0 + col * step, height, z0 + row * step)
                field[row, col] = min(field[row, col], d)
    return field
