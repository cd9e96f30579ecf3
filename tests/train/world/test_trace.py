"""Shapes, tiles and tracing, against closed forms and slow references."""

import numpy as np
import pytest

from train.world import WorldConfig
from train.world.backdrop import NO_HILLS, NOTHING, OPEN_SKY, Backdrop
from train.world.camera import aim
from train.world.materials import material
from train.world.scene import Scene, compose
from train.world.shapes import Builder, Joined, outline, turn
from train.world.stage import Stage, pixel_centres
from train.world.truth import observe

NOWHERE = Backdrop(
    "nowhere", NOTHING, np.zeros(3), np.zeros(3), 1.0, OPEN_SKY, np.ones(3), np.ones(3), 0.0, NO_HILLS, np.zeros(3), 0.0,
    np.zeros(3), 0.0, 0, np.zeros(3), np.zeros(3), 0.0, np.array([0.0, 1.0, 0.0]), np.ones(3), 1.0, 0.0,
)  # fmt: skip


def build(add, melt=0.0):
    builder = Builder()
    builder.paint(material("#808080"))
    builder.soft(melt)
    add(builder)
    return builder


UPRIGHT, ORIGIN = np.eye(3), np.zeros(3)


def distances(builder, points, axes=UPRIGHT, place=ORIGIN, scale=1.0):
    """Distance of each shape to each point: [points, shapes]."""
    from train.world import trace

    shapes, _, _ = builder.placed(axes, place, scale, 1, 0, 0)
    count = range(len(shapes.floats))
    return np.array([[trace.distance(shapes.floats, i, shapes.ints[i, 0], *p) for i in count] for p in points])


@pytest.fixture
def points():
    return np.random.default_rng(0).uniform(-2, 2, (200, 3))


def test_a_limb_is_all_balls_between_its_ends(points):
    a, b, ra, rb = np.array([-0.5, 0.2, 0.1]), np.array([0.7, -0.3, 0.4]), 0.5, 0.2
    share = np.linspace(0, 1, 20001)[:, None]
    centres, radii = a + (b - a) * share, (ra + (rb - ra) * share)[:, 0]
    expected = [(np.linalg.norm(p - centres, axis=1) - radii).min() for p in points]
    found = distances(build(lambda one: one.limb(a, b, ra, rb)), points)[:, 0]
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_a_box_is_its_closed_form(points):
    half = np.array([0.6, 0.3, 0.9])
    beyond = np.abs(points) - half
    expected = np.linalg.norm(np.maximum(beyond, 0), axis=1) + np.minimum(beyond.max(1), 0)
    found = distances(build(lambda one: one.box((0, 0, 0), half)), points)[:, 0]
    np.testing.assert_allclose(found, expected, atol=1e-9)


def test_a_plate_is_near_its_polygon(points):
    corners = np.array([(0, 0), (1, 0.1), (0.9, 1), (-0.2, 0.8)])
    u = np.linspace(0, 1, 201)
    u, v = (a.ravel()[:, None] for a in np.meshgrid(u, u))
    filled = (corners[0] * (1 - u) + corners[1] * u) * (1 - v) + (corners[3] * (1 - u) + corners[2] * u) * v
    filled = np.concatenate([filled, np.zeros_like(u)], axis=1)
    expected = [np.linalg.norm(p - filled, axis=1).min() - 0.05 for p in points]
    for given in (corners, corners[::-1]):  # either way round
        found = distances(build(lambda one, c=given: one.plate((0, 0, 0), c, 0.05)), points)[:, 0]
        np.testing.assert_allclose(found, expected, atol=0.01)


@pytest.mark.parametrize(
    "add",
    [
        lambda one: one.ball((0.1, 0.2, 0), (0.9, 0.4, 0.3), turn(0.4, 0.3)),
        lambda one: one.disc((0, 0.1, 0.2), 0.7, 0.2, (1, 0.3, 0), 0.1),
        lambda one: one.hull((0, 0, 0), (1.2, 0.4, 0.5), 0.0, 0.2, 0.4),
        lambda one: one.box((0, 0, 0), (0.8, 0.4, 0.5), 0.1, turn(0.3), (0.3, 0.4), -0.1),
        lambda one: one.limb((-0.5, 0, 0), (0.6, 0.3, 0), 0.4, 0.2, 0.3),
    ],
    ids=["ball", "disc", "hull", "box", "flat limb"],
)
def test_no_step_goes_through_a_surface(add, points):
    """Walking by the distance never changes sign, and what lies within the shape lies within its box and capsule."""
    builder = build(add)
    points = points * 0.4
    directions = np.random.default_rng(1).normal(0, 1, points.shape)
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    start = distances(builder, points)[:, 0]
    for share in (0.3, 0.7, 0.98):
        moved = distances(builder, points + directions * (start * share)[:, None])[:, 0]
        assert (np.sign(moved) == np.sign(start))[start > 0].all()
    row = builder.floats[0]
    inside = points[start < 0]
    own = (inside - row[:3]) @ row[3:12].reshape(3, 3).T - row[32:35]
    assert len(inside) > 3
    assert (np.abs(own) <= row[35:38] + 1e-9).all()
    ends = row[23:26], row[27:30]
    along = np.clip((inside - ends[0]) @ (ends[1] - ends[0]) / max(((ends[1] - ends[0]) ** 2).sum(), 1e-12), 0, 1)
    off = np.linalg.norm(inside - ends[0] - along[:, None] * (ends[1] - ends[0]), axis=1)
    assert (off <= row[26] + (row[30] - row[26]) * along + 0.02).all()


def test_turning_and_scaling_carries_distances_with_it(points):
    builder = build(lambda one: (one.limb((0, 0, 0), (0.5, 0.2, 0), 0.3, 0.1, 0.5), one.plate((0, 0, 0), [(0, 0), (1, 0), (1, 1), (0, 1)], 0.1, bend=0.1)))  # fmt: skip
    axes, place = turn(0.7, 0.2, -0.4), np.array([3.0, -1.0, 2.0])
    np.testing.assert_allclose(
        distances(builder, 2.5 * points @ axes + place, axes, place, 2.5), 2.5 * distances(builder, points), atol=1e-9
    )


def ball_scene(radius=0.5, size=96):
    joined = Joined()
    joined.add(build(lambda one: one.ball((0, 0, 0), radius)), np.eye(3), np.array([0.1, 0.2, 0.0]), 1.0, 1)
    camera = aim(np.array([2.0, 1.0, 2.0]), np.zeros(3), 120.0, size)
    owners = np.concatenate(joined.owners)
    return Scene(
        0, "cat", joined.shapes(), owners, np.array(joined.frames), np.array(joined.materials), (), NOWHERE, camera, 1.0, ("cat",), False
    )  # fmt: skip


def test_depth_of_a_ball_is_the_closed_form():
    scene = ball_scene()
    stage = Stage(scene)
    xy = pixel_centres(96)
    truth = observe(stage, stage.hit(xy))
    pose = truth.camera
    rays = np.linalg.inv(pose.intrinsics) @ np.concatenate([xy.T, np.ones((1, len(xy)))])
    centre = pose.extrinsics[:, :3] @ [0.1, 0.2, 0.0] + pose.extrinsics[:, 3]
    a, b, c = (rays**2).sum(0), rays.T @ centre, centre @ centre - 0.25
    inside = b**2 - a * c
    expected = np.where(inside > 0, (b - np.sqrt(np.maximum(inside, 0))) / a, 0).reshape(96, 96)
    clear = np.abs(inside.reshape(96, 96)) > 0.05  # off the rim, where a third of a pixel is far in depth
    assert ((truth.depth > 0) == (expected > 0))[clear].all()
    np.testing.assert_allclose(truth.depth[clear], expected[clear], atol=0.012)
    assert (truth.mask == (truth.depth > 0)).all()


def test_tiles_lose_nothing():
    """What is found through the tiles is what is found where every tile lists every shape."""
    scene = compose(5, "horse", 64, WorldConfig())
    stage = Stage(scene)
    xy = pixel_centres(64)
    hit = stage.hit(xy)
    members, counts = stage.listing
    everything = np.tile(np.arange(len(scene.shapes.floats), dtype=np.int32), (len(members), 1))
    stage.listing = everything, np.full_like(counts, everything.shape[1])
    slow = stage.hit(xy)
    same = hit.shapes[:, 0] == slow.shapes[:, 0]
    assert same.mean() > 0.998
    np.testing.assert_allclose(hit.distance[same], slow.distance[same], rtol=2e-3)


def test_melting_adds_and_never_takes_away():
    from train.world import trace

    def pair(melt):
        return build(lambda one: (one.ball((-0.4, 0, 0), 0.5), one.ball((0.4, 0, 0), 0.5)), melt)

    points = np.random.default_rng(2).uniform(-1, 1, (100, 3))
    shapes, _, _ = pair(0.3).placed(np.eye(3), np.zeros(3), 1.0, 1, 0, 0)
    every = np.arange(2, dtype=np.int32)
    melted = np.array([trace._scene(*shapes, every, 2, *p) for p in points])
    apart = distances(pair(0.0), points).min(1)
    assert (melted <= apart + 1e-12).all()
    assert (melted >= apart - 0.3 / 4 - 1e-12).all()
    assert trace._scene(*shapes, every, 2, 0.0, 0.35, 0.0) < apart.max()
    far = trace._scene(*shapes, every, 2, -0.95, 0.0, 0.0)
    assert far == pytest.approx(np.hypot(0.55, 0) - 0.5)


def test_the_outline_is_what_sticks_out():
    shapes, _, _ = build(lambda one: one.box((0, 0, 0), (1, 2, 3))).placed(np.eye(3), np.zeros(3), 2.0, 1, 0, 0)
    np.testing.assert_allclose(outline(shapes).max(0), [2, 4, 6])
