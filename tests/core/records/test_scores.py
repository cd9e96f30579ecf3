"""The emergence scale's JSON, read back: rows, gaps, several steps of a run, and what is no such file."""

import json

import pytest

from core import RequestError
from core.records import runs
from core.records.scores import Reading, curves, read_scores


def record(value, *, of="step 1", baselines=()):
    def values(number):
        return [{"of": of, "value": number, "low": 0.1, "high": 0.9}, *baselines]

    row = {"asks": "…", "better": "higher", "pictures": 9, "chance": {"value": 0.05, "means": "…"}, "best": None}
    rows = [
        row | {"measure": "knn", "title": "k-NN", "values": values(value)},
        row | {"measure": "depth", "title": "depth", "better": "lower", "best": 0.2, "values": values(None)},
    ]
    model = {"name": of, "title": of, "sha256": "ab", "parameters": 3}
    return {"task": "emergence", "model": model, "pictures": {"images": 60}, "rows": rows}


def write(path, what):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(what), encoding="utf-8")
    return path


def test_a_row_without_the_models_value_is_left_out(tmp_path):
    colour = {"of": "colour", "value": 0.4, "low": 0.3, "high": 0.5}
    scores = read_scores(write(tmp_path / "e.json", record(0.7, baselines=[colour])))
    assert (scores.name, scores.sha256, scores.pictures) == ("step 1", "ab", {"images": 60})
    (row,) = scores.rows
    assert (row.key, row.rises, row.chance, row.best) == ("knn", True, 0.05, None)
    assert row.reading == Reading(0.7, 0.1, 0.9) and row.baselines == {"colour": Reading(0.4, 0.3, 0.5)}


def test_the_steps_of_a_run_make_curves_and_any_of_them_may_bring_the_baselines(tmp_path):
    colour = {"of": "colour", "value": 0.4, "low": 0.3, "high": 0.5}
    for step, value in ((16, 0.8), (0, 0.2), (2, None)):
        write(runs.scores_path(tmp_path, step), record(value, baselines=[colour] if step == 0 else ()))
    (curve,) = curves(tmp_path)
    assert {step: one.value for step, one in curve.points.items()} == {0: 0.2, 16: 0.8}
    assert list(curve.points) == [0, 16] and curve.baselines == {"colour": 0.4}
    assert curves(tmp_path / "nowhere") == []


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"model": 3}', json.dumps(record(0.5) | {"rows": [{}]})])
def test_another_file_is_refused_by_name(tmp_path, content):
    path = tmp_path / "other.json"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(RequestError, match=r"other\.json holds no emergence scores"):
        read_scores(path)


@pytest.mark.parametrize("value", ["NaN", "Infinity", "1e999", '"0.5"', "[]", "1" + "0" * 400])
def test_values_that_are_no_numbers_are_refused_and_left_out_of_the_curves(tmp_path, value, caplog):
    write(runs.scores_path(tmp_path, 1), record(0.5))
    path = runs.scores_path(tmp_path, 2)
    path.write_text(json.dumps(record(0.625)).replace("0.625", value))
    with pytest.raises(RequestError, match=r"step-00000002\.json holds no emergence scores"):
        read_scores(path)
    (curve,) = curves(tmp_path)
    assert list(curve.points) == [1] and "step-00000002.json" in caplog.text
