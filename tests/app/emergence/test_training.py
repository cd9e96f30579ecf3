"""A training started from the page: a real one, of few steps, stopped, gone on with and opened as a model."""

import time

import pytest

from app.emergence.training import ROOT, Trainer, _schedule
from core import RequestError, load_model
from core.records.runs import snapshots, stored_step
from tests.app.small import photograph
from train.recipes import recipe

PATIENCE_S = 240


def wait(trainer: Trainer, until) -> None:
    end = time.monotonic() + PATIENCE_S
    while not until(trainer.progress()):
        assert time.monotonic() < end, trainer.progress()
        time.sleep(0.05)


@pytest.fixture
def trainer(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    made = Trainer()
    yield made
    made.stop()


@pytest.mark.slow
def test_it_trains_stops_goes_on_and_gives_a_model(trainer):
    assert trainer.progress() is None
    names = ["<b>../../etc", "b.PNG", "c.jpeg"]
    run = trainer.start(24, [(name, photograph(place)) for place, name in enumerate(names)])
    assert {path.name for path in (run.parent / "pictures").iterdir()} == {"001.png", "002.png", "003.jpeg"}
    with pytest.raises(RequestError, match="running already"):
        trainer.start(24, [("b.png", photograph(1))])
    wait(trainer, lambda now: now.step >= 2)
    trainer.stop()
    assert trainer.progress().stopping, "it answers before it has ended"
    wait(trainer, lambda now: not now.running)
    stopped = trainer.progress()
    assert not stopped.stopping
    assert not stopped.running and not stopped.over and not stopped.problem and 2 <= stopped.step < 24
    assert trainer.resume() == run
    wait(trainer, lambda now: not now.running)
    assert trainer.progress().over and trainer.progress().loss > 0
    assert list(snapshots(run)) == [0, 1, 2, 4, 8, 16, 24] and stored_step(run / "backbone.safetensors") == 24
    assert load_model(run, device="cpu").config.width == 96
    with pytest.raises(RequestError, match="no stopped training"):
        trainer.resume()


@pytest.mark.slow
def test_what_the_command_says_is_told(trainer, tmp_path):
    folder = tmp_path / "empty"
    folder.mkdir()
    trainer.start(20, folder=folder)
    wait(trainer, lambda now: not now.running)
    assert str(folder) in trainer.progress().problem and "Traceback" not in trainer.progress().problem


def test_what_cannot_be_trained_is_refused(trainer, tmp_path):
    with pytest.raises(RequestError, match="5000 steps: choose 20 to 1000"):
        trainer.start(5000, [("a.png", photograph())])
    with pytest.raises(RequestError, match="no picture in the tray"):
        trainer.start(20, [])
    with pytest.raises(RequestError, match="is not there"):
        trainer.start(20, folder=tmp_path / "nowhere")
    with pytest.raises(RequestError, match="no stopped training"):
        trainer.resume()
    assert trainer.progress() is None


def test_a_log_with_values_that_are_no_numbers_shows_what_there_is(trainer, tmp_path):
    (tmp_path / "metrics.jsonl").write_text('{"step": 2, "loss": 3.5, "seconds_per_step": NaN}\n{"step": 4, "lo\n')
    trainer._run = tmp_path
    now = trainer.progress()
    assert (now.step, now.loss, now.seconds_left) == (2, 3.5, None)


def test_the_schedule_is_the_recipes_in_proportion():
    assert (ROOT / "train" / "pretrain.py").is_file()
    tiny = recipe("tiny").optim
    names = ("steps", "warmup_steps", "freeze_last_layer_steps", "temperature_warmup_steps")
    asked = {f"--optim.{name.replace('_', '-')}": str(getattr(tiny, name)) for name in names}
    words = _schedule(tiny.steps)
    assert dict(zip(words[::2], words[1::2], strict=True)) == asked
    assert _schedule(tiny.steps // 4)[3] == str(tiny.warmup_steps // 4)
