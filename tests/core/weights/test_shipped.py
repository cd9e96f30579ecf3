"""The checkpoint that ships: it opens offline, is small, and its card says what was measured of it."""

import json
from pathlib import Path

import pytest

import core
from core.files import file_sha256
from core.pictures.gallery import RENDERED
from core.records import runs
from core.records.timeline import SHIPPED as TIMELINE
from core.records.timeline import load_timeline
from core.weights.load import SHIPPED
from tests.data import eyes

CARD = Path(SHIPPED.parent / "MODEL_CARD.md").read_text("utf-8")


def test_it_says_what_it_is():
    model = core.load_model("embedded", device="cpu")
    assert model.source.name == "embedded" and model.source.trained_by == "this project"
    assert "Dinoscope" in model.source.title and "tiny" in model.source.note
    assert f"{model.source.parameters:,} parameters" in CARD
    assert f"{model.config.width} × {model.config.depth}" in CARD


def test_it_is_shown_pictures_at_the_size_in_its_card_and_finds_as_many_eyes_as_that_says():
    model = core.load_model("embedded", device="cpu")
    assert runs.stored_size(SHIPPED, 14) == model.default_size == 336 and "`default_size` 336" in CARD
    own, fine = (eyes.found(model, eyes.photographs(), size)["eye"] for size in (None, 518))
    assert f"it finds {own[0]} of {own[1]}, and {fine[0]} at 518" in CARD


def test_all_that_ships_is_small():
    files = [path for path in SHIPPED.parent.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 90e6
    assert sum(path.stat().st_size for path in RENDERED.rglob("*")) < 4.2e6


def test_the_scores_in_its_card_are_its_own():
    record = json.loads((SHIPPED.parent / "emergence.json").read_text("utf-8"))
    assert record["model"]["sha256"] == file_sha256(SHIPPED)
    for row in record["rows"]:
        line = next(line for line in CARD.splitlines() if line.strip().startswith((row["title"], "… " + row["title"])))
        for found in row["values"]:
            assert f"{found['value']:.3f} ±{(found['high'] - found['low']) / 2:.3f}" in line, line


@pytest.mark.parametrize("other", ["no training", "colour"])
def test_it_is_better_than_untrained_and_colour_where_its_card_says_so(other):
    record = json.loads((SHIPPED.parent / "emergence.json").read_text("utf-8"))
    rows = {row["title"]: {found["of"]: found for found in row["values"]} for row in record["rows"]}
    for title in (
        "part matching PCK@0.1",
        "across categories",
        "photo → cartoon",
        "photo → sketch",
        "photo → night",
        "k-NN category",
        "k-NN family",
        "retrieval mAP",
        "near-duplicates found",
        "linear parts mIoU",
        "linear object IoU",
        "k-NN on --data",
    ):
        assert rows[title]["embedded"]["low"] > rows[title][other]["high"], title
    assert rows["linear depth RMSE"]["embedded"]["high"] < rows["linear depth RMSE"][other]["low"]


def test_the_timeline_shows_the_shipped_model_among_its_steps():
    timeline = load_timeline(TIMELINE)
    steps = [moment.step for moment in timeline.moments]
    assert steps[0] == 0 and runs.stored_step(SHIPPED) in steps and len(steps) == 33
    assert len(timeline.pictures) == 8 and timeline.curves
