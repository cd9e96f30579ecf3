"""The timeline of a run that was trained here: every snapshot looked at and scored, once."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from core.pictures.gallery import samples
from core.records.runs import SNAPSHOTS, scores, scores_path, snapshot_path, snapshots
from core.records.timeline import load_timeline
from tests.train.small_run import CONFIG
from train.pretrain import pretrain
from train.timeline import MOST_DIMS, fitting_dims, main

SMALL = ["--scale-images", "60", "--scale-size", "56", "--size", "112"]


@pytest.fixture(scope="module")
def run(photographs, tmp_path_factory):
    return pretrain(CONFIG, [photographs], tmp_path_factory.mktemp("run") / "first")


@pytest.mark.slow
def test_every_snapshot_is_in_it_and_is_scored_only_once(run, tmp_path, capsys, caplog):
    out = tmp_path / "timeline.safetensors"
    two = [str(sample.path) for sample in samples()[:2]]
    words = [str(run), "--out", str(out), *SMALL, "--images", *two]
    assert main(words) == 0
    assert "5 steps of 2 pictures" in capsys.readouterr().out
    timeline = load_timeline(out)
    assert [moment.step for moment in timeline.moments] == list(snapshots(run)) == [0, 1, 2, 4, 8]
    assert list(scores(run)) == [0, 1, 2, 4, 8] and timeline.title == "first"
    knn = next(curve for curve in timeline.curves if curve.key == "knn_category")
    assert list(knn.points) == [0, 1, 2, 4, 8] and list(knn.baselines) == ["colour"]
    assert timeline.losses[-1]["step"] == 8
    assert not torch.equal(timeline.moments[0].features, timeline.moments[-1].features)
    written = {step: path.stat().st_mtime_ns for step, path in scores(run).items()}
    scores_path(run, 4).unlink()
    assert main(words) == 0
    again = {step: path.stat().st_mtime_ns for step, path in scores(run).items()}
    assert {step for step in again if again[step] == written[step]} == {0, 1, 2, 8}
    assert json.loads(scores_path(run, 4).read_text())["rows"][0]["values"][0]["of"] == "step 4"


@pytest.mark.slow
def test_without_scores_it_takes_the_usual_pictures(run, tmp_path):
    out = tmp_path / "t.safetensors"
    assert main([str(run), "--out", str(out), "--scale-images", "0", "--size", "112", "--title", "Class 7"]) == 0
    timeline = load_timeline(out)
    assert timeline.title == "Class 7" and timeline.curves == ()
    assert [one.name for one in timeline.pictures][-2:] == ["A rendered cat, sketch", "A rendered giraffe"]


def test_snapshots_that_do_not_say_their_shape_are_taken_too(run, tmp_path):
    (tmp_path / SNAPSHOTS).mkdir()
    for step in (1, 2):
        name = snapshot_path(Path(), step)
        save_file(load_file(run / name), tmp_path / name)
    out = tmp_path / "t.safetensors"
    words = ["--scale-images", "0", "--size", "112", "--images", str(samples()[0].path)]
    assert main([str(tmp_path), "--out", str(out), *words]) == 0
    assert [moment.step for moment in load_timeline(out).moments] == [1, 2]


def test_as_many_dimensions_as_fit():
    class Picture:
        patches = 24 * 24

    assert fitting_dims([Picture] * 8, 15, 4.0) == 48
    assert fitting_dims([Picture], 2, 4.0) == MOST_DIMS


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["RUN", "--out", "t"], "holds no snapshots"),
        (["RUN", "--out", "t", "--scale-images", "0"], "give another run folder"),
    ],
)
def test_a_folder_without_snapshots_is_named(words, told, tmp_path, capsys):
    words = [str(tmp_path) if word == "RUN" else word for word in words]
    assert main(words) == 2
    assert str(tmp_path) in (said := capsys.readouterr().err) and told in said


@pytest.mark.slow
def test_a_run_that_went_on_is_counted_on_from_the_one_before(run, tmp_path):
    first, whole = tmp_path / "first.safetensors", tmp_path / "whole.safetensors"
    two = [str(sample.path) for sample in samples()[:2]]
    words = [str(run), *SMALL, "--images", *two]
    assert main([*words, "--out", str(first)]) == 0
    assert main([*words, "--out", str(whole), "--after", str(first), "--title", "Both"]) == 0
    before, timeline = load_timeline(first), load_timeline(whole)
    assert timeline.title == "Both" and [one.step for one in timeline.moments] == [0, 1, 2, 4, 8, 9, 10, 12, 16]
    assert torch.equal(timeline.moments[1].features, before.moments[1].features)
    knn, known = (next(one for one in each.curves if one.key == "knn_category") for each in (timeline, before))
    assert knn.points == known.points | {8 + step: reading for step, reading in known.points.items() if step}
    assert [line["step"] for line in timeline.losses][-1] == 16
    other = [str(run), "--out", str(whole), "--size", "112", "--scale-images", "0", "--after", str(first)]
    assert main(other) == 2 and len(load_timeline(whole).moments) == 9
