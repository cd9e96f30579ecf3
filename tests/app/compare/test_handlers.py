"""Several models on the same pictures: columns, colours alike where they can be, and the table of scores."""

import base64
import io
import json

import numpy as np
import pytest
import torch
from PIL import Image

from app.compare import handlers as comparing
from app.compare.handlers import alike, compare, scores_of, table
from app.explore import handlers
from app.explore.settings import Settings
from app.server.trays import open_tray
from core import RequestError, VisionTransformer, ViTConfig, load_model
from core.records import runs

SETTINGS = Settings(size=112)
RECORD = {
    "task": "emergence",
    "pictures": {"images": 60},
    "rows": [
        {
            "measure": "knn_category",
            "title": "<img src=x onerror=alert(1)>",
            "asks": '"><img src=x onerror=alert(1)>',
            "better": "higher",
            "chance": {"value": 0.05, "means": "…"},
            "best": None,
            "values": [
                {"of": "model", "value": 0.4, "low": 0.3, "high": 0.5},
                {"of": "colour", "value": 0.25, "low": 0.2, "high": 0.3},
            ],
        }
    ],
}


@pytest.fixture
def tray(engine):
    return open_tray(engine, "someone")


@pytest.fixture
def models(engine):
    return [engine.models.get(name) for name in ("small", "registers", "a third")]


def record(path, sha256, value=0.4):
    rows = json.loads(json.dumps(RECORD["rows"]))
    rows[0]["values"][0]["value"] = value
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(RECORD | {"model": {"name": "m", "sha256": sha256}, "rows": rows}), encoding="utf-8")


@pytest.mark.parametrize("view", ["PCA", "Foreground", "Attention", "Norms", "Segments"])
def test_every_view_has_a_column_for_each_model(engine, tray, models, view):
    told = compare(engine, tray, models, Settings(size=112, view=view))
    ids = {info["id"] for info in told["pictures"]}
    assert [column["title"] for column in told["columns"]] == ["Small small", "Small registers", "Small a third"]
    for column in told["columns"]:
        assert column["view"]["kind"] == view.lower()
        assert set(column["view"]["layers"]) == set(column["features"]["grids"]) == set(column["geometries"]) == ids
    assert len({column["features"]["grids"]["p0"]["data"] for column in told["columns"]}) == 3
    json.dumps(told)


def test_pca_colours_are_turned_towards_the_first_columns(engine, tray, models):
    screens = [handlers.show(engine, tray, model, SETTINGS) for model in models]

    def flat(layers):
        return np.concatenate([layer.reshape(-1, 3) for layer in layers]).astype(float)

    first, *others = alike(screens, SETTINGS)
    assert first is screens[0].painted.layers
    for screen, layers in zip(screens[1:], others, strict=True):
        likeness, before = (
            sum(np.corrcoef(flat(each)[:, k], flat(first)[:, k])[0, 1] for k in range(3))
            for each in (layers, screen.painted.layers)
        )
        assert likeness > before
        assert [layer.shape for layer in layers] == [layer.shape for layer in first]
    norms = [handlers.show(engine, tray, model, Settings(size=112, view="Norms")) for model in models]
    assert all(a is b.painted.layers for a, b in zip(alike(norms, Settings(view="Norms")), norms, strict=True))


def test_the_numbers_of_turned_colours_are_the_turned_ones(engine, tray, models):
    columns = compare(engine, tray, models, SETTINGS)["columns"]
    assert [column["view"]["reading"]["names"][0] for column in columns] == ["component 1 (red)", "red", "red"]
    for column in columns[1:]:
        for identity, sent in column["view"]["numbers"].items():
            numbers = np.frombuffer(base64.b64decode(sent["data"]), "<f2").reshape(sent["rows"], sent["columns"], 3)
            layer = Image.open(io.BytesIO(base64.b64decode(column["view"]["layers"][identity].partition(",")[2])))
            assert np.allclose(numbers * 255, np.asarray(layer), atol=0.2)


def test_nothing_selected_is_said(engine, tray, models):
    for picture in tray.chosen:
        tray = tray.select(picture.id, False)
    with pytest.raises(RequestError, match="No picture is selected"):
        compare(engine, tray, models, SETTINGS)


def test_scores_are_found_by_the_hash_of_the_weights(models, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(comparing, "SHIPPED", tmp_path / "assets" / "backbone.safetensors")
    assert scores_of(models[0].source) is None
    (tmp_path / "emergence-other.json").write_text("[]")
    record(tmp_path / "emergence-mine.json", models[0].source.sha256)
    record(tmp_path / "assets" / "emergence.json", models[1].source.sha256, 0.6)
    assert scores_of(models[0].source).rows[0].reading.value == 0.4
    assert scores_of(models[1].source).rows[0].reading.value == 0.6
    assert scores_of(models[2].source) is None


def test_scores_of_a_run_are_those_of_the_step_its_model_was_kept_at(tmp_path):
    model = VisionTransformer(ViTConfig(width=24, depth=1, heads=2, image_size=28))
    runs.save_backbone(model, tmp_path / runs.BACKBONE, {"step": "4"})
    runs.save_backbone(model, runs.snapshot_path(tmp_path, 2), {"step": "2"}, torch.float16)
    for step in (2, 4):
        record(runs.scores_path(tmp_path, step), "of the snapshot", step / 10)
    assert scores_of(load_model(tmp_path, "cpu").source).rows[0].reading.value == 0.4
    assert scores_of(load_model(runs.snapshot_path(tmp_path, 2), "cpu").source).rows[0].reading.value == 0.2


def test_the_table_marks_the_best_and_takes_no_name_for_html(models, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(comparing, "SHIPPED", tmp_path / "none" / "backbone.safetensors")
    assert "python -m train.evaluate emergence" in table(models)
    for model, value in zip(models, (0.4, 0.6), strict=False):
        record(tmp_path / f"emergence-{model.name}.json", model.source.sha256, value)
    text = table(models)
    assert '<td>0.400 <small>±0.100</small></td><td class="best">0.600' in text
    assert "<th>colour</th>" in text and "</td><td>0.250</td><td>0.050</td>" in text
    assert "the best is bold" in text
    assert "<img" not in text
    assert 'title="&#34;&gt;&lt;img' in text


def test_a_model_that_was_not_measured_has_no_column_but_a_sentence(models, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(comparing, "SHIPPED", tmp_path / "none" / "backbone.safetensors")
    record(tmp_path / "emergence-one.json", models[0].source.sha256)
    text = table(models)
    assert "<td>–</td>" not in text and "<th>Small registers</th>" not in text
    assert "Not measured yet: Small registers, Small a third." in text


@pytest.mark.parametrize("values", [(0.4,), (0.4, 0.4)], ids=["one model", "equal ones"])
def test_nothing_is_called_bold_where_nothing_is(models, tmp_path, monkeypatch, values):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(comparing, "SHIPPED", tmp_path / "none" / "backbone.safetensors")
    for model, value in zip(models, values, strict=False):
        record(tmp_path / f"emergence-{model.name}.json", model.source.sha256, value)
    text = table(models)
    assert "0.400" in text and 'class="best"' not in text and "bold" not in text
