"""The registry of tasks: one file and one entry make a command."""

import json
import pkgutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from core import VisionTransformer
from train.dist import World
from train.evaluate import tasks
from train.evaluate.__main__ import main
from train.evaluate.bootstrap import Estimate
from train.evaluate.task import Estimates, Findings, PictureTask, Task
from train.evaluate.tasks import TASKS


@dataclass(frozen=True, kw_only=True)
class Toy(Task):
    """How many letters a file has, whatever the model."""

    data: Path
    """A text file."""
    times: int = 1
    """A factor."""

    def measure(self, model: VisionTransformer, world: World) -> Findings | None:
        if not world.leads:
            return None
        letters = self.times * len(self.data.read_text())
        return Findings({"letters": letters}, f"{letters} letters\n\n")


@dataclass(frozen=True, kw_only=True)
class Sizes(PictureTask):
    """The size that pictures have."""

    data: Path
    """Anything."""

    def estimates(self, model: VisionTransformer, size: int, world: World) -> Estimates | None:
        return Estimates([("size", Estimate(size, size - 1, size + 1))], {"seen": True})


@pytest.fixture
def registered(monkeypatch):
    monkeypatch.setattr(tasks, "TASKS", (*TASKS, Toy, Sizes))


def asked(task: str, folder: Path, *more: str) -> tuple[int, dict]:
    (folder / "text.txt").write_text("dino")
    out = folder / "new" / "results.json"
    words = [task, "--model", "untrained", "--data", str(folder / "text.txt"), "--out", str(out), *more]
    return main(words), json.loads(out.read_text(encoding="utf-8"))


def test_a_registered_task_is_a_command_that_writes_its_results(registered, tmp_path, capsys):
    status, results = asked("toy", tmp_path, "--times", "3")
    assert status == 0
    assert capsys.readouterr().out == f"12 letters\n\nWritten to {tmp_path / 'new' / 'results.json'}.\n"
    assert results.pop("model")["name"] == "untrained"
    assert results == {"task": "toy", "data": str(tmp_path / "text.txt"), "letters": 12}


def test_help_tells_of_a_registered_task_and_its_flags(registered, capsys):
    for words, expected in (
        (["--help"], ["toy", "How many letters a file has"]),
        (["toy", "--help"], ["A text file.", "--times", "TASK-MODEL.json", "a run folder or a weights file"]),
    ):
        with pytest.raises(SystemExit):
            main(words)
        printed = capsys.readouterr().out
        assert all(word in printed for word in expected)


def test_a_task_on_pictures_says_at_which_size(registered, tmp_path, capsys):
    for words, size in (([], 518), (["--size", "56"], 56)):
        status, results = asked("sizes", tmp_path, *words)
        assert status == 0 and results["settings"] == {"size": size, "precision": "auto", "seed": 0}
        assert results["rows"] == [{"measure": "size", "value": size, "interval": [size - 1, size + 1]}]
        assert results["seen"] and f"size  {size}.000 ±1.000" in capsys.readouterr().out


def test_where_nothing_can_be_written_nothing_is_measured(registered, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(Toy, "measure", lambda *_: pytest.fail("it was measured"))
    assert main(["toy", "--model", "untrained", "--data", "text.txt", "--out", str(tmp_path)]) == 2
    assert "--out" in capsys.readouterr().err


def test_every_file_of_the_room_is_one_task_that_is_registered():
    files = {module.name for module in pkgutil.iter_modules(tasks.__path__)}
    assert {task.name(): task.__module__.rpartition(".")[2] for task in TASKS} == {name: name for name in files}
