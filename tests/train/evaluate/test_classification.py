"""Classifiers where the best that any can reach is known; groups, class maps and few images of each class."""

import math

import numpy as np
import pytest
import torch

from core import RequestError
from tests.train.evaluate.test_linear import two_gaussians
from train.data.sources import DataError
from train.evaluate.classification import few_shots, linear_layers, logistic_regressions, outcome
from train.evaluate.groups import by_group, read_groups
from train.evaluate.labelled_split import Side, Split
from train.evaluate.logistic import logistic_logits
from train.evaluate.robustness import class_places, read_class_map, restricted


def side(count: int, seed: int, distance: float = 1.0) -> Side:
    """Two clouds in the last block's cls; noise in the earlier three and in the mean patch."""
    x, y = two_gaussians(count, distance, 16, seed)
    noise = torch.randn(count, 3, 16, generator=torch.Generator().manual_seed(seed))
    return Side(torch.cat([noise, x.unsqueeze(1)], dim=1), noise[:, 0], y, source=None, indices=torch.arange(count))


SPLIT = Split(side(1500, 1), side(4000, 2), ("a", "b"))
BAYES = 0.5 * (1 + math.erf(1 / math.sqrt(2)))


def test_linear_layers_reach_the_bayes_rate_whatever_noise_lies_beside():
    found = outcome(SPLIT, linear_layers(SPLIT, 0, torch.device("cpu")), 0)
    assert [one.how.split(" (")[0] for one in found.scored] == [
        "cls",
        "cls and mean patch",
        "cls of 4 blocks",
        "cls of 4 blocks and mean patch",
    ]
    for one in found.scored:
        assert one.top1.value == pytest.approx(BAYES, abs=0.035)
        assert one.top1.low < one.top1.value < one.top1.high and one.top5.value == 1
        assert np.mean(one.per_class) == pytest.approx(one.top1.value, abs=0.01)


def test_logistic_regression_reaches_the_rate_of_directions():
    """Features of length 1 keep the direction only; the best then is the side of the plane between the clouds."""
    found = outcome(SPLIT, logistic_regressions(SPLIT, 0), 0)
    assert found.scored[0].top1.value == pytest.approx(BAYES, abs=0.035)


def test_a_class_without_images_is_never_said():
    x = torch.eye(3).repeat(4, 1)
    said = logistic_logits(x, torch.tensor([0, 2, 3]).repeat(4), torch.eye(3), 5, np.random.default_rng(0))
    assert said.logits.argmax(dim=1).tolist() == [0, 2, 3]
    assert (said.logits[:, [1, 4]] == -torch.inf).all()


def test_more_shots_say_more_and_too_many_are_refused():
    split = Split(side(400, 1, 2.0), side(1000, 2, 2.0), ("a", "b"))
    found = outcome(split, few_shots(split, (1, 50), 4, 0), 0)
    one, many = (found.scored[place].top1.value for place in (0, 2))
    assert 0.5 < one < many <= 0.99 and found.scored[1].how == "1 image of each, logistic regression"
    with pytest.raises(RequestError, match="Shots of 9999"):
        few_shots(split, (9999,), 1, 0)


def test_groups(tmp_path):
    table = tmp_path / "groups.csv"
    table.write_text("image,group,income\nlion/1.jpg,Africa,3\n2.jpg,Europe,9\n")
    assert read_groups(table, ["/data/lion/1.jpg", "/x/2.jpg", "/x/3.jpg"]) == ["Africa", "Europe", ""]
    found = by_group(np.array([1.0, 0.0, 1.0, 1.0]), ["a", "a", "b", ""], np.random.default_rng(0))
    assert [(group.name, group.images, group.accuracy.value) for group in found] == [("a", 2, 0.5), ("b", 1, 1.0)]
    for text, message in (("image,region\n1.jpg,x\n", "no columns"), ("image,group\n9.jpg,x\n", "none of the images"),
                          ("image,group\n1.jpg,x\n1.jpg,y\n", "into x and into y")):  # fmt: skip
        table.write_text(text)
        with pytest.raises(DataError, match=message):
            read_groups(table, ["/data/1.jpg"])


def test_class_maps(tmp_path):
    path = tmp_path / "map.txt"
    path.write_text("# published so\nn01440764 tench, Tinca tinca\nlion\tn02129165\n\n")
    assert read_class_map(path) == {"n01440764": "tench", "lion": "n02129165"}
    classes = ["n01", "n02", "n03"]
    assert class_places(["n03", "n01"], classes, {}) == {"n03": 2, "n01": 0}
    assert class_places(["2", "0"], classes, {}) == {"2": 2, "0": 0}
    assert class_places(["n01", "lion"], classes, {"lion": "n03"}) == {"n01": 0, "lion": 2}
    for folders, mapping in ((["3"], {}), (["n01", "2"], {}), (["lion"], {"lion": "n09"})):
        with pytest.raises(DataError, match="mean no class"):
            class_places(folders, classes, mapping)
    path.write_text("alone\n")
    with pytest.raises(DataError, match="line 1"):
        read_class_map(path)


def test_a_set_is_asked_about_the_classes_it_has():
    found = restricted(torch.tensor([[5.0, 1.0, 0.0], [5.0, 0.0, 2.0]]), torch.tensor([1, 2]))
    assert found.logits.tolist() == [[1.0, 0.0], [0.0, 2.0]] and found.labels.tolist() == [0, 1]
