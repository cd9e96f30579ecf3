"""The colour of things: patterns in object space, so that a stripe follows the body it lies on. Compiled by numba.

Self-contained (`trace` says why). A material is one row of floats (`materials.Material` says which); colours are
linear RGB in 0..1.
"""

import math

import numpy as np

from train.world.compiled import compiled
from train.world.materials import (
    CELLS,
    EYE,
    FEATHERS,
    GRAIN,
    LEAVES,
    LIVERY,
    PATCHES,
    PLANKS,
    RINGS,
    SEAMS,
    SPOTS,
    STONE,
    STRIPES,
    WEAVE,
    WHEEL,
)


@compiled
def _hash(x, y, z):
    h = (x * 73856093) ^ (y * 19349663) ^ (z * 83492791)
    h = ((h ^ (h >> 13)) * 1274126177) & 0x7FFFFFFF
    return ((h ^ (h >> 11)) & 0xFFFF) / 65535.0


@compiled
def noise(x, y, z):
    """Value noise in 0..1 with cells of side 1."""
    fx, fy, fz = math.floor(x), math.floor(y), math.floor(z)
    i, j, k = int(fx), int(fy), int(fz)
    x, y, z = x - fx, y - fy, z - fz
    x, y, z = x * x * (3 - 2 * x), y * y * (3 - 2 * y), z * z * (3 - 2 * z)
    a = _hash(i, j, k) * (1 - x) + _hash(i + 1, j, k) * x
    b = _hash(i, j + 1, k) * (1 - x) + _hash(i + 1, j + 1, k) * x
    c = _hash(i, j, k + 1) * (1 - x) + _hash(i + 1, j, k + 1) * x
    d = _hash(i, j + 1, k + 1) * (1 - x) + _hash(i + 1, j + 1, k + 1) * x
    return (a * (1 - y) + b * y) * (1 - z) + (c * (1 - y) + d * y) * z


@compiled
def _cells(x, y, z):
    """Distances to the nearest and second nearest of one random point per cell, and a number of the nearest."""
    i, j, k = math.floor(x), math.floor(y), math.floor(z)
    d1, d2, owner = 9.0, 9.0, 0.0
    for a in range(i - 1, i + 2):
        for b in range(j - 1, j + 2):
            for c in range(k - 1, k + 2):
                u = a + 0.15 + 0.7 * _hash(a, b, c) - x
                v = b + 0.15 + 0.7 * _hash(a + 71, b, c) - y
                w = c + 0.15 + 0.7 * _hash(a, b + 37, c) - z
                d = u * u + v * v + w * w
                if d < d1:
                    d1, d2, owner = d, d1, _hash(a, b, c + 5)
                elif d < d2:
                    d2 = d
    return math.sqrt(d1), math.sqrt(d2), owner


@compiled
def _step(low, high, x):
    t = min(max((x - low) / (high - low), 0.0), 1.0)
    return t * t * (3 - 2 * t)


@compiled
def _coat(kind, m, x, y, z):
    """(share of the second colour, share of the third) for the patterns of living things and cloth."""
    scale, p, q, seed = m[10], m[11], m[12], m[18]
    if kind == STRIPES:
        warp = 1.6 * noise(x * scale * 0.5 + seed, y * scale * 0.5, z * scale * 0.5)
        wave = math.sin(6.2832 * (x * scale * 0.5 + warp) + q * y * scale)
        broken = noise(x * scale + seed, y * scale * 0.6, z * scale)
        return _step(p, p + 0.45, wave * 0.5 + 0.35 * broken), 0.0
    if kind == SPOTS:
        near, second, owner = _cells(x * scale + seed, y * scale, z * scale)
        radius = p * (0.6 + 0.6 * owner)
        return 1 - _step(radius * 0.8, radius, near), 0.0
    if kind == PATCHES:
        a = 0.7 * noise(x * scale + seed, y * scale, z * scale) + 0.3 * noise(
            x * scale * 2.7, y * scale * 2.7 + seed, z * scale * 2.7
        )
        b = noise(x * scale * 0.8 - seed, y * scale * 0.8, z * scale * 0.8 + 9)
        return _step(p - 0.03, p + 0.03, a), _step(q - 0.03, q + 0.03, b)
    if kind == CELLS:
        wx = x * scale + seed + 0.35 * noise(x * scale * 2, y * scale * 2, z * scale * 2)
        near, second, owner = _cells(wx, y * scale, z * scale)
        return _step(p, p + 0.08, second - near), 0.6 * (owner - 0.3) if owner > 0.3 else 0.0
    if kind == WEAVE:
        a = math.sin(6.2832 * x * scale) * math.sin(6.2832 * (z + y) * scale)
        return _step(-0.1, 0.1, a), 0.0
    if kind == FEATHERS:
        row = math.floor(x * scale)
        u = x * scale - row
        v = (y + abs(z)) * scale * 1.1 + 0.5 * (row % 2)
        v = v - math.floor(v) - 0.5
        return p * _step(0.55, 0.95, u + 1.6 * v * v), q * noise(
            x * scale * 0.5 + seed, y * scale * 0.5, z * scale * 0.5
        )
    return 0.0, 0.0


@compiled
def _made(kind, m, lx, ly, lz, x, y, z):
    """The same for the patterns of made things, by the place on the shape itself (lx, ly, lz) or on the object."""
    scale, p, q, seed = m[10], m[11], m[12], m[18]
    if kind == RINGS:
        wave = math.sin(6.2832 * lx * scale + 1.5 * noise(x * scale * 3, y * scale * 3, z * scale * 3))
        return _step(p, p + 0.4, wave), 0.0
    if kind == GRAIN:
        a = noise(lx * scale * 0.6 + seed, ly * scale * 6, lz * scale * 6)
        b = noise(lx * scale * 1.5 + seed, ly * scale * 22, lz * scale * 22)
        return 0.65 * a + 0.35 * b, 0.0
    if kind == EYE:
        r = math.sqrt(lx * lx + ly * ly + lz * lz) + 1e-9
        angle = math.acos(min(max(lx / r, -1.0), 1.0))
        wide = abs(lz) / r
        slit = angle if q < 0.5 else math.sqrt((wide * 3.2) ** 2 + (ly / r) ** 2)
        return 1 - _step(scale, scale + 0.16, angle), 1 - _step(p, p + 0.14, slit if lx > 0 else 3.0)
    if kind == WHEEL:
        r = math.sqrt(lx * lx + ly * ly) / m[13]
        spokes = math.cos(math.atan2(ly, lx) * p)
        open_ = _step(0.0, 0.35, spokes) * _step(0.2, 0.26, r) * (1 - _step(q * 0.8, q * 0.86, r))
        return (1 - _step(q, q + 0.04, r)) * (1 - open_ * 0.85), 0.0
    if kind == LIVERY:
        line = y - p - m[13] * x * x
        return 1 - _step(-0.002, 0.002, line), _step(-0.002, 0.002, line) * (1 - _step(-0.002, 0.002, line - q))
    if kind in (PLANKS, SEAMS):
        u = (ly if kind == PLANKS else lx) * scale
        row = math.floor(u)
        edge = abs(u - row - 0.5) * 2
        return p * _step(0.86, 0.97, edge), q * _hash(int(row) + int(seed), 3, 1)
    return 0.0, 0.0


@compiled
def _surface(m, lx, ly, lz, x, y, z, ny, blur):
    """Colour of one material at a place of the object: `blur` is the width of a pixel there."""
    kind = int(m[9])
    if kind in (RINGS, GRAIN, EYE, WHEEL, LIVERY, PLANKS, SEAMS):
        second, third = _made(kind, m, lx, ly, lz, x, y, z)
    elif kind in (LEAVES, STONE):
        s = m[10]
        a = noise(x * s + m[18], y * s, z * s)
        b = noise(x * s * 2.7, y * s * 2.7 + m[18], z * s * 2.7)
        c = noise(x * s * 6.1, y * s * 6.1 + m[18], z * s * 6.1)
        v = 0.5 * a + 0.3 * b + 0.2 * c
        second, third = _step(0.35, 0.65, v), _step(0.6, 0.8, b) * 0.5
    else:
        second, third = _coat(kind, m, x, y, z)
    r = m[0] + (m[3] - m[0]) * second
    g = m[1] + (m[4] - m[1]) * second
    b = m[2] + (m[5] - m[2]) * second
    if m[21] > 0:  # a pale belly
        third = max(third, m[21] * _step(0.15, -0.75, ny) if m[22] == 0 else m[21] * _step(m[22], m[22] - m[23], y))
    r += (m[6] - r) * third
    g += (m[7] - g) * third
    b += (m[8] - b) * third
    if m[19] > 0:
        s = m[20]
        fine = m[19] / (1 + (s * blur) ** 2)
        v = noise(x * s * 0.35 + m[18], y * s, z * s) * 0.6 + noise(x * s * 0.12, y * s * 0.3, z * s * 0.3) * 0.4
        v = 1 + fine * (v - 0.5) * 2
        r, g, b = r * v, g * v, b * v
    return r, g, b


@compiled
def paint_shapes(points, hits, surface, floats, ints, frames, materials, pixel, colours, gloss):
    """Fills `colours` [n, 3] and `gloss` [n, 3] (strength, sharpness, glow) where a shape was hit.

    Two shapes that melt together mix their colours over the width of the joint. Rough materials tilt the normals
    in `surface`.
    """
    for n in range(len(points)):
        first, second = hits[n, 0], hits[n, 1]
        if first < 0:
            continue
        f = frames[ints[first, 2]]
        dx, dy, dz = points[n, 0] - f[0], points[n, 1] - f[1], points[n, 2] - f[2]
        x = (dx * f[3] + dy * f[4] + dz * f[5]) / f[12]
        y = (dx * f[6] + dy * f[7] + dz * f[8]) / f[12]
        z = (dx * f[9] + dy * f[10] + dz * f[11]) / f[12]
        nx, ny, nz = surface[n, 1], surface[n, 2], surface[n, 3]
        up = nx * f[6] + ny * f[7] + nz * f[8]
        blur = surface[n, 0] * pixel / f[12]
        share = 0.0
        k = floats[first, 22]
        if second >= 0 and k > 0 and ints[second, 4] == ints[first, 4] and ints[second, 3] != ints[first, 3]:
            share = 0.5 * (1 - _step(0.0, k, surface[n, 5]))
        for turn in range(2):
            which = first if turn == 0 else second
            weight = 1 - share if turn == 0 else share
            if weight <= 0:
                continue
            s = floats[which]
            qx, qy, qz = points[n, 0] - s[0], points[n, 1] - s[1], points[n, 2] - s[2]
            lx = (qx * s[3] + qy * s[4] + qz * s[5]) / f[12]
            ly = (qx * s[6] + qy * s[7] + qz * s[8]) / f[12]
            lz = (qx * s[9] + qy * s[10] + qz * s[11]) / f[12]
            m = materials[ints[which, 3]]
            r, g, b = _surface(m, lx, ly, lz, x, y, z, up, blur)
            if turn == 0:
                colours[n, 0] = colours[n, 1] = colours[n, 2] = 0.0
                gloss[n, 0], gloss[n, 1], gloss[n, 2] = m[15], m[16], m[17]
                bump = m[14]
                if bump > 0:
                    s0 = m[20] if m[20] > 0 else m[10]
                    bump /= 1 + (s0 * blur) ** 2
                    nx += bump * (noise(x * s0 + 7, y * s0, z * s0) - 0.5)
                    ny += bump * (noise(x * s0, y * s0 + 7, z * s0) - 0.5)
                    nz += bump * (noise(x * s0, y * s0, z * s0 + 7) - 0.5)
                    norm = 1 / math.sqrt(nx * nx + ny * ny + nz * nz)
                    surface[n, 1], surface[n, 2], surface[n, 3] = nx * norm, ny * norm, nz * norm
            colours[n, 0] += r * weight
            colours[n, 1] += g * weight
            colours[n, 2] += b * weight


@compiled
def noise_field(x, y, z):
    """Value noise at given places [n], as an array."""
    out = np.empty(len(x))
    for n in range(len(x)):
        out[n] = noise(x[n], y[n], z[n])
    return out


@compiled
def grain_field(x, z, blur, seed, octaves):
    """Sum of noises about zero at places [n] of a plane, each gone where a pixel (`blur` wide) covers its cells.

    `octaves` [k, 4]: cells per unit, where in the noise, how squeezed along x, and how strong.
    """
    out = np.empty(len(x))
    for n in range(len(x)):
        total = 0.0
        for k in range(len(octaves)):
            scale = octaves[k, 0]
            fade = octaves[k, 3] / (1 + (blur[n] * scale * 0.9) ** 2)
            if fade > 0.004:
                total += fade * (noise(x[n] * scale * octaves[k, 2] + seed, octaves[k, 1], z[n] * scale) - 0.5)
        out[n] = total
    return out


@compiled
def cloud_field(rays, both, seed):
    """The thickness of clouds, 0..1, along rays [n, 3]; `both` has them below the horizon, too."""
    out = np.empty(len(rays))
    for n in range(len(rays)):
        up = (abs(rays[n, 1]) if both else max(rays[n, 1], 0.0)) + 0.16
        x, z = rays[n, 0] / up * 1.1 + seed, rays[n, 2] / up * 1.1
        total = 0.52 * noise(x, 0.5, z) + 0.26 * noise(2.1 * x, 3.5, 2.1 * z)
        out[n] = total + 0.14 * noise(4.3 * x, 7.5, 4.3 * z) + 0.08 * noise(9.1 * x, 11.5, 9.1 * z)
    return out
