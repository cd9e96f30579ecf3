"""`python -m train.evaluate`: the tasks on labelled images, and what is said of mistakes."""

import json

import numpy as np
import pytest
import torch
from PIL import Image

from core import VisionTransformer, ViTConfig
from core.runs import save_backbone
from train.evaluate.__main__ import main


@pytest.fixture(scope="module")
def given(tmp_path_factory):
    """A tiny model, and 30 pictures of two colours with a little noise."""
    root = tmp_path_factory.mktemp("given")
    model = VisionTransformer(ViTConfig(width=48, depth=1, heads=3, image_size=56, layer_scale=1.0))
    model.initialise(torch.Generator().manual_seed(0))
    save_backbone(model, root / "tiny.safetensors")
    random = np.random.default_rng(0)
    for number in range(30):
        label, colour = (("sky", (40, 90, 220)), ("leaf", (60, 180, 40)))[number % 2]
        (root / "data" / label).mkdir(parents=True, exist_ok=True)
        pixels = np.clip(np.array(colour) + random.normal(0, 20, (60, 60, 3)), 0, 255).astype(np.uint8)
        Image.fromarray(pixels).save(root / "data" / label / f"{number}.png")
    return root


def run(given, task, *more):
    words = [task, "--model", str(given / "tiny.safetensors"), "--data", str(given / "data")]
    out = given / f"{task}.json"
    assert main([*words, "--size", "56", "--out", str(out), *more]) == 0
    return json.loads(out.read_text(encoding="utf-8"))


def test_knn(given, capsys):
    results = run(given, "knn", "--ks", "1", "5")
    assert results["task"] == "knn"
    assert [(row["how"], row["top1"]) for row in results["rows"]] == [("k = 1", 1.0), ("k = 5", 1.0)]
    assert (results["images"]["classes"], results["images"]["learnt"], results["images"]["asked"]) == (2, 22, 8)
    printed = capsys.readouterr().out
    assert "8 images of 2 labels, 22 to learn from" in printed and "k = 5  1.000   1.000" in printed


def test_linear(given, capsys):
    results = run(given, "linear", "--per-class", "8", "--test-share", "0.5")
    assert [row["how"].split(" (")[0] for row in results["rows"]] == ["cls", "cls and mean patch"]
    assert results["rows"][1]["top1"] == 1.0
    assert (results["images"]["learnt"], results["images"]["asked"]) == (8, 8)
    assert "weight decay" in capsys.readouterr().out


@pytest.mark.parametrize("task", ["knn", "linear", "emergence"])
def test_mistakes_end_with_a_sentence(task, given, capsys, tmp_path):
    out = ["--out", str(tmp_path / "results.json")]
    assert main([task, "--model", "nobody", "--data", str(given / "data"), *out]) == 2
    assert "There is no model 'nobody'" in capsys.readouterr().err
    model = ["--model", str(given / "tiny.safetensors")]
    assert main([task, *model, "--data", str(given / "nowhere"), *out]) == 2
    assert "nowhere" in capsys.readouterr().err
    assert not (tmp_path / "results.json").exists()


def test_help_names_every_task(capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["--help"])
    assert stopped.value.code == 0
    printed = capsys.readouterr().out
    assert all(task in printed for task in ("emergence", "knn", "linear"))
