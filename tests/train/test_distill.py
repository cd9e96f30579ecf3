"""Whole distillations: the command, what it leaves, a teacher's own heads, kills, several processes."""

import json
from dataclasses import replace

import pytest
import torch

from core import DinoError, VisionTransformer, ViTConfig, load_model
from core.records.runs import save_backbone, snapshots
from tests.train.small_run import CONFIG as PRETRAINING
from tests.train.small_run import finish, killed_and_resumed, last_weights, logged, start
from train.config import DistillationConfig, RunConfig, from_json, to_json
from train.distill import for_distillation, main
from train.pretrain import pretrain

SMALL = ViTConfig(width=24, depth=1, heads=2, image_size=56, layer_scale=1.0)


@pytest.fixture(scope="module")
def teacher(tmp_path_factory):
    """A released model, so to speak: a backbone alone, wider than the student and of another patch."""
    model = VisionTransformer(ViTConfig(width=48, depth=2, heads=3, patch=8, image_size=56, layer_scale=1.0))
    model.initialise(torch.Generator().manual_seed(3))
    return save_backbone(model, tmp_path_factory.mktemp("teacher") / "wide.safetensors")


def distilling(teacher, **more) -> RunConfig:
    config = for_distillation(replace(PRETRAINING, model=SMALL))
    return replace(config, distillation=DistillationConfig(str(teacher), **more))


def test_the_command_leaves_a_run_that_opens(photographs, teacher, tmp_path, capsys):
    run = tmp_path / "run"
    words = ["--teacher", str(teacher), "--data", str(photographs), "--out", str(run), "--also", "shipped"]
    changes = ["--optim.steps", "4", "--optim.warmup-steps", "1", "--optim.batch", "4", "--log.every", "1"]
    assert main(words + changes) == 0
    config = from_json(RunConfig, (run / "config.json").read_text())
    assert (config.masks.probability, config.optim.drop_rate) == (0, 0)
    assert config.distillation.model.patch == 8 and not config.distillation.own_heads
    assert load_model(run, device="cpu").config == config.model
    assert load_model(run / "shipped", device="cpu").config.width == 192
    assert list(snapshots(run)) == list(snapshots(run / "shipped")) == [0, 1, 2, 4]
    assert json.loads((run / "account.json").read_text())["steps"] == 4
    assert "distillation.teacher" in capsys.readouterr().out
    assert main(words) == 2 and "--resume" in capsys.readouterr().err
    assert main([*words, "--resume"]) == 0


def test_help_says_what_happens(capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["--help"])
    printed = capsys.readouterr().out
    assert stopped.value.code == 0
    assert "--teacher" in printed and "--fixed-crops" in printed and "--distillation" not in printed


def test_it_learns_what_the_teacher_says(photographs, teacher, tmp_path):
    config = distilling(teacher)
    config = replace(config, optim=replace(config.optim, steps=60, base_lr=0.02))
    run = pretrain(config, [photographs], tmp_path / "run")
    losses = [sum(row[1:4]) for row in logged(run)]
    assert sum(losses[-5:]) < 0.9 * sum(losses[:5])


def test_the_heads_of_a_run_are_used_and_stay(photographs, tmp_path):
    first = pretrain(PRETRAINING, [photographs], tmp_path / "first")
    second = pretrain(distilling(first), [photographs], tmp_path / "second")
    config = from_json(RunConfig, (second / "config.json").read_text())
    assert config.distillation.own_heads
    assert not any("teacher_heads" in name for name in last_weights(second))
    third = pretrain(distilling(second), [photographs], tmp_path / "third")  # one of distillation keeps them too
    assert from_json(RunConfig, (third / "config.json").read_text()).distillation.own_heads
    (first / "backbone.safetensors").write_bytes((second / "backbone.safetensors").read_bytes())
    longer = replace(config, optim=replace(config.optim, steps=10))
    (second / "config.json").write_text(to_json(longer))
    with pytest.raises(DinoError, match="not what it was"):
        pretrain(longer, [photographs], second, resume=True)


@pytest.mark.parametrize(("part", "values"), [("masks", {"draws": 2}), ("objective", {"queue": 64})])
def test_what_a_frozen_teacher_has_no_use_for_is_refused(photographs, teacher, tmp_path, part, values):
    config = distilling(teacher)
    with pytest.raises(DinoError, match=rf"{part}\.{next(iter(values))} is"):
        pretrain(replace(config, **{part: replace(getattr(config, part), **values)}), [photographs], tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_other_channels_are_refused(photographs, tmp_path):
    grey = save_backbone(VisionTransformer(replace(SMALL, channels=1)), tmp_path / "grey.safetensors")
    with pytest.raises(DinoError, match=r"1 channel\b"):
        pretrain(distilling(grey), [photographs], tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("resident", [False, True])
def test_fixed_crops_are_looked_at_once(photographs, teacher, tmp_path, monkeypatch, resident):
    looked = []
    forward = VisionTransformer.forward
    monkeypatch.setattr(
        VisionTransformer,
        "forward",
        lambda model, pixels, *more: (
            looked.append(len(pixels) * (model.config.patch == 8)) or forward(model, pixels, *more)
        ),
    )
    config = distilling(teacher, fixed_crops=True)
    config = replace(
        config, compute=replace(config.compute, resident=resident), log=replace(config.log, snapshots=False)
    )
    pretrain(config, [photographs], tmp_path / "run")
    images = len(list(photographs.glob("*.png")))  # one stands in for the file that is none, by crops of its own
    assert sum(looked) == 2 * images and 8 * config.optim.batch > 2 * images, "some were seen several times"


@pytest.mark.slow
@pytest.mark.parametrize("fixed_crops", [False, True])
def test_a_killed_distillation_continues_to_the_bit(photographs, teacher, tmp_path, fixed_crops):
    config = distilling(teacher, fixed_crops=fixed_crops)
    config = replace(config, optim=replace(config.optim, steps=16))
    finish(start(config, photographs, tmp_path / "whole"))
    run = tmp_path / "killed"
    killed_and_resumed(config, photographs, run, (3, 9))
    assert logged(run) == logged(tmp_path / "whole") and logged(run)[-1][0] == 16
    for name, tensor in last_weights(tmp_path / "whole").items():
        assert torch.equal(tensor, last_weights(run)[name]), name


@pytest.mark.slow
@pytest.mark.parametrize("own_heads", [False, True])
def test_two_processes_distil_as_one(photographs, teacher, tmp_path, own_heads):
    if own_heads:
        teacher = pretrain(PRETRAINING, [photographs], tmp_path / "teacher")
    config = distilling(teacher)
    config = replace(config, optim=replace(config.optim, steps=5))
    finish(start(config, photographs, tmp_path / "one"))
    finish(start(config, photographs, tmp_path / "two", ranks=2))
    for alone, together in zip(logged(tmp_path / "one"), logged(tmp_path / "two"), strict=True):
        assert together == pytest.approx(alone, rel=1e-4, abs=1e-5)
    for name, tensor in last_weights(tmp_path / "one").items():
        if "head_learner" not in name and "teacher_heads" not in name:  # which patches they learn from is drawn by rank
            torch.testing.assert_close(last_weights(tmp_path / "two")[name], tensor, rtol=1e-3, atol=1e-3, msg=name)
