"""Several models on the same pictures: columns, colours alike where they can be, and the table of scores."""

import base64
import io
import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from app.compare import handlers as comparing
from app.compare.colours import looks
from app.compare.columns import PAGES, Column, blocks_offered, column_of, pages_settings, sizes_offered
from app.compare.handlers import compare, compare_differences, scores_of, table
from app.explore import handlers
from app.explore.settings import Settings
from app.server.models import Loaded
from app.server.trays import open_tray
from core import RequestError, VisionTransformer, ViTConfig, load_model
from core.analysis.disagreement import disagreement
from core.analysis.steady import turned
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


def columns(models, view="PCA", sizes=(112, 112, 112), blocks=(0, 0, 0)) -> list[Column]:
    each = zip(models, sizes, blocks, strict=False)
    return [Column(model, Settings(view=view, size=size, block=block)) for model, size, block in each]


def numbers_sent(sent) -> np.ndarray:
    shape = sent["rows"], sent["columns"], -1
    return np.frombuffer(base64.b64decode(sent["data"]), "<f2").reshape(shape).astype(float)


def painted(column, identity) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(column["view"]["layers"][identity].partition(",")[2]))))


@pytest.fixture
def wide(engine) -> Loaded:
    """A model whose features are wider than the others'."""
    model = VisionTransformer(ViTConfig(width=64, depth=2, heads=2))
    model.initialise(torch.Generator().manual_seed(9))
    model.source = replace(engine.models.get("small").source, name="wide", title="Wide", sha256="sha of wide")
    return Loaded("wide", model.eval())


@pytest.mark.parametrize("view", ["PCA", "Foreground", "Attention", "Norms", "Segments"])
def test_every_view_has_a_column_for_each_model(engine, tray, models, view):
    told = compare(engine, tray, columns(models, view))
    ids = {info["id"] for info in told["pictures"]}
    assert [column["title"] for column in told["columns"]] == ["Small small", "Small registers", "Small a third"]
    for column in told["columns"]:
        assert column["view"]["kind"] == view.lower() and column["line"] == "Block 3 of 3, 112 px"
        assert set(column["view"]["layers"]) == set(column["features"]["grids"]) == set(column["geometries"]) == ids
    assert len({column["features"]["grids"]["p0"]["data"] for column in told["columns"]}) == 3
    json.dumps(told)


def test_one_model_may_stand_beside_itself_at_another_block_and_resolution(engine, tray, models):
    told = compare(engine, tray, columns(models[:1] * 3, sizes=(112, 112, 56), blocks=(0, 1, 0)))["columns"]
    assert [column["line"] for column in told] == [f"Block {b} of 3, {s} px" for b, s in ((3, 112), (1, 112), (3, 56))]
    assert [column["name"] for column in told] == [f"Small small ({column['line'].lower()})" for column in told]
    assert [column["geometries"]["p0"]["columns"] for column in told] == [8, 8, 4]
    assert len({column["features"]["grids"]["p0"]["data"] for column in told}) == 3


def flat(layers):
    return np.concatenate([layer.reshape(-1, 3) for layer in layers]).astype(float)


def likeness(one, other) -> float:
    return sum(np.corrcoef(flat(one)[:, k], flat(other)[:, k])[0, 1] for k in range(3))


def test_pca_colours_are_turned_towards_the_first_columns(engine, tray, models):
    screens = [handlers.show(engine, tray, model, SETTINGS) for model in models]
    first, *others = looks(screens, SETTINGS)
    assert first.layers is screens[0].painted.layers
    for screen, look in zip(screens[1:], others, strict=True):
        assert likeness(look.layers, first.layers) > likeness(screen.painted.layers, first.layers)
        assert [layer.shape for layer in look.layers] == [layer.shape for layer in first.layers]
        assert "turned" in look.note
    norms = [handlers.show(engine, tray, model, Settings(size=112, view="Norms")) for model in models]
    for look, screen in zip(looks(norms, Settings(view="Norms"), one_basis=True), norms, strict=True):
        assert look.layers is screen.painted.layers and look.note == ""


def test_colours_of_another_grid_are_turned_towards_the_firsts_on_that_grid(engine, tray, models):
    small = Settings(size=56)
    screens = [handlers.show(engine, tray, models[0], SETTINGS), handlers.show(engine, tray, models[1], small)]
    _, look = looks(screens, SETTINGS)
    pooled = [
        layer.reshape(4, 2, 4, 2, 3).mean((1, 3)) for layer in screens[0].painted.values if layer.shape[:2] == (8, 8)
    ]
    assert pooled, "no square picture"
    own = [one.shape for one in screens[1].painted.values]
    assert [layer.shape for layer in look.layers] == own and own != [one.shape for one in screens[0].painted.values]
    square = [index for index, shape in enumerate(own) if shape[:2] == (4, 4)]
    turned_square = [look.layers[index] for index in square]
    assert likeness(turned_square, pooled) > 0.5


def test_with_one_basis_columns_as_wide_as_the_first_have_its_components_and_range(engine, tray, models, wide):
    half, block = Settings(size=56), Settings(size=112, block=1)
    asked = [(models[0], SETTINGS), (models[0], half), (models[0], block), (models[1], SETTINGS), (wide, SETTINGS)]
    screens = [handlers.show(engine, tray, model, settings) for model, settings in asked]
    first, smaller, earlier, other, wider = looks(screens, SETTINGS, one_basis=True)
    basis = screens[0].painted.basis
    for screen, look in zip(screens[1:4], (smaller, earlier, other), strict=True):
        for feature_map, layer in zip(screen.encoded.maps, look.layers, strict=True):
            values = (feature_map.patches - basis.mean) @ basis.directions[:3].T
            shares = ((values - basis.low[:3]) / (basis.high - basis.low)[:3]).clamp(0, 1)
            assert np.allclose(layer, shares.numpy() * 255, atol=0.51)
        assert look.reading == first.reading
    assert smaller.note == earlier.note and "range" in smaller.note and "other weights" not in smaller.note
    assert "other weights" in other.note
    assert "turned" in wider.note and "64 wide, the first column's 48" in wider.note
    towards = flat(screens[0].painted.values)
    assert np.allclose(flat(wider.values), turned(flat(screens[4].painted.values), towards), atol=1e-6)


def test_the_numbers_of_turned_colours_are_the_turned_ones(engine, tray, models):
    told = compare(engine, tray, columns(models))["columns"]
    assert [column["view"]["reading"]["names"][0] for column in told] == ["component 1 (red)", "red", "red"]
    for column in told[1:]:
        for identity, sent in column["view"]["numbers"].items():
            assert np.allclose(numbers_sent(sent) * 255, painted(column, identity), atol=0.7)


def test_each_column_shows_where_it_disagrees_with_the_first(engine, tray, models, wide):
    asked = columns([models[0], wide, models[0]], sizes=(112, 112, 56))
    told = compare_differences(engine, tray, asked)
    first, other, smaller = told["columns"]
    assert first["view"]["numbers"] == {} and not painted(first, "p0")[..., 3].any()
    assert [column["geometries"]["p0"]["columns"] for column in told["columns"]] == [8, 8, 4]
    maps = [handlers.show(engine, tray, column.model, column.settings).encoded.maps[0] for column in asked]
    for column, feature_map in ((other, maps[1]), (smaller, maps[2])):
        wanted, _ = disagreement(maps[0], feature_map)
        assert np.allclose(numbers_sent(column["view"]["numbers"]["p0"])[..., 0], wanted.numpy(), atol=2e-3)
        assert column["view"]["kind"] == "difference" and not column["features"]
        assert column["view"]["legend"] == other["view"]["legend"] and column["note"].startswith("Mean 0.")
    json.dumps(told)


def test_a_column_takes_the_pages_block_and_resolution_unless_it_names_its_own(models, wide):
    page = pages_settings(models[0], 2, 112)
    assert column_of(models[0], "PCA", PAGES, PAGES, page).line == "block 2 of 3, 112 px"
    assert column_of(models[0], "PCA", "1", "56 px", page).line == "block 1 of 3, 56 px"
    last = pages_settings(models[0], 3, 112)
    found = column_of(wide, "PCA", PAGES, None, last)
    assert found.line == "block 2 of 2, 112 px" and found.told == "", "the last of the page is the last of every model"


def test_what_a_model_does_not_have_is_told_and_the_nearest_is_shown(models, wide):
    page = pages_settings(models[0], 3, 112)
    found = column_of(wide, "PCA", "12", "117", page)
    assert found.line == "block 2 of 2, 112 px"
    assert found.told == (
        "This model has 2 blocks: the last is shown, not block 12. 112 px is this model's nearest resolution to 117."
    )
    for block, size in (("-1", PAGES), ("two", PAGES), (PAGES, "0"), (PAGES, "9" * 9)):
        with pytest.raises(RequestError, match='choose "page\'s" or a whole number'):
            column_of(wide, "PCA", block, size, page)


def test_what_is_offered_fits_the_model_and_says_its_price(engine, tray, models, wide):
    assert blocks_offered(wide) == [PAGES, "1", "2"]
    column = Column(models[0], SETTINGS)
    before = sizes_offered(engine, tray, column)
    assert before[0] == (PAGES, PAGES) and ("518 px · ×1.0", "518") in before
    assert all(int(value) % 14 == 0 for _, value in before[1:])
    handlers.show(engine, tray, models[0], SETTINGS)
    assert all("about" in words for words, value in sizes_offered(engine, tray, column)[1:])


def test_nothing_selected_is_said(engine, tray, models):
    for picture in tray.chosen:
        tray = tray.select(picture.id, False)
    for shown in (compare, compare_differences):
        with pytest.raises(RequestError, match="No picture is selected"):
            shown(engine, tray, columns(models))


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


def test_a_model_in_two_columns_is_in_the_table_once(models, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    record(tmp_path / "emergence-one.json", models[0].source.sha256)
    assert table([models[0], models[1], models[0]]).count("<th>Small small</th>") == 1


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
