"""Linear depth where a colour is a depth: the factor is found, and the figures by hand."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image

from core import Geometry
from core.pictures.geometry import plan_grid
from tests.train.evaluate.tasks.coloured import PATCH, SIZE
from train.evaluate.datasets.layouts.dense import depth_set
from train.evaluate.features.token_maps import TokenMap
from train.evaluate.tasks import depth
from train.evaluate.tasks.depth import bin_centres, depth_of, depth_on_patches, errors, log_loss, measure_depth

MODEL = SimpleNamespace(device=torch.device("cpu"))


@pytest.fixture
def ramps(tmp_path):
    """Smooth depths from 1 to 9 metres, which the red of the pictures tells."""
    random = np.random.default_rng(0)
    (tmp_path / "images").mkdir()
    (tmp_path / "depth").mkdir()
    for number in range(12):
        low, high = np.sort(random.uniform(1, 9, 2))
        metres = np.linspace(low, high, SIZE)[None].repeat(SIZE, axis=0)
        red = (metres * 25).round().astype(np.uint8)
        Image.fromarray(np.stack([red, red, red], axis=2)).save(tmp_path / "images" / f"{number}.png")
        known = (metres * 1000).astype(np.uint16)
        known[:5] = 0
        Image.fromarray(known).save(tmp_path / "depth" / f"{number}.png")
    return tmp_path


def logarithms(_model, images, size, blocks=1, precision="auto"):
    """Some functions of each patch's depth, that a linear layer can weigh."""
    for image in images:
        geometry = plan_grid(image.height, image.width, size, PATCH)
        small = np.asarray(image.resize((geometry.columns, geometry.rows), Image.Resampling.BOX), dtype=np.float32)
        metres = torch.from_numpy(small[..., :1] / 25)
        steps = torch.linspace(0.5, 9.5, 10)
        yield TokenMap((-(metres - steps).square()).exp(), torch.ones(2), geometry)


def test_depth_that_features_tell_is_read(ramps, monkeypatch):
    monkeypatch.setattr(depth, "token_maps", logarithms)
    dataset = depth_set(ramps)
    maps = [next(logarithms(None, [Image.open(one.image)], SIZE)) for one in dataset.train]
    found = measure_depth(MODEL, dataset, maps, SIZE, np.random.default_rng(0), steps=150, rates=(3e-3, 3e-2))
    assert found.scores.rmse.value < 0.4 * found.blind.rmse.value
    assert found.scores.delta1.value > 0.95 and found.scores.abs_rel.value < 0.12
    assert found.scores.delta3.value >= found.scores.delta2.value >= found.scores.delta1.value


def test_depth_is_the_mean_of_the_bins():
    centres = bin_centres(0, 256)
    assert centres[:2].tolist() == [0.5, 1.5] and len(centres) == 256
    outputs = torch.full((256,), -1.0)
    assert depth_of(outputs, centres) == pytest.approx(128)  # all alike
    outputs[9] = 1e6
    assert depth_of(outputs, centres) == pytest.approx(9.5, abs=0.01)


def test_most_of_a_common_factor_is_forgiven():
    truth = torch.tensor([1.0, 2.0, 4.0, 0.0])
    said = 2 * truth + 1e-9
    assert log_loss(said, truth) == pytest.approx((0.15 * np.log(2) ** 2) ** 0.5, rel=1e-4)
    assert log_loss(said, torch.zeros(4)) == 0


def test_errors_by_hand():
    assert errors(np.array([2.0, 1.0]), np.array([1.0, 1.0])) == pytest.approx([0.5**0.5, 0.5, 0.5, 0.5, 0.5])


def test_the_depth_of_a_patch_leaves_out_what_is_unknown():
    metres = np.array([[1.0, 4.0, 0.0, 0.0]] * 4, dtype=np.float32).repeat(2, axis=1)
    one = TokenMap(torch.zeros(1, 2, 1), torch.zeros(1), Geometry(4, 8, 1, 2, 14))
    found = depth_on_patches(metres, one)
    assert found[0, 0] == pytest.approx(2.0) and found[0, 1] == 0
