"""Work per pixel around the tracing: planes, nearness of the ground to things, edges. Compiled by numba.

Self-contained (`trace` says why).
"""

import math

import numpy as np

from train.world.compiled import compiled

FAR = 1e9
FARTHEST_GROUND = 400.0
"""Metres after which the ground is lost in the distance, per metre of the camera's scale."""


@compiled
def planes(rays, origin, ground, wall, normal, wall_at, reach, distance, kind):
    """Fills for every ray the distance to the floor y = 0 or the wall, and which: 0 neither, 1 floor, 2 wall."""
    facing_start = origin[0] * normal[0] + origin[1] * normal[1] + origin[2] * normal[2]
    for n in range(len(rays)):
        distance[n], kind[n] = FAR, 0
        if ground and rays[n, 1] < -1e-5:
            t = -origin[1] / rays[n, 1]
            if t < reach:
                distance[n], kind[n] = t, 1
        if wall:
            facing = rays[n, 0] * normal[0] + rays[n, 1] * normal[1] + rays[n, 2] * normal[2]
            if facing > 1e-5:
                t = (wall_at - facing_start) / facing
                if 0 < t < distance[n]:
                    distance[n], kind[n] = t, 2


@compiled
def ground_openness(points, field, x0, z0, step, reach, out):
    """Fills how open the ground is at points [n, 3], 0.35..1: closed under and beside things."""
    size = len(field)
    for n in range(len(points)):
        u, v = (points[n, 0] - x0) / step, (points[n, 2] - z0) / step
        if u < 0 or v < 0 or u >= size - 1 or v >= size - 1:
            out[n] = 1.0
            continue
        i, j = int(u), int(v)
        fu, fv = u - i, v - j
        top = field[j, i] * (1 - fu) + field[j, i + 1] * fu
        low = field[j + 1, i] * (1 - fu) + field[j + 1, i + 1] * fu
        near = max(top * (1 - fv) + low * fv, 0.0) / reach
        out[n] = 0.35 + 0.65 * min(near, 1.0) ** 0.7


@compiled
def edges(shape, distance, normal, colour, size):
    """Marks [size, size] of pixels with an edge to a neighbour: another depth, a fold, or a thing's colour change."""
    found = np.zeros((size, size), np.bool_)
    for row in range(size):
        for col in range(size):
            a = row * size + col
            for turn in range(2):
                if (turn == 0 and col + 1 == size) or (turn == 1 and row + 1 == size):
                    continue
                b = a + 1 if turn == 0 else a + size
                thing = shape[a] >= 0 or shape[b] >= 0
                near, far = min(distance[a], distance[b]), max(distance[a], distance[b])
                edge = thing and far > near * 1.02
                if not edge and thing:
                    fold = normal[a, 0] * normal[b, 0] + normal[a, 1] * normal[b, 1] + normal[a, 2] * normal[b, 2]
                    edge = fold < 0.7
                if not edge:
                    gap = 0.0
                    for c in range(3):
                        gap = max(
                            gap,
                            abs(
                                math.sqrt(min(max(colour[a, c], 0.0), 1.5))
                                - math.sqrt(min(max(colour[b, c], 0.0), 1.5))
                            ),
                        )
                    edge = gap > (0.15 if thing else 0.3)
                if edge:
                    found[row, col] = True
                    if turn == 0:
                        found[row, col + 1] = True
                    else:
                        found[row + 1, col] = True
    return found


@compiled
def lines(owner, group, labelled, distance, normal, size, jump):
    """Strength [size, size] of drawn lines: 1 around an object, less between its pieces, along folds, in scenery."""
    out = np.zeros((size, size))
    for row in range(size):
        for col in range(size):
            a = row * size + col
            for turn in range(2):
                if (turn == 0 and col + 1 == size) or (turn == 1 and row + 1 == size):
                    continue
                b = a + 1 if turn == 0 else a + size
                near, far = min(distance[a], distance[b]), max(distance[a], distance[b])
                strength = 0.0
                if owner[a] != owner[b]:
                    strength = 1.0
                elif group[a] != group[b]:
                    strength = 0.75
                elif group[a] >= 0 and far - near > jump:
                    strength = 0.85
                elif group[a] >= 0:
                    fold = normal[a, 0] * normal[b, 0] + normal[a, 1] * normal[b, 1] + normal[a, 2] * normal[b, 2]
                    if fold < 0.35:
                        strength = 0.5
                if not (labelled[a] or labelled[b]):
                    strength *= 0.6
                if strength > 0:  # both pixels, the nearer thing's more, so that lines lie on what they bound
                    c, d = (a, b) if distance[a] <= distance[b] else (b, a)
                    out[c // size, c % size] = max(out[c // size, c % size], strength)
                    out[d // size, d % size] = max(out[d // size, d % size], strength * 0.35)
    return out
