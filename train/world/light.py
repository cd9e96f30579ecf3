"""Light on what was hit: sun with soft shadow, sky from above, bounce from below, shine. Compiled by numba.

Self-contained (`trace` says why).
"""

import math

from train.world.compiled import compiled


@compiled
def _shadow(sun_map, camera, x, y, z):
    """Share of the sun that reaches a point, from the shadow map [size, size] of distances along the sun's rays."""
    size = len(sun_map)
    dx, dy, dz = x - camera[0], y - camera[1], z - camera[2]
    u = camera[13] + (dx * camera[3] + dy * camera[4] + dz * camera[5]) * camera[12]
    v = camera[14] - (dx * camera[6] + dy * camera[7] + dz * camera[8]) * camera[12]
    w = dx * camera[9] + dy * camera[10] + dz * camera[11]
    if u < 3 or v < 3 or u > size - 4 or v > size - 4:
        return 1.0
    bias = 1.6 / camera[12]
    u -= 0.5
    v -= 0.5
    c, r = math.floor(u), math.floor(v)
    fu, fv = u - c, v - r
    w -= bias
    lit = sun_map[r, c] > w
    if (
        (sun_map[r - 1, c - 1] > w) == lit
        and (sun_map[r - 1, c + 2] > w) == lit
        and (sun_map[r + 2, c - 1] > w) == lit
        and (sun_map[r + 2, c + 2] > w) == lit
    ):
        return 1.0 if lit else 0.0  # most points are far from any shadow's edge
    total = 0.0
    for i in range(-1, 3):  # a 3x3 box, slid smoothly
        wv = (1 - fv) if i == -1 else (fv if i == 2 else 1.0)
        for j in range(-1, 3):
            wu = (1 - fu) if j == -1 else (fu if j == 2 else 1.0)
            if sun_map[r + i, c + j] > w:
                total += wu * wv
    return total / 9.0


@compiled
def shade(
    points, rays, normals, colours, gloss, openness, sun, sun_colour, sky, bounce, sun_map, sun_camera, soft, out, parts
):
    """Fills `out` [n, 3], linear light, and `parts` [n, 2]: share of sun after shadow, and how bright in all.

    `soft` in 0..1 lets light creep around (fur, feathers, leaves).
    """
    texel = 1.0 / sun_camera[12]
    for n in range(len(points)):
        nx, ny, nz = normals[n, 0], normals[n, 1], normals[n, 2]
        facing = nx * sun[0] + ny * sun[1] + nz * sun[2]
        wrap = 0.35 * soft
        direct = max((facing + wrap) / (1 + wrap), 0.0)
        if direct > 0:
            push = 1.5 * texel
            direct *= _shadow(
                sun_map, sun_camera, points[n, 0] + nx * push, points[n, 1] + ny * push, points[n, 2] + nz * push
            )
        up = 0.5 + 0.5 * ny
        open_ = openness[n]
        # highlight halfway between the eye and the sun, and a rim of sky light at grazing angles
        hx, hy, hz = sun[0] - rays[n, 0], sun[1] - rays[n, 1], sun[2] - rays[n, 2]
        norm = 1 / math.sqrt(hx * hx + hy * hy + hz * hz + 1e-12)
        half = max((nx * hx + ny * hy + nz * hz) * norm, 0.0)
        look = max(-(nx * rays[n, 0] + ny * rays[n, 1] + nz * rays[n, 2]), 0.0)
        rim = (1 - look) ** 4
        strength, sharp, glow = gloss[n, 0], gloss[n, 1], gloss[n, 2]
        spark = strength * half**sharp * (0.3 if direct <= 0 else min(direct * 3, 1.0)) * (0.6 + sharp / 40)
        mirrored = strength * (0.18 + 0.82 * rim) * open_
        reflected_up = 0.5 + 0.5 * (2 * look * ny + rays[n, 1])
        for c in range(3):
            around = (sky[c] * up + bounce[c] * (1 - up)) * open_
            lit = colours[n, c] * (sun_colour[c] * direct + around)
            mirror = bounce[c] * 0.6 + (sky[c] - bounce[c] * 0.6) * min(max(reflected_up * 2 - 0.7, 0.0), 1.0)
            lit += mirrored * mirror * 0.75 + spark * sun_colour[c] * 0.8 + 0.05 * rim * around
            out[n, c] = lit * (1 - glow) + colours[n, c] * glow
        parts[n, 0] = direct
        parts[n, 1] = direct * 0.7 + 0.3 * up * open_
