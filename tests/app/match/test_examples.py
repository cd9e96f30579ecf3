"""What opens works: the examples of the tab and the sentences about them, asked of the model that ships."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from app.match import handlers
from app.match.handlers import MatchSettings
from app.server.engine import Engine
from app.server.models import Loaded
from app.server.session import Tray

PARTS = Path(__file__).parents[2] / "data" / "parts"
"""Index PNG of each elephant's parts, 0 the ground: `train.world.render` with the seeds in assets/gallery/table.json."""


@pytest.fixture(scope="module")
def shipped() -> tuple[Engine, Loaded]:
    engine = Engine("embedded")
    return engine, engine.models.get("embedded")


def pairs(shipped, name: str, reference: str) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Of each other picture by name: points of the reference and their matches, (x, y) as shares of their pictures."""
    engine, model = shipped
    tray = handlers.open_example(engine, Tray("ada"), name)
    (first,) = (picture.id for picture in tray.chosen if picture.name == reference)
    screen = handlers.show(engine, tray, model, MatchSettings(size=model.default_size), reference=first)
    sizes = [np.array(item.image.size) for item in screen.encoded.items]
    own = sizes[screen.encoded.ids.index(first)]
    return {
        screen.encoded.names[other]: (found.points_a.numpy() / own, found.points_b.numpy() / sizes[other])
        for other, found in screen.pairs.items()
    }


def part_at(name: str, points: np.ndarray) -> np.ndarray:
    parts = np.asarray(Image.open(PARTS / name.replace(".webp", ".png")))
    columns, rows = (points * np.array(parts.shape[::-1])).astype(int).T
    return parts[rows, columns]


def test_of_two_views_of_one_motorcycle_every_pair_is_right(shipped):
    ((left, right),) = pairs(shipped, "One motorcycle, two cameras", "motorcycle").values()
    shift = left - right
    assert len(shift) >= 20
    assert np.abs(shift[:, 1]).max() < 0.05  # the cameras stand side by side
    assert (shift[:, 0] > -0.02).all() and (shift[:, 0] < 0.12).all()  # the nearer, the further to the left


def test_of_two_elephants_most_pairs_join_the_same_part(shipped):
    name = "Elephants, as photographs and drawn"
    found = pairs(shipped, name, "elephant_000004.webp")
    shares = {
        other: np.mean((part_at("elephant_000004.webp", ours) == part_at(other, theirs)) & (part_at(other, theirs) > 0))
        for other, (ours, theirs) in found.items()
    }
    assert shares["elephant_000084.webp"] > 0.6 and shares["elephant_000124.webp"] > 0.5, shares
