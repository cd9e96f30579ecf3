"""Random choices: the same for the same place in the run, as the configuration says, equal to drawing one by one."""

import math
from collections.abc import Iterator

import numpy as np
import pytest
import torch

from train.data.augment import AugmentConfig
from train.data.draws import ATTEMPTS, CHOICES, CropSet, crop_boxes, crop_keys, draw_crops, uniform


def box_by_box(numbers: Iterator[float], width: int, height: int, scale, aspect) -> tuple[int, int, int, int]:
    """One box as RandomResizedCrop draws it, from numbers in 0..1."""
    for _ in range(ATTEMPTS):
        share, shape, across, down = (next(numbers) for _ in range(4))
        area = width * height * (scale[0] + (scale[1] - scale[0]) * share)
        low, high = math.log(aspect[0]), math.log(aspect[1])
        ratio = math.exp(low + (high - low) * shape)
        w, h = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
        if 0 < w <= width and 0 < h <= height:
            return math.floor(across * (width - w + 1)), math.floor(down * (height - h + 1)), w, h
    w, h = max(1, min(width, round(height * aspect[1]))), max(1, min(height, round(width / aspect[0])))
    return (width - w) // 2, (height - h) // 2, w, h


@pytest.mark.parametrize(("width", "height"), [(640, 427), (427, 640), (5000, 20), (1, 1), (3, 1)])
def test_boxes_are_those_drawn_one_by_one_and_lie_inside(width, height):
    keys, scale, aspect = crop_keys(3, np.arange(300), np.arange(1))[0], (0.32, 1.0), (3 / 4, 4 / 3)
    sides = np.full(300, width), np.full(300, height)
    boxes = crop_boxes(keys, *sides, np.repeat([scale], 300, axis=0), aspect)
    numbers = uniform(keys, range(CHOICES, CHOICES + 4 * ATTEMPTS)).T
    assert boxes.tolist() == [list(box_by_box(iter(row), width, height, scale, aspect)) for row in numbers.tolist()]
    left, top, w, h = boxes.T
    assert (left >= 0).all() and (top >= 0).all() and (left + w <= width).all() and (top + h <= height).all()
    if min(width, height) > 100:
        assert 0.3 <= (w * h / (width * height)).min() < 0.36 and (w * h / (width * height)).max() > 0.8


def test_numbers_are_even_and_independent():
    numbers = uniform(crop_keys(0, np.arange(2000), np.arange(3)).reshape(-1), range(4)).reshape(4, 3, 2000)
    rows = numbers.reshape(12, 2000)
    assert rows.min() >= 0 and rows.max() < 1
    np.testing.assert_allclose(rows.mean(axis=1), 0.5, atol=0.03)
    np.testing.assert_allclose(rows.var(axis=1), 1 / 12, atol=0.006)
    correlation = np.corrcoef(np.concatenate([rows, rows[:, ::-1], np.roll(rows, 1, axis=1)]))
    assert np.abs(correlation - np.eye(36)).max() < 0.1


def flat(crops: CropSet) -> np.ndarray:
    columns = [np.asarray(column).reshape(len(crops.flips), -1) for column in (crops.boxes, crops.flips)]
    return np.concatenate([*columns, *(np.asarray(part).reshape(len(part), -1) for part in crops.colours)], axis=1)


def test_a_crop_depends_on_the_seed_and_its_position_alone():
    config, positions = AugmentConfig(local_crops=3), np.array([7, 2**40, 9, 12])
    widths, heights = np.array([300, 200, 90, 400]), np.array([200, 300, 91, 220])
    whole = draw_crops(config, 1, positions, widths, heights)
    for number in range(4):
        alone = draw_crops(config, 1, *(column[number : number + 1] for column in (positions, widths, heights)))
        for mine, every in zip(alone, whole, strict=True):
            assert np.array_equal(flat(mine), flat(every)[number::4])
    other_seed, other_place = (
        draw_crops(config, 2, positions, widths, heights),
        draw_crops(config, 1, positions + 1, widths, heights),
    )
    assert not np.array_equal(flat(whole[0]), flat(other_seed[0])) and not np.array_equal(
        flat(whole[0]), flat(other_place[0])
    )
    assert len(np.unique(flat(whole[1])[:, 5:9], axis=0)) > 6, "crops of one picture differ"


def test_probabilities_and_spreads_are_those_of_the_config():
    config, sides = AugmentConfig(local_crops=1), np.full(8000, 64)
    wide, narrow = draw_crops(config, 0, np.arange(8000), sides, sides)
    colours = wide.colours

    def by_crop(column: torch.Tensor) -> list[float]:
        return column.view(2, -1).float().mean(dim=1).tolist()

    assert by_crop(colours.factors[:, 0] != 1) == pytest.approx([0.8, 0.8], abs=0.02)
    assert by_crop(colours.grey) == pytest.approx([0.2, 0.2], abs=0.02)
    assert by_crop(colours.sigma > 0) == pytest.approx([0.0, 0.9], abs=0.02)
    assert by_crop(colours.solarise) == pytest.approx([0.0, 0.2], abs=0.02)
    assert by_crop(torch.from_numpy(wide.flips)) == pytest.approx([0.5, 0.5], abs=0.03)
    assert (
        narrow.colours.sigma.gt(0).float().mean() == pytest.approx(0.5, abs=0.03) and not narrow.colours.solarise.any()
    )
    low, high = colours.factors.min(dim=0).values.tolist(), colours.factors.max(dim=0).values.tolist()
    assert low == pytest.approx([0.6, 0.6, 0.8, -0.1], abs=0.01) and high == pytest.approx(
        [1.4, 1.4, 1.2, 0.1], abs=0.01
    )
    orders, counts = np.unique(colours.order.numpy(), axis=0, return_counts=True)
    assert len(orders) == 24 and counts.min() > 0.8 * 16000 / 24


def test_without_local_crops_the_second_set_is_empty():
    _, narrow = draw_crops(AugmentConfig(local_crops=0), 0, np.arange(3), np.full(3, 9), np.full(3, 9))
    assert narrow.boxes.shape == (0, 4) and len(narrow.colours.factors) == 0
