"""The scale end to end, on a model small enough to wait for."""

import json

import numpy as np
import pytest
import torch
from PIL import Image

from core import ModelError, RequestError, VisionTransformer, ViTConfig
from core.records.runs import save_backbone
from train.evaluate.__main__ import main
from train.evaluate.emergence import ScaleConfig, as_json, as_text, read_scale
from train.evaluate.emergence.scale import Column

CONFIG = ViTConfig(width=48, depth=2, heads=3, patch=7, image_size=56, layer_scale=1.0)
SMALL = ScaleConfig(images=180, size=56, workers=1)


def made(config=CONFIG):
    model = VisionTransformer(config)
    model.initialise(torch.Generator().manual_seed(3))
    return model.eval()


@pytest.fixture(scope="module")
def columns():
    return read_scale(made(), "small", SMALL)


@pytest.mark.slow
def test_every_measure_is_taken_of_the_model_and_its_baselines(columns):
    assert [column.name for column in columns] == ["small", "no training", "colour", "position"]
    keys = [one.measure.key for one in columns[0].measured]
    assert len(keys) == len(set(keys)) == 15
    assert [one.measure.key for one in columns[1].measured] == keys
    without_cls = [key for key in keys if key.split("_")[0] not in ("knn", "retrieval", "duplicate")]
    assert [one.measure.key for one in columns[3].measured] == without_cls
    for column in columns:
        for one in column.measured:
            low, value, high = one.estimate.low, one.estimate.value, one.estimate.high
            assert np.isfinite([low, value, high, one.chance]).all() and low <= high
            assert one.measure.key == "depth_log_rmse" or 0 <= low <= high <= 1


@pytest.mark.slow
def test_columns_share_pictures_so_that_chance_is_the_same(columns):
    first = {one.measure.key: (one.chance, one.best, one.count) for one in columns[0].measured}
    for column in columns[1:]:
        for one in column.measured:
            assert (one.chance, one.best, one.count) == pytest.approx(first[one.measure.key], nan_ok=True)


@pytest.mark.slow
def test_the_command_writes_what_it_prints(tmp_path, capsys, columns):
    save_backbone(made(), tmp_path / "small.safetensors")
    for number in range(12):
        folder = tmp_path / "labelled" / ("bright" if number % 2 else "dark")
        folder.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (60, 60), (200 if number % 2 else 20, number, 9)).save(folder / f"{number}.png")
    words = ["emergence", "--model", str(tmp_path / "small.safetensors"), "--out", str(tmp_path / "out" / "e.json")]
    words += ["--images", "180", "--size", "56", "--workers", "1", "--no-baselines"]
    assert main([*words, "--data", str(tmp_path / "labelled")]) == 0
    printed = capsys.readouterr().out
    results = json.loads((tmp_path / "out" / "e.json").read_text(encoding="utf-8"))
    assert results["model"]["parameters"] == sum(part.numel() for part in made().parameters())
    assert results["pictures"]["images"] == 180 and len(results["rows"]) == 16
    rows = {row["measure"]: row for row in results["rows"]}
    assert rows["knn_labelled"]["values"][0]["value"] == 1.0 and "k-NN on --data" in printed
    for row in as_json(columns):
        (again,), expected = rows[row["measure"]]["values"], row["values"][0]
        assert again["of"] == "small.safetensors"
        for key in ("value", "low", "high"):
            assert again[key] == pytest.approx(expected[key])
        assert f"{again['value']:.3f} ±" in printed


def test_the_table_shows_what_there_is():
    from train.evaluate.bootstrap import Estimate
    from train.evaluate.emergence.measure import Measure, Measured

    depth = Measure("depth", "depth", "…", "…", rises=False)
    objects, parts = (
        Measured(depth, Estimate(0.5, 0.4, 0.8), 2.0),
        Measured(Measure("pck", "… parts", "…", "…"), Estimate(0.25, 0.2, 0.3), 0.1, 0.9),
    )
    columns = [Column("one", [objects, parts]), Column("other", [parts])]
    lines = as_text(columns).splitlines()
    assert lines[0].split() == ["one", "other", "chance", "at", "best"]
    assert lines[2].split() == ["depth", "↓", "0.500", "±0.200", "–", "2.000"]
    assert lines[3].split() == ["…", "parts", "↑", "0.250", "±0.050", "0.250", "±0.050", "0.100", "0.900"]
    record = as_json(columns)[0]
    assert record["best"] is None and record["better"] == "lower"
    assert record["values"] == [{"of": "one", "value": 0.5, "low": 0.4, "high": 0.8}]


def test_models_of_other_pictures_and_broken_ones_are_refused():
    with pytest.raises(ModelError, match="1 channel;"):
        read_scale(made(ViTConfig(width=48, depth=1, heads=3, image_size=56, channels=1)), "grey", SMALL)
    with pytest.raises(RequestError, match="60 to"):
        read_scale(made(), "small", ScaleConfig(images=20, size=56))
    broken = made()
    torch.nn.init.constant_(broken.norm.weight, torch.nan)
    with pytest.raises(ModelError, match="NaN"):
        read_scale(broken, "broken", ScaleConfig(images=60, size=56, workers=1))


def test_an_unknown_model_is_named(capsys, tmp_path):
    assert main(["emergence", "--model", "nobody", "--out", str(tmp_path / "e.json")]) == 2
    assert "no model 'nobody'" in capsys.readouterr().err
