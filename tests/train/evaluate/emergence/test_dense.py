"""Linear layers on patches whose features say it all, or nothing."""

import math

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from tests.train.evaluate.emergence.made import GRID, known
from train.evaluate.emergence.dense import chance_iou, confusions, halves, mean_iou, measure_dense
from train.world import PARTS

RANDOM = np.random.default_rng(0)


def picture(category="cat", domain="photo"):
    parts = RANDOM.choice([0, 0, 1, 7, 20], size=(GRID, GRID))
    depths = RANDOM.normal(1.0, 2.0, (GRID, GRID)).astype(np.float32)
    depths[0] = math.nan
    return known(
        category=category, domain=domain, parts=parts, objects=(parts > 0).astype(np.float32), log_depth=depths
    )


PICTURES = [picture(category) for _ in range(12) for category in ("cat", "dog")] + [picture(domain="sketch")]


def measured(patches):
    return {one.measure.key: one for one in measure_dense(patches, PICTURES, np.random.default_rng(0))}


def test_features_that_hold_the_truth_are_read_without_error():
    parts = torch.from_numpy(np.stack([one.parts for one in PICTURES]))
    depths = torch.from_numpy(np.stack([one.log_depth for one in PICTURES])).nan_to_num()
    found = measured(torch.cat([F.one_hot(parts, len(PARTS)), 5 - 3 * depths.unsqueeze(3)], dim=3))
    assert found["segmentation_parts"].estimate == (1.0, 1.0, 1.0)
    assert found["segmentation_object"].estimate == (1.0, 1.0, 1.0)
    assert found["depth_log_rmse"].estimate.value < 1e-3
    assert not found["depth_log_rmse"].measure.rises and found["segmentation_parts"].count == 12


def test_constant_features_know_the_most_frequent_label_and_the_mean():
    found = measured(torch.ones(len(PICTURES), GRID, GRID, 3))
    assert found["segmentation_parts"].estimate.value == 0.0 < found["segmentation_parts"].chance
    assert found["depth_log_rmse"].estimate.value == pytest.approx(found["depth_log_rmse"].chance, rel=1e-5)
    assert found["depth_log_rmse"].chance == pytest.approx(2.0, rel=0.1)


def test_halves_are_of_photos_and_hold_every_category():
    split = halves(PICTURES)
    assert sorted(split.train + split.test) == list(range(24))
    for half in split:
        assert [PICTURES[place].category for place in half].count("cat") == 6


def test_rare_parts_are_left_out():
    rare = [one._replace(parts=np.where(np.arange(64).reshape(8, 8) == 3, 9, one.parts)) for one in PICTURES[:24]]
    parts = torch.from_numpy(np.stack([one.parts for one in rare]))
    # 12 patches of part 9 in either half, where 50 are asked for; the features hide that part alone
    features = F.one_hot(torch.where(parts == 9, 1, parts), len(PARTS)).float()
    found = {one.measure.key: one for one in measure_dense(features, rare, np.random.default_rng(0))}
    assert found["segmentation_parts"].estimate.value == 1.0


def test_mean_iou_by_hand():
    truth, said = torch.tensor([0, 1, 1, 2, 2, 2]), torch.tensor([0, 1, 2, 2, 2, 0])
    confusion = confusions(torch.tensor([0, 0, 0, 1, 1, 1]), truth, said, 2, 4)
    # label 1: 1 of 2; label 2: 2 of 4; label 3 is nowhere. Picture 1 alone: label 2, 2 of 3
    drawn = np.array([[1.0, 1.0], [0.0, 2.0]])
    assert mean_iou(drawn, confusion).tolist() == pytest.approx([1 / 2, 2 / 3])


def test_the_iou_of_random_labels():
    train, test = np.array([0.6, 0.3, 0.1]), np.array([0.5, 0.2, 0.3])
    random = np.random.default_rng(0)
    said, truth = (torch.from_numpy(random.choice(3, 400_000, p=shares)) for shares in (train, test))
    confusion = confusions(torch.zeros(400_000, dtype=torch.int64), truth, said, 1, 3)
    assert mean_iou(np.ones((1, 1)), confusion)[0] == pytest.approx(chance_iou(train, test), abs=0.003)
