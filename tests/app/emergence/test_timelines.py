"""Timelines for the browser: a run folder looked at step by step, and what is remembered of it."""

import base64
import math
import os
import time
from dataclasses import replace

import numpy as np
import pytest
import torch

from app.emergence import timelines
from app.emergence.timelines import Named, look_at_run, shipped_prop, silence, state_of, timeline_prop
from app.server.engine import Item
from app.server.memory import Memory
from core import ModelError, RequestError, VisionTransformer, ViTConfig
from core.pictures.image import load_reduced
from core.records import runs
from core.records.timeline import save_timeline
from tests.app.small import photograph

CONFIG = ViTConfig(width=48, depth=1, heads=2, image_size=56, layer_scale=1.0)
PICTURES = [Named(f"<i>{seed}", Item(f"digest {seed}", load_reduced(photograph(seed)))) for seed in (1, 2)]


@pytest.fixture
def run(tmp_path):
    """A run folder with two snapshots and a log."""
    for step in (0, 1):
        add_snapshot(tmp_path / "first", step)
    runs.append_metrics(tmp_path / "first", 1, {"loss": 8.5, "ibot": 3.0})
    return tmp_path / "first"


def add_snapshot(run, step, config=CONFIG):
    model = VisionTransformer(config)
    model.initialise(torch.Generator().manual_seed(step))
    runs.save_backbone(model, runs.snapshot_path(run, step), {"step": str(step)}, torch.float16)


def test_it_grows_by_a_step_at_a_time_and_remembers_what_it_has_seen(run, monkeypatch):
    looked = []
    monkeypatch.setattr(timelines, "look", lambda *words: looked.append(words[-1]) or LOOK(*words))
    memory, before = Memory(64), state_of(run)
    assert [len(timeline.moments) for timeline in look_at_run(memory, run, PICTURES)] == [1, 2]
    first = list(look_at_run(memory, run, PICTURES))[-1]
    add_snapshot(run, 2)
    assert state_of(run) != before
    last = list(look_at_run(memory, run, PICTURES))[-1]
    assert looked == [0, 1, 2] and [moment.step for moment in last.moments] == [0, 1, 2]
    for old, new in zip(first.moments, last.moments, strict=False):
        assert torch.equal(old.colours, new.colours), "colours changed when a step came"


LOOK = timelines.look


def test_a_run_whose_patches_became_finer_stays_on_one_grid(run):
    add_snapshot(run, 2, replace(CONFIG, patch=7, image_size=42))
    timeline = list(look_at_run(Memory(64), run, PICTURES))[-1]
    patches = sum(one.patches for one in timeline.pictures)
    assert [len(moment.features) for moment in timeline.moments] == [patches] * 3
    assert not torch.equal(timeline.moments[1].features, timeline.moments[2].features)


def test_the_prop_holds_the_numbers(run):
    timeline = list(look_at_run(Memory(64), run, PICTURES))[-1]
    prop = timeline_prop("a run", timeline)
    assert [info["name"] for info in prop["pictures"]] == ["<i>1", "<i>2"]
    moment, told = timeline.moments[1], prop["moments"][1]
    patches = sum(info["rows"] * info["columns"] for info in prop["pictures"])
    features = np.frombuffer(base64.b64decode(told["features"]), np.int8).reshape(patches, len(told["scales"]))
    assert np.array_equal(features, moment.features.numpy())
    colours = np.frombuffer(base64.b64decode(told["colours"]), np.uint8).reshape(patches, 3)
    assert np.array_equal(colours, moment.colours.numpy())
    assert [(one["key"], one["points"]) for one in prop["series"]] == [("loss", [[1, 8.5]]), ("ibot", [[1, 3.0]])]


def test_the_shipped_one_is_read_where_it_is_there(run, tmp_path, monkeypatch):
    monkeypatch.setattr(timelines, "SHIPPED", tmp_path / "none.safetensors")
    nothing = shipped_prop(Memory(64))
    assert nothing["moments"] == [] and "train.timeline" in nothing["why"]
    path = save_timeline(list(look_at_run(Memory(64), run, PICTURES))[-1], tmp_path / "shipped.safetensors")
    monkeypatch.setattr(timelines, "SHIPPED", path)
    assert [one["step"] for one in shipped_prop(Memory(64))["moments"]] == [0, 1]


def test_a_run_seems_to_have_ended_once_it_wrote_nothing_for_long(run, tmp_path):
    def written(seconds: float) -> None:
        for path in (run / runs.METRICS, *runs.snapshots(run).values()):
            os.utime(path, (time.time() - seconds,) * 2)

    assert silence(run) is None
    written(400)
    assert silence(run) == pytest.approx(400, abs=5)
    runs.append_metrics(run, 2, {"loss": 8.4, "seconds_per_step": 30.0})  # a line a minute: it may well be alive
    written(400)
    assert silence(run) is None
    written(1300)
    assert silence(run) == pytest.approx(1300, abs=5)
    add_snapshot(run, 2)
    assert silence(run) is None
    assert silence(tmp_path / "gone") == math.inf


def test_what_is_no_run_is_refused(run, tmp_path):
    with pytest.raises(RequestError, match="no snapshots yet"):
        next(look_at_run(Memory(1), tmp_path, PICTURES))
    with pytest.raises(RequestError, match="No picture is selected"):
        next(look_at_run(Memory(1), run, []))
    runs.save_tensors({"a": torch.zeros(1)}, runs.snapshot_path(tmp_path / "odd", 0), {})
    with pytest.raises(ModelError, match="does not describe its model"):
        next(look_at_run(Memory(1), tmp_path / "odd", PICTURES))
