"""Which classes the folders of another set mean."""

import pytest
import torch

from train.data.sources import DataError
from train.evaluate.tasks.robustness import class_places, read_class_map, restricted


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
