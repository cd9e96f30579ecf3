"""`python -m train.evaluate`: the tasks on labelled images, and what is said of mistakes."""

import json
import shutil

import numpy as np
import pytest
import torch
from PIL import Image

from core import VisionTransformer, ViTConfig
from core.records.runs import save_backbone
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
    words += ["--features", str(given / "features")]
    out = given / f"{task}.json"
    assert main([*words, "--size", "56", "--out", str(out), *more]) == 0
    return json.loads(out.read_text(encoding="utf-8"))


def test_knn(given, capsys):
    results = run(given, "knn", "--ks", "1", "5")
    assert results["task"] == "knn"
    assert [(row["how"], row["top1"]) for row in results["rows"]] == [("k = 1", 1.0), ("k = 5", 1.0)]
    images = results["images"]
    assert (images["classes"], images["train_images"], images["test_images"]) == (2, 22, 8)
    printed = capsys.readouterr().out
    assert "8 test images of 2 labels, 22 training images" in printed
    assert "k = 5  1.000 ±0.000   1.000 ±0.000" in printed


def test_linear(given, capsys):
    results = run(given, "linear", "--per-class", "8", "--test-share", "0.5")
    assert [row["how"].split(" (")[0] for row in results["rows"]] == ["cls", "cls and mean patch"]
    assert results["rows"][1]["top1"] == 1.0
    assert (results["images"]["train_images"], results["images"]["test_images"]) == (8, 8)
    assert "weight decay" in capsys.readouterr().out


def test_logreg_and_few_shots(given):
    assert run(given, "logreg")["rows"][1]["top1"] == 1.0
    rows = run(given, "fewshot", "--shots", "1", "3", "--draws", "2")["rows"]
    assert [row["how"] for row in rows] == [
        f"{count} of each, {how}"
        for count in ("1 image", "3 images")
        for how in ("nearest mean", "logistic regression")
    ]
    assert rows[2]["top1"] == 1.0 and rows[0]["per_class"].keys() == {"sky", "leaf"}


def test_features_are_computed_once_for_all_tasks(given, monkeypatch):
    run(given, "knn")
    monkeypatch.setattr(VisionTransformer, "intermediate", None)
    assert run(given, "linear")["rows"][1]["top1"] == 1.0


def test_groups_are_told_apart(given, tmp_path, capsys):
    """The test images of one label in two groups, of which one is made wrong by a table of other labels."""
    table = tmp_path / "groups.csv"
    names = sorted((given / "data").rglob("*.png"))
    table.write_text("image,group\n" + "".join(f"{path.name},{path.parent.name}\n" for path in names))
    row = run(given, "knn", "--ks", "1", "--groups", str(table))["rows"][0]
    assert sorted(group["group"] for group in row["groups"]) == ["leaf", "sky"] and row["gap"] == 0
    assert "between" in capsys.readouterr().out


@pytest.mark.parametrize("how", ["gone", "damaged"])
def test_a_picture_that_cannot_be_read_is_left_out_and_counted(given, tmp_path, how, caplog):
    names = [path.relative_to(given / "data") for path in sorted((given / "data").rglob("*.png"))]
    shutil.copytree(given / "data", tmp_path / "data")
    (tmp_path / "data" / "list.txt").write_text("".join(f"{name}\n" for name in names))
    lost = tmp_path / "data" / names[3]
    lost.unlink() if how == "gone" else lost.write_bytes(b"no picture")
    words = ["knn", "--model", str(given / "tiny.safetensors"), "--data", str(tmp_path / "data" / "list.txt")]
    words += ["--features", str(tmp_path / "features"), "--size", "56", "--out", str(tmp_path / "knn.json")]
    assert main(words) == 0
    images = json.loads((tmp_path / "knn.json").read_text())["images"]
    assert images["train_images"] + images["test_images"] == 29
    assert "1 image cannot be read and is left out" in caplog.text and lost.name in caplog.text


def test_robustness_asks_about_the_classes_a_set_has(given, tmp_path):
    """Three sets: by name, by number and by a table; in each a class is present that the pictures show."""
    for folder, source in (
        ("named/leaf", "leaf"),
        ("numbered/1", "sky"),
        ("mapped/heaven", "sky"),
        ("mapped/tree", "leaf"),
    ):
        (tmp_path / folder).mkdir(parents=True)
        for path in sorted((given / "data" / source).iterdir())[:3]:
            (tmp_path / folder / path.name).write_bytes(path.read_bytes())
    for part in ("train", "val"):
        for path in sorted((given / "data").rglob("*.png"))[part == "val" :: 2]:
            target = tmp_path / "imagenet" / part / path.parent.name
            target.mkdir(parents=True, exist_ok=True)
            (target / path.name).write_bytes(path.read_bytes())
    out, model = tmp_path / "robustness.json", str(given / "tiny.safetensors")
    words = ["robustness", "--model", model, "--data", str(tmp_path / "imagenet"), "--out", str(out), "--size", "56"]
    words += ["--features", str(tmp_path / "features"), "--sets"]
    assert main([*words, str(tmp_path / "named"), str(tmp_path / "numbered")]) == 0
    rows = json.loads(out.read_text())["rows"]
    assert [(row["set"], row["classes"], row["images"], row["top1"]) for row in rows] == [
        ("held out", 2, 15, 1.0),
        ("named", 1, 3, 1.0),
        ("numbered", 1, 3, 1.0),
    ]
    assert main([*words, str(tmp_path / "mapped")]) == 2
    (tmp_path / "map.txt").write_text("# folder class\nheaven sky\ntree,leaf\n")
    assert main([*words, str(tmp_path / "mapped"), "--class-map", str(tmp_path / "map.txt")]) == 0
    assert json.loads(out.read_text())["rows"][1]["top1"] == 1.0


def test_without_a_size_whole_pictures_are_asked_about_at_the_models_own(given, tmp_path):
    mask = np.zeros((60, 60), np.uint8)
    mask[20:40, 20:40] = 1
    for kind, pixels in (("images", np.stack([mask * 200] * 3, axis=2)), ("masks", mask)):
        (tmp_path / kind).mkdir()
        Image.fromarray(pixels).save(tmp_path / kind / "square.png")
    command = ["foreground", "--model", str(given / "tiny.safetensors"), "--data", str(tmp_path)]
    for size, told in (([], 336), (["--size", "56"], 56)):
        assert main([*command, *size, "--out", str(tmp_path / "results.json")]) == 0
        assert json.loads((tmp_path / "results.json").read_text())["settings"]["size"] == told


@pytest.mark.parametrize("task", ["knn", "linear", "logreg", "fewshot", "retrieval", "emergence"])
def test_mistakes_end_with_a_sentence(task, given, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # where features go
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
    assert all(
        task in printed
        for task in ("emergence", "knn", "linear", "segmentation", "depth", "matching", "retrieval", "foreground")
    )
