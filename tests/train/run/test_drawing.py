"""Colours that keep their meaning from step to step."""

import itertools
import logging

import numpy as np
import pytest
import torch
from PIL import Image

from core import FeatureMap, Geometry
from train.run.drawing import contact_picture, draw_step, matched, shown

GEOMETRY = Geometry(56, 56, 4, 4, 14)
ORIGINALS = torch.arange(3 * 3 * 56 * 56, dtype=torch.float32).view(3, 3, 56, 56).remainder(256).to(torch.uint8)


def maps(seed: int, noise: float = 0.0) -> list[FeatureMap]:
    """Three maps that vary in three directions, seen through a basis of their own for each seed."""
    random = np.random.default_rng(7)
    values = random.normal(size=(3, 4, 4, 3)) * [3, 2, 1]
    own = np.random.default_rng(seed)
    basis = np.linalg.qr(own.normal(size=(16, 3)))[0].T
    patches = torch.from_numpy(values @ basis + noise * own.normal(size=(3, 4, 4, 16))).float()
    return [FeatureMap(part, torch.zeros(16), GEOMETRY) for part in patches]


def colours(path) -> np.ndarray:
    with np.load(path.with_suffix(".npz")) as file:
        return file["colours"].astype(np.float32)


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_order_and_direction_are_found_again(order):
    random = np.random.default_rng(0)
    before = random.random((2, 5, 6, 3))
    turned = before[..., list(order)].copy()
    turned[..., 1] = 1 - turned[..., 1]
    np.testing.assert_allclose(matched(turned, before), before)
    noisy = np.clip(turned + 0.1 * random.normal(size=turned.shape), 0, 1)
    assert np.abs(matched(noisy, before) - before).mean() < 0.1


def test_components_are_matched_together_not_one_by_one():
    """Both new ones are most like the first old one; the pair that fits best in sum keeps both apart."""
    a, b = np.eye(8)[:2] * 2 - 1
    a, b = a - a.mean(), b - b.mean()
    before = np.stack([a, b], axis=1)
    found = matched(np.stack([a + 0.9 * b, a], axis=1), before)
    np.testing.assert_allclose(found[:, 0], a)


def test_a_component_that_does_not_vary_stays():
    before, constant = np.random.default_rng(0).random((2, 3, 3, 3)), np.full((2, 3, 3, 3), 0.5)
    assert (matched(constant, before) == constant).all()
    assert (matched(before, constant) == before).all()


def test_networks_with_other_bases_give_equal_colours(tmp_path):
    first = draw_step(maps(0), ORIGINALS, 1, tmp_path)
    for step in range(2, 6):
        path = draw_step(maps(step, noise=1e-3), ORIGINALS, step, tmp_path)
        assert np.abs(colours(path) - colours(first)).max() < 0.02


def test_a_resumed_run_draws_the_same(tmp_path):
    """Steps after the one that is drawn, left by the interrupted run, have no say."""
    for step in (1, 2, 4, 8):
        draw_step(maps(step, noise=0.5), ORIGINALS, step, tmp_path)
    files = sorted(tmp_path.glob("pictures/*"))
    assert len(files) == 8, "and no temporary names"
    before = [file.read_bytes() for file in files if file.suffix == ".webp"]
    for step in (2, 4, 8):
        draw_step(maps(step, noise=0.5), ORIGINALS, step, tmp_path)
    assert [file.read_bytes() for file in files if file.suffix == ".webp"] == before


def test_colours_of_other_pictures_are_not_matched(tmp_path):
    draw_step(maps(0)[:2], ORIGINALS[:2], 1, tmp_path)
    alone = draw_step(maps(1), ORIGINALS, 2, tmp_path / "alone")
    assert (colours(draw_step(maps(1), ORIGINALS, 2, tmp_path)) == colours(alone)).all()


@pytest.mark.parametrize("data", [b"", b"rubbish", b"PK\x03\x04 cut short"])
def test_damaged_numbers_are_passed_over_with_a_word(tmp_path, data, caplog):
    (tmp_path / "pictures").mkdir()
    (tmp_path / "pictures" / "step-00000001.npz").write_bytes(data)
    with caplog.at_level(logging.WARNING):
        assert draw_step(maps(0), ORIGINALS, 2, tmp_path).exists()
    assert "step-00000001.npz cannot be read" in caplog.text


def test_a_write_that_fails_leaves_nothing(tmp_path, monkeypatch):
    draw_step(maps(0), ORIGINALS, 1, tmp_path)
    before = {file: file.read_bytes() for file in tmp_path.glob("pictures/*")}

    def full(_descriptor):
        raise OSError("no space left")

    monkeypatch.setattr("os.fsync", full)
    for step in (1, 2):
        with pytest.raises(OSError, match="no space"):
            draw_step(maps(3), ORIGINALS, step, tmp_path)
    assert {file: file.read_bytes() for file in tmp_path.glob("pictures/*")} == before


@pytest.mark.parametrize("count", [1, 3, 8, 30])
def test_the_contact_picture_holds_every_tile(count):
    random = np.random.default_rng(0)
    levels = random.integers(0, 256, (count, 3), dtype=np.uint8)
    originals = [np.full((56, 56, 3), level) for level in levels]
    flat = np.broadcast_to(levels[::-1, None, None] / 255, (count, 4, 4, 3))
    picture = contact_picture(originals, maps(0)[:1] * count, flat)
    assert picture.shape[1] <= 1280
    tile = (picture.shape[0] - 4) // 2
    for number in range(count):
        middle = number * (tile + 4) + tile // 2
        assert (picture[tile // 2, middle] == levels[number]).all()
        assert (picture[tile + 4 + tile // 2, middle] == levels[::-1][number]).all()


@pytest.mark.parametrize("channels", [1, 2, 5])
def test_originals_of_other_channels_are_shown(channels, tmp_path):
    picture = shown(torch.rand(channels, 56, 56, generator=torch.Generator().manual_seed(0)) * 0.01)
    assert picture.shape == (56, 56, 3) and picture.dtype == np.uint8
    assert picture.min() == 0 and picture.max() == 255, "stretched, or it would be black"
    path = draw_step(maps(0), torch.rand(3, channels, 56, 56), 1, tmp_path)
    with Image.open(path) as image:
        assert image.format == "WEBP"
