"""Pictures that are gone or damaged are left out of every task, told and counted, as in a run of training."""

import json
import zlib

import numpy as np
import pytest
import torch
from PIL import Image

from core import ImageError, VisionTransformer, ViTConfig
from core.records.runs import save_backbone
from train.data.sources import DataError
from train.evaluate.__main__ import main
from train.evaluate.left_out import LeftOut

SIDE = 28


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    made = VisionTransformer(ViTConfig(width=24, depth=1, heads=2, image_size=28, layer_scale=1.0))
    made.initialise(torch.Generator().manual_seed(0))
    return save_backbone(made, tmp_path_factory.mktemp("model") / "tiny.safetensors")


def picture(path, pixels=None):
    path.parent.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(zlib.crc32(path.name.encode()))
    Image.fromarray(random.integers(0, 256, (SIDE, SIDE, 3), np.uint8) if pixels is None else pixels).save(path)


def gone(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.symlink_to("nowhere.png")


def damaged(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"no picture")


def labelled(root):
    for number in range(8):
        picture(root / ("cat" if number % 2 else "dog") / f"{number}.png")
    gone(root / "cat" / "8.png")
    damaged(root / "dog" / "9.png")
    return 2


def dense(root, kind: str, truth: np.ndarray):
    """Pictures of which one is gone, one damaged, one has a truth that is damaged, and one a truth of another size."""
    for part in ("train", "val"):
        for number in range(4):
            picture(root / part / "images" / f"{number}.png")
            picture(root / part / kind / f"{number}.png", truth)
        for number, lose in ((5, gone), (6, damaged)):
            lose(root / part / "images" / f"{number}.png")
            picture(root / part / kind / f"{number}.png", truth)
    picture(root / "train" / "images" / "7.png")
    damaged(root / "train" / kind / "7.png")
    picture(root / "val" / "images" / "8.png")
    picture(root / "val" / kind / "8.png", truth[:-2])
    return 6


def masked(root):
    return dense(root, "masks", np.eye(SIDE, dtype=np.uint8))


def ranged(root):
    return dense(root, "depth", np.full((SIDE, SIDE), 2000, np.uint16) + np.arange(SIDE, dtype=np.uint16))


def objects(root):
    dense(root / "whole", "masks", np.eye(SIDE, dtype=np.uint8) * 255)
    for folder in ("images", "masks"):
        (root / "whole" / "train" / folder).rename(root / folder)
    return 3


def paired(root):
    points = {"src_kps": [[3, 4]], "trg_kps": [[5, 6]], "trg_bndbox": [0, 0, SIDE, SIDE], "category": ""}
    (root / "pairs").mkdir(parents=True)
    for number in range(3):
        picture(root / "images" / f"{number}.png")
        names = {"src_imname": f"{number}.png", "trg_imname": "0.png" if number else "never.png"}
        (root / "pairs" / f"{number}.json").write_text(json.dumps(points | names))
    (root / "pairs" / "._0.json").write_bytes(b"\0\5\26\7")
    damaged(root / "images" / "2.png")
    return 2


def landmarks(root):
    for number in range(4):
        picture(root / "jpg" / f"{number}.jpg")
    damaged(root / "jpg" / "4.jpg")
    answers = [{"bbx": None, "easy": [1, 5], "hard": [2], "junk": []}] * 2
    known = {"imlist": [*"01234", "gone"], "qimlist": ["0", "lost"], "gnd": answers}
    (root / "gnd_x.json").write_text(json.dumps(known))
    return 3


@pytest.mark.parametrize(
    ("task", "make", "more"),
    [
        ("knn", labelled, ["--ks", "1"]),
        ("retrieval", labelled, []),
        ("segmentation", masked, ["--steps", "2", "--rates", "0.01"]),
        ("depth", ranged, ["--steps", "2", "--rates", "0.01"]),
        ("foreground", objects, []),
        ("matching", paired, []),
        ("retrieval", landmarks, []),
    ],
)
def test_what_cannot_be_read_is_left_out_and_counted(model, tmp_path, monkeypatch, caplog, capsys, task, make, more):
    monkeypatch.chdir(tmp_path)
    lost = make(tmp_path / "data")
    words = [task, "--model", str(model), "--data", str(tmp_path / "data"), "--out", "out.json", "--size", str(SIDE)]
    for _ in range(2):  # also when features are there already
        assert main([*words, *more]) == 0, capsys.readouterr().err
        found = json.loads((tmp_path / "out.json").read_text(encoding="utf-8"))
        assert found.get("images", found)["left_out"] == lost
        assert f"{lost} could not be read" in capsys.readouterr().out.replace("pictures could", "could")
    assert "left out" in caplog.text


def test_where_nothing_can_be_read_the_reasons_are_told(model, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for number in range(4):
        gone(tmp_path / "data" / "images" / f"{number}.png")
        picture(tmp_path / "data" / "masks" / f"{number}.png", np.eye(SIDE, dtype=np.uint8))
    assert main(["segmentation", "--model", str(model), "--data", "data", "--size", str(SIDE)]) == 2
    assert "None of the 3 pictures could be read" in capsys.readouterr().err


def test_readable_items_come_with_what_was_found(caplog):
    lost = LeftOut()

    def read(number):
        if number % 2:
            raise ImageError(f"{number} is gone.")
        return -number

    assert list(lost.readable(range(5), read)) == [(0, 0), (2, -2), (4, -4)]
    assert lost.tell(3) == 2 and "2 pictures cannot be read and are left out: 1 is gone.; 3 is gone." in caplog.text
    with pytest.raises(DataError, match=r"None of the 2 pairs(.|\n)*1 is gone"):
        lost.tell(0, "pairs")
