"""The sample photographs: all found, all readable, found without importing their packages."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import core
from core.pictures import gallery

ROOT = Path(__file__).parents[3]


def test_every_photograph_of_the_requirements_is_found():
    found = gallery.samples()
    assert [sample.name for sample in found] == [name for name, *_ in gallery._PHOTOGRAPHS]
    assert [sample.name for sample in found[:3]] == ["cheetah", "lion", "cat"]
    assert len({sample.path for sample in found}) == len(found)
    assert all(sample.title and sample.credit for sample in found)


@pytest.mark.parametrize("sample", gallery.samples(), ids=lambda sample: sample.name)
def test_photographs_are_photographs(sample):
    image = core.load_image(sample.path)
    assert min(image.size) >= 250
    assert np.asarray(image).std() > 20


def test_the_stereo_pair_is_a_pair():
    pair = [s.path for s in gallery.samples() if s.name.startswith("motorcycle")]
    left, right = (np.asarray(core.load_image(path)).astype(float) for path in pair)
    assert left.shape == right.shape
    assert not np.array_equal(left, right)


def test_packages_that_are_missing_are_left_out(monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "skimage" else find(name))
    names = {sample.name for sample in gallery.samples()}
    assert "cat" not in names
    assert {"cheetah", "lion", "flower"} <= names


def test_nothing_found(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(core.DinoError, match="pip install"):
        gallery.samples()


def test_packages_are_not_imported():
    program = (
        "import sys, core.pictures.gallery; core.pictures.gallery.samples(); "
        "sys.exit(', '.join({'gradio', 'skimage', 'sklearn'} & set(sys.modules)) or None)"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120, cwd=ROOT)
    assert result.returncode == 0, result.stderr
