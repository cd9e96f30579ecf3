"""What a resumed run does with the values it is given: what changes no step that is done is taken up, the rest refused."""

import json
import logging
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from core import RequestError
from core.records.runs import read_metrics
from tests.train.small_run import CONFIG, last_weights, logged
from train import distill, pretrain
from train.config import read_config
from train.phase_config import PhaseConfig
from train.run.resume import compare_data, described, resumed, write_data

OUT = Path("RUN")


def changed(config=CONFIG, **parts):
    return replace(
        config,
        **{
            name: replace(getattr(config, name), **values) if isinstance(values, dict) else values
            for name, values in parts.items()
        },
    )


CONSTANT = changed(
    optim={
        "base_lr": 0.0,
        "final_lr": 0.0,
        "weight_decay": (0.1, 0.1),
        "teacher_momentum": (0.9, 0.9),
        "warmup_steps": 0,
    }
)


@pytest.mark.parametrize(
    ("config", "parts", "done", "said"),
    [
        (CONFIG, {}, 5, []),
        (CONFIG, {"compute": {"precision": "auto"}}, 5, []),
        (CONFIG, {"log": {"on_nonfinite": "skip"}}, 5, ["log.on_nonfinite is skip from here on, not stop"]),
        (CONFIG, {"compute": {"workers": 3, "compile": True}, "watch": {"health": 9}, "account": {"watts": 5.0}}, 5,
         ["compute.compile is True", "compute.workers is 3", "watch.health is 9", "account.watts is 5.0"]),
        (CONFIG, {"phases": (PhaseConfig(4),)}, 5, ["phases is (steps=4,) from here on, not ()"]),
        (CONFIG, {"phases": (PhaseConfig(4, batch=4),)}, 8, ["phases is"]),
        (changed(phases=(PhaseConfig(4),)), {"phases": (PhaseConfig(9, patch=7),)}, 8, ["phases is"]),
        (CONFIG, {"optim": {"temperature_warmup_steps": 4}}, 5, []),
        (CONSTANT, {"optim": {"steps": 12}}, 5, ["optim.steps is 12 from here on, not 8"]),
        (CONSTANT, {"optim": {"steps": 12}}, 8, ["optim.steps is 12"]),
        (changed(optim={"warmup_steps": 4}), {"optim": {"final_lr": 1e-3}}, 4, ["optim.final_lr is 0.001"]),
    ],
)  # fmt: skip
def test_what_leaves_the_steps_that_are_done_as_they_are_is_taken_up_and_said(config, parts, done, said):
    asked = changed(config, **parts)
    taken, sentences = resumed(config, asked, done, OUT)
    expected = replace(asked, compute=replace(asked.compute, precision="float32"))
    assert taken == expected
    assert len(sentences) == len(said)
    assert all(any(sentence.startswith(start) for sentence in sentences) for start in said), sentences


@pytest.mark.parametrize(
    ("config", "parts", "done", "named"),
    [
        (CONFIG, {"optim": {"steps": 12}}, 5, r"optim\.steps 12 \(not 8\).*--resume --phases steps=4"),
        (CONFIG, {"optim": {"steps": 12}}, 8, r"optim\.steps 12"),
        (CONFIG, {"optim": {"steps": 6}}, 5, r"optim\.steps 6 \(not 8\)"),
        (CONSTANT, {"optim": {"steps": 4}}, 5, r"optim\.steps 4"),
        (CONFIG, {"optim": {"batch": 4}}, 5, r"optim\.batch 4 \(not 8\).*--start-from RUN"),
        (CONFIG, {"optim": {"batch": 4}}, 0, r"optim\.batch 4"),
        (CONFIG, {"optim": {"base_lr": 1.0}, "seed": 3, "log": {"every": 9}}, 5, r"optim\.base_lr 1\.0 .*, seed 3 \(not 0\): "),
        (CONFIG, {"model": {"width": 96}}, 5, r"model\.width 96"),
        (CONFIG, {"compute": {"precision": "bfloat16"}}, 5, r"compute\.precision bfloat16"),
        (CONFIG, {"compute": {"accumulate": 2}}, 5, r"compute\.accumulate 2"),
        (CONFIG, {"images": 3}, 5, "images 3"),
        (CONFIG, {"distillation": {"teacher": "embedded"}}, 5, r"distillation\.teacher embedded"),
        (changed(phases=(PhaseConfig(4),)), {"phases": ()}, 9, "phases"),
        (changed(phases=(PhaseConfig(4),)), {"phases": (PhaseConfig(5),)}, 10, "phases"),
        (changed(CONSTANT, phases=(PhaseConfig(4),)), {"optim": {"steps": 9}}, 9, r"optim\.steps 9"),
    ],
)  # fmt: skip
def test_what_would_have_made_them_others_is_refused_by_name(config, parts, done, named):
    with pytest.raises(RequestError, match=f"^RUN cannot go on from step {done} with .*{named}"):
        resumed(config, changed(config, **parts), done, OUT)


def test_what_the_run_found_out_itself_is_kept():
    """The shape of the model it goes on from, the teacher's hash and heads: whoever gives the same command again."""
    started = changed(start_from="embedded")
    stored = changed(started, model={"width": 96, "heads": 6})
    config, said = resumed(stored, started, 5, OUT)
    assert config == stored and "model.width stays 96, as the run found it when it started" in said
    found = {"teacher": "embedded", "sha256": "abc", "own_heads": True}
    stored = changed(distillation=found, heads={"dino_prototypes": 128})
    config, said = resumed(stored, changed(distillation={"teacher": "embedded"}), 5, OUT)
    assert config == stored and said == ["heads.dino_prototypes stays 128, as the run found it when it started"]


WORDS = ["--recipe", "tiny", "--optim.warmup-steps", "1", "--optim.batch", "4", "--log.every", "1"]


@pytest.fixture(scope="module")
def run(photographs, tmp_path_factory):
    """A run of two steps by the command line, with the words that started it."""
    out = tmp_path_factory.mktemp("started") / "run"
    words = ["--data", str(photographs), "--out", str(out), "--optim.steps", "2", *WORDS]
    assert pretrain.main(words) == 0
    return out, words


@pytest.fixture
def again(run, tmp_path):
    """A copy of it, and its words for the copy."""
    out, words = run
    shutil.copytree(out, tmp_path / "run")
    return tmp_path / "run", [str(tmp_path / "run") if word == str(out) else word for word in words]


def test_the_same_command_goes_on_without_a_word(again, caplog):
    out, words = again
    before = (out / "config.json").read_bytes()
    caplog.set_level(logging.WARNING)
    for given in ([*words, "--resume"], [*words[:4], "--resume"]):
        caplog.clear()
        assert pretrain.main(given) == 0
        assert "from here on" not in caplog.text and "was changed" not in caplog.text
    assert (out / "config.json").read_bytes() == before and read_config(out / "config.json").recipe == "tiny"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--optim.steps", "6"], "optim.steps 6 (not 2)"),
        (["--optim.batch", "8"], "optim.batch 8 (not 4)"),
        (["--recipe", "shipped"], "was started with the recipe tiny, not shipped"),
        (["--seed", "1"], "seed 1 (not 0)"),
    ],
)
def test_other_values_are_refused_and_nothing_is_touched(again, capsys, words, said):
    out, given = again
    before = {path: path.read_bytes() for path in sorted(out.rglob("*")) if path.is_file()}
    assert pretrain.main([*given[:4], "--resume", *words]) == 2
    assert said in capsys.readouterr().err
    assert {path: path.read_bytes() for path in sorted(out.rglob("*")) if path.is_file()} == before


def test_other_data_are_said(again, tmp_path, photographs, caplog):
    _, words = again
    fewer = tmp_path / "fewer"
    fewer.mkdir()
    for path in sorted(photographs.iterdir())[:5]:
        shutil.copy(path, fewer)
    assert pretrain.main(["--data", str(fewer), *words[2:4], "--resume"]) == 0
    assert "The data are not those the run was started with (5 images, then" in caplog.text


def test_the_same_data_in_another_place_are_the_same(photographs, tmp_path):
    class Named:
        def __init__(self, folder, count=5):
            self.folder, self.count = folder, count

        def __len__(self):
            return self.count

        def name(self, index):
            return f"{self.folder}/caf\udce9-{index}.jpg"

    write_data(tmp_path, described([Path("a")], Named("a")))
    assert compare_data(tmp_path, described([Path("b")], Named("b"))) == []
    assert "6 images, then 5, from a" in compare_data(tmp_path, described([Path("a")], Named("a", 6)))[0]
    for content in ("", "[]", '{"images": 5}', "[" * 100_000):
        (tmp_path / "data.json").write_text(content)
        assert "data.json cannot be read" in compare_data(tmp_path, described([Path("a")], Named("a")))[0]


def test_a_phase_that_is_added_is_trained_as_if_it_had_been_there(photographs, tmp_path, caplog):
    short = changed(optim={"steps": 4}, log={"snapshots": False})
    longer = replace(short, phases=(PhaseConfig(3, batch=4),))
    whole = pretrain.pretrain(longer, [photographs], tmp_path / "whole")
    added = pretrain.pretrain(short, [photographs], tmp_path / "added")
    assert (added / "account.json").exists()
    pretrain.pretrain(longer, [photographs], added, resume=True)
    assert "phases is (steps=3,batch=4,) from here on, not ()" in caplog.text
    assert logged(added) == logged(whole) and logged(added)[-1][0] == 7
    assert all(torch.equal(tensor, last_weights(added)[name]) for name, tensor in last_weights(whole).items())
    assert read_config(added / "config.json") == longer
    assert json.loads((added / "account.json").read_text())["steps"] == 7
    assert [line["step"] for line in read_metrics(added) if "loss" in line] == list(range(1, 8))


def test_a_distillation_goes_on_with_its_own_teacher(again, photographs, tmp_path, capsys):
    teacher, _ = again
    common = ["--data", str(photographs), "--out", str(tmp_path / "small")]
    words = ["--teacher", str(teacher), *common, "--optim.steps", "2", *WORDS]
    assert distill.main(words) == 0
    for given in ([*words, "--resume"], [*common, "--resume"]):
        assert distill.main(given) == 0
    assert distill.main([*common, "--teacher", "embedded", "--resume"]) == 2
    assert "distillation.teacher embedded (not" in capsys.readouterr().err
