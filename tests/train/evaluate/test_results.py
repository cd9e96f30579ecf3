"""Results as files: where they go, and that they are whole."""

import json
import math
from pathlib import Path

import pytest

from core import RequestError, load_model
from train.evaluate.results import about, results_path, write_results


def test_the_file_is_named_for_task_and_model(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert results_path("knn", "runs/my run/", None) == Path("knn-my_run.json")
    assert results_path("knn", "untrained", tmp_path / "new" / "file.json") == tmp_path / "new" / "file.json"
    assert not (tmp_path / "new").exists()  # made when there is something to write


def test_places_that_cannot_be_written_are_refused(tmp_path):
    (tmp_path / "file").touch()
    for wrong in (tmp_path, tmp_path / "file" / "below.json"):
        with pytest.raises(RequestError, match="--out"):
            results_path("knn", "untrained", wrong)


def test_what_json_cannot_say_becomes_null(tmp_path):
    path = tmp_path / "results.json"
    write_results(path, {"rows": [{"value": math.nan}, {"value": 0.5}], "data": (Path("a"), Path("b"))})
    assert json.loads(path.read_text(encoding="utf-8")) == {
        "rows": [{"value": None}, {"value": 0.5}],
        "data": ["a", "b"],
    }
    assert list(tmp_path.iterdir()) == [path]


def test_results_say_which_model_they_are_of():
    model = load_model("untrained", "cpu")
    assert about(model) == {
        "name": "untrained",
        "title": "Untrained ViT-S/14",
        "sha256": model.source.sha256,
        "parameters": sum(part.numel() for part in model.parameters()),
    }
