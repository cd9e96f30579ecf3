"""Labelled samples of every kind of source."""

import io

import numpy as np
import pytest
import torch
from PIL import Image

from core import RequestError
from train.data.sources import DataError, Files, open_source
from train.evaluate.datasets.labelled import labelled_sample


def encoded(seed: int) -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


@pytest.fixture(scope="module")
def classes(tmp_path_factory):
    """Folders of 8 cats, 5 dogs, 2 owls and 1 yak, and a picture in none."""
    root = tmp_path_factory.mktemp("classes")
    for name, count in (("dog", 5), ("cat", 8), ("yak", 1), ("owl", 2)):
        (root / name).mkdir()
        for number in range(count):
            (root / name / f"{number}.png").write_bytes(encoded(number))
    (root / "loose.png").write_bytes(encoded(0))
    return root


def test_folders_are_not_read_for_their_labels(classes, monkeypatch):
    source = open_source(classes)
    monkeypatch.setattr(Files, "read", lambda *_: pytest.fail("an image was read"))
    assert set(labelled_sample(source, 5, np.random.default_rng(0)).names) == {"cat", "dog", "owl"}


def test_the_sample_is_stratified_and_disjoint(classes, caplog):
    source = open_source(classes)
    sample = labelled_sample(source, 6, np.random.default_rng(0), test_share=0.5)
    assert sample.names == ("cat", "dog", "owl")
    assert sample.left_out == 1 and "1 label that" in caplog.text
    assert torch.bincount(sample.train_labels).tolist() == [3, 3, 1]
    assert torch.bincount(sample.test_labels).tolist() == [3, 2, 1]
    assert len(set(sample.train.tolist() + sample.test.tolist())) == 13
    for index, label in zip(sample.train.tolist(), sample.train_labels.tolist(), strict=True):
        assert source.read(index).label == sample.names[label]


@pytest.mark.parametrize("share", [0.01, 0.99])
def test_every_class_is_in_both_parts(classes, share):
    sample = labelled_sample(open_source(classes), 8, np.random.default_rng(0), share)
    assert set(sample.train_labels.tolist()) == set(sample.test_labels.tolist()) == {0, 1, 2}


def test_the_sample_follows_from_the_generator(classes):
    source = open_source(classes)
    first, again, other = (labelled_sample(source, 3, np.random.default_rng(seed)) for seed in (0, 0, 1))
    assert torch.equal(first.train, again.train) and torch.equal(first.test, again.test)
    assert not torch.equal(torch.cat([first.train, first.test]), torch.cat([other.train, other.test]))


def test_many_classes_are_drawn_from_and_share_the_images(classes):
    source = open_source(classes)
    drawn = {labelled_sample(source, 8, np.random.default_rng(seed), most_classes=2).names for seed in range(20)}
    assert drawn == {("cat", "dog"), ("cat", "owl"), ("dog", "owl")}
    sample = labelled_sample(source, 8, np.random.default_rng(0), most_images=9)
    assert torch.bincount(torch.cat([sample.train_labels, sample.test_labels])).tolist() == [3, 3, 2]


def test_too_few_labels_name_the_remedy(classes):
    with pytest.raises(DataError, match=r"5 images with 1 label, 1 of which.*one folder for each class"):
        labelled_sample(Files(classes, sorted((classes / "dog").iterdir())), 5, np.random.default_rng(0))
    with pytest.raises(DataError, match="0 labels"):
        labelled_sample(open_source(classes / "dog"), 5, np.random.default_rng(0))
    with pytest.raises(RequestError, match="per_class is 1"):
        labelled_sample(open_source(classes), 1, np.random.default_rng(0))
