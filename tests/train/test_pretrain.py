"""Whole runs on real photographs: what is learned, kept, said and refused."""

import json
import math
import resource
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch._dynamo.testing import CompileCounterWithBackend

from core import DinoError, ViTConfig, load_model
from core.model.layers import Block
from core.records.runs import pictures, read_metrics, snapshots
from tests.train.small_run import CONFIG, last_checkpoint, last_weights, logged
from train import checkpoint
from train.config import RunConfig, from_json, to_json
from train.data.augment import AugmentConfig
from train.method.student_teacher import _anchor_patches, build
from train.pretrain import main, pretrain
from train.run.setup import completed


def test_it_learns_a_handful_of_photographs(photographs, tmp_path):
    optim = replace(CONFIG.optim, steps=40, base_lr=0.02)
    run = pretrain(replace(CONFIG, optim=optim), [photographs], tmp_path / "run")
    losses = [sum(row[1:4]) for row in logged(run)]
    assert sum(losses[-5:]) < 0.97 * sum(losses[:5])
    assert "broken.jpg" in (run / "unreadable.txt").read_text()
    assert checkpoint.steps_saved(run) == [38, 40]
    assert list(snapshots(run)) == list(pictures(run)) == [0, 1, 2, 4, 8, 16, 32, 40]
    assert json.loads((run / "account.json").read_text())["images"] == 40 * 8
    model = load_model(run, device="cpu")
    assert model.config == CONFIG.model
    assert torch.equal(model.norm.bias, last_weights(run)["teacher.backbone.norm.bias"])


def test_a_run_is_never_begun_over_another_nor_resumed_from_nothing(photographs, tmp_path):
    with pytest.raises(DinoError, match="no run to resume"):
        pretrain(CONFIG, [photographs], tmp_path / "run", resume=True)
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "config.json").write_text(to_json(CONFIG))
    with pytest.raises(DinoError, match="--resume"):
        pretrain(CONFIG, [photographs], tmp_path / "run")


def test_nothing_is_left_of_a_run_that_cannot_begin(photographs, tmp_path):
    impossible = replace(CONFIG, optim=replace(CONFIG.optim, warmup_steps=99))
    uneven = replace(CONFIG, objective=replace(CONFIG.objective, koleo_images=3))
    for config, data, message in (
        (CONFIG, tmp_path / "nowhere", "does not exist"),
        (impossible, photographs, "warm-up"),
        (uneven, photographs, "groups of 3 images"),
    ):
        with pytest.raises(DinoError, match=message):
            pretrain(config, [data], tmp_path / "run")
        assert not (tmp_path / "run").exists()


def test_the_command_line_takes_a_recipe_and_any_value_of_it(photographs, tmp_path, capsys):
    words = ["--recipe", "tiny", "--data", str(photographs), "--out", str(tmp_path / "run")]
    changes = ["--optim.steps", "2", "--optim.warmup-steps", "1", "--optim.batch", "4", "--log.every", "1"]
    assert main(words + changes) == 0
    assert len(logged(tmp_path / "run")) == 2
    assert main(words) == 2 and "--resume" in capsys.readouterr().err


def test_a_full_disk_ends_a_run_with_a_sentence_and_it_goes_on(photographs, tmp_path, capsys):
    """A limit on the size of files that a backbone fits into, and a checkpoint does not."""
    words = ["--data", str(photographs), "--out", str(tmp_path / "run"), "--optim.steps", "4", "--log.save-every", "2"]
    words += ["--optim.warmup-steps", "1", "--optim.temperature-warmup-steps", "2", "--optim.batch", "4"]
    words += ["--model.width", "48", "--model.depth", "1", "--heads.hidden", "64", "--log.every", "1"]
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, hard))
    try:
        assert main(words) == 1
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    said = capsys.readouterr().err.splitlines()[-1]
    assert said.startswith("python -m train.pretrain: A file could not be written to its end; the disk may be full.")
    assert said.endswith(f"What is in {tmp_path / 'run'} is whole: put it right and go on with --resume.")
    assert list(snapshots(tmp_path / "run")) == [0, 1]
    assert main([*words, "--resume"]) == 0
    assert checkpoint.steps_saved(tmp_path / "run") == [2, 4]


def test_recomputing_activations_changes_nothing(photographs, tmp_path, monkeypatch):
    optim = replace(CONFIG.optim, steps=3, drop_rate=0.4)
    counts, forward = [], Block.forward

    def counting(*arguments):
        counts[-1] += 1
        return forward(*arguments)

    monkeypatch.setattr(Block, "forward", counting)
    for name, compute in (("kept", CONFIG.compute), ("again", replace(CONFIG.compute, checkpoint_activations=True))):
        counts.append(0)
        pretrain(replace(CONFIG, optim=optim, compute=compute), [photographs], tmp_path / name)
    assert logged(tmp_path / "kept") == logged(tmp_path / "again")
    assert counts[1] == counts[0] + 3 * CONFIG.model.depth, "each of three steps computes the student's blocks again"


@pytest.mark.slow
def test_compiled_blocks_compute_the_same(photographs, tmp_path, monkeypatch):
    """Traced and differentiated by torch's compiler, under FSDP too; no C++ is built, which not every machine can."""
    optim, graphs = replace(CONFIG.optim, steps=2, drop_rate=0.4), []
    compiled = replace(CONFIG.compute, compile=True)
    ways = (("plain", CONFIG.compute), ("compiled", compiled), ("sharded", replace(compiled, shard="always")))
    for name, compute in ways:
        compiler = CompileCounterWithBackend("aot_eager")
        monkeypatch.setattr("train.run.shard.COMPILER", compiler)
        pretrain(replace(CONFIG, optim=optim, compute=compute), [photographs], tmp_path / name)
        graphs.append(compiler.frame_count)
    for name in ("compiled", "sharded"):
        for there, plain in zip(logged(tmp_path / name), logged(tmp_path / "plain"), strict=True):
            assert there == pytest.approx(plain, rel=1e-4)
    assert graphs[0] == 0 < graphs[1]
    assert graphs[2] <= graphs[1] + 1, "FSDP cuts blocks into pieces"


def test_a_batch_in_parts_sees_the_same_images(photographs, tmp_path):
    """Each part is balanced on its own (Sinkhorn, KoLeo), so the terms are close, not equal."""
    optim = replace(CONFIG.optim, steps=2)
    for name, parts in (("whole", 1), ("parts", 2)):
        compute = replace(CONFIG.compute, accumulate=parts)
        pretrain(replace(CONFIG, compute=compute, optim=optim), [photographs], tmp_path / name)
    for whole, parts in zip(logged(tmp_path / "whole"), logged(tmp_path / "parts"), strict=True):
        assert parts != whole and sum(parts[1:4]) == pytest.approx(sum(whole[1:4]), rel=0.05)


def test_koleo_in_groups_is_the_same_in_parts(photographs, tmp_path):
    """A part of four images is a group of four of the whole batch."""
    optim = replace(CONFIG.optim, steps=1, warmup_steps=1, temperature_warmup_steps=1)
    config = replace(CONFIG, optim=optim, objective=replace(CONFIG.objective, koleo_images=4))
    for name, parts in (("whole", 1), ("parts", 2)):
        compute = replace(CONFIG.compute, accumulate=parts)
        pretrain(replace(config, compute=compute), [photographs], tmp_path / name)
    assert logged(tmp_path / "parts")[0][4] == pytest.approx(logged(tmp_path / "whole")[0][4], rel=1e-5)


def test_bfloat16_follows_float32(photographs, tmp_path):
    for name in ("float32", "bfloat16"):
        compute = replace(CONFIG.compute, precision=name)
        pretrain(replace(CONFIG, compute=compute), [photographs], tmp_path / name)
    assert logged(tmp_path / "float32") != logged(tmp_path / "bfloat16")
    for exact, rounded in zip(logged(tmp_path / "float32"), logged(tmp_path / "bfloat16"), strict=True):
        assert sum(rounded[1:4]) == pytest.approx(sum(exact[1:4]), rel=0.01)


def test_a_run_goes_on_from_the_backbone_of_another(photographs, tmp_path):
    first = pretrain(CONFIG, [photographs], tmp_path / "first")
    still = replace(CONFIG.optim, steps=1, warmup_steps=1, base_lr=0.0)
    other = replace(CONFIG, model=ViTConfig(width=24, heads=2), optim=still, start_from=str(first))
    second = pretrain(other, [photographs], tmp_path / "second")
    assert from_json(RunConfig, (second / "config.json").read_text()).model == CONFIG.model
    ours, theirs = load_model(second, device="cpu"), load_model(first, device="cpu")
    for name, tensor in theirs.state_dict().items():
        torch.testing.assert_close(ours.state_dict()[name], tensor, msg=name)


def test_labels_score_the_teacher_as_it_learns(photographs, tmp_path):
    for number, path in enumerate(sorted(photographs.glob("*.png"))):
        folder = tmp_path / "labelled" / f"class{number % 2}"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / path.name).write_bytes(path.read_bytes())
    run = pretrain(CONFIG, [photographs], tmp_path / "run", labelled=[tmp_path / "labelled"])
    scored = [line for line in read_metrics(run) if "probe/knn_top1" in line]
    assert [line["step"] for line in scored] == [0, 1, 2, 4, 8]
    assert all(0 <= line[f"probe/{name}"] <= 1 for line in scored for name in ("knn_top1", "linear_top1"))


def test_images_kept_on_the_device_give_the_same_run(photographs, tmp_path, caplog):
    caplog.set_level("INFO")
    for name, compute in (("read", CONFIG.compute), ("kept", replace(CONFIG.compute, resident=True))):
        assert "images resident on" not in caplog.text
        pretrain(replace(CONFIG, compute=compute), [photographs], tmp_path / name)
    assert "images resident on" in caplog.text
    assert logged(tmp_path / "read") == logged(tmp_path / "kept")  # none is large enough to be shrunk


@pytest.mark.parametrize("channels", [1, 4])
def test_pictures_of_other_channels_can_be_learned(tmp_path, channels):
    generator = np.random.default_rng(0)
    for number in range(6):
        np.save(tmp_path / f"{number}.npy", generator.random((40, 60, channels), dtype=np.float32))
    augment = replace(CONFIG.augment, mean=(0.5,) * channels, std=(0.2,) * channels)
    config = replace(CONFIG, model=replace(CONFIG.model, channels=channels), augment=augment)
    run = pretrain(config, [tmp_path], tmp_path / "run")
    assert load_model(run, device="cpu")(torch.zeros(1, channels, 56, 56)).cls.shape == (1, 48)
    with pytest.raises(DinoError, match=r"augment.mean"):
        replace(config, augment=AugmentConfig(global_size=56, local_size=28))


def test_a_term_that_is_not_finite_is_named_and_its_batch_kept(photographs, tmp_path, monkeypatch):
    monkeypatch.setattr("train.method.objective.koleo", lambda cls, *_: cls.sum() * float("nan"))
    with pytest.raises(DinoError, match=r"koleo is not finite.*safetensors"):
        pretrain(CONFIG, [photographs], tmp_path / "stops")
    saved = list((tmp_path / "stops" / "nonfinite").iterdir())
    assert len(saved) == 1 and load_file(saved[0])["global_crops"].shape == (16, 3, 56, 56)
    skipping = replace(CONFIG, log=replace(CONFIG.log, on_nonfinite="skip"), optim=replace(CONFIG.optim, steps=2))
    run = pretrain(skipping, [photographs], tmp_path / "skips")
    assert len(list((run / "nonfinite").iterdir())) == 2 and not logged(run)


def _finite_with_a_broken_gradient(cls, *_):
    """A term of value 0 whose gradient is NaN: the root's is infinite at 0, and 0 times that is none."""
    return (cls * 0).sum().abs().sqrt()


@pytest.mark.parametrize("remembers", [{"centring": "softmax"}, {"queue": 12}])
def test_a_finite_loss_with_a_gradient_that_is_not_changes_nothing(photographs, tmp_path, monkeypatch, remembers):
    """No weight, no teacher, no moment, no centre, no queue; the batch is kept, the gradient named, the step counted."""
    config = replace(CONFIG, objective=replace(CONFIG.objective, **remembers))
    run = pretrain(replace(config, optim=replace(config.optim, steps=2)), [photographs], tmp_path / "good")
    shutil.copytree(run, tmp_path / "stops")
    for name in ("good", "stops"):
        (tmp_path / name / "config.json").write_text(to_json(config))
    before = last_checkpoint(run)
    assert any(
        before["networks"][name].any() for name in ("queue.logits", "cls_centring.centre") if name in before["networks"]
    )
    monkeypatch.setattr("train.method.objective.koleo", _finite_with_a_broken_gradient)
    with pytest.raises(DinoError, match=r"Step 2: the gradient of backbone is not finite.*safetensors"):
        pretrain(config, [photographs], tmp_path / "stops", resume=True)
    pretrain(replace(config, log=replace(config.log, on_nonfinite="skip")), [photographs], run, resume=True)
    after = last_checkpoint(run)
    assert checkpoint.steps_saved(run)[-1] == 8 and len(list((run / "nonfinite").iterdir())) == 6
    for name, tensor in before["networks"].items():
        assert torch.equal(tensor, after["networks"][name]), name
    assert before["optimiser"]["state"].keys() == after["optimiser"]["state"].keys()
    for name, state in before["optimiser"]["state"].items():
        assert all(torch.equal(value, after["optimiser"]["state"][name][key]) for key, value in state.items()), name
    lines = [line for line in read_metrics(run) if "loss" in line]
    assert [line["steps_skipped"] for line in lines] == [0, 0, 1, 1, 1, 1, 1, 1]
    assert all(math.isfinite(value) for line in lines for value in line.values())


def test_weights_that_are_not_finite_are_never_saved(photographs, tmp_path, monkeypatch):
    def broken(self, momentum):
        self.teacher.backbone.norm.bias.data[0] = float("nan")

    config = replace(CONFIG, log=replace(CONFIG.log, save_every=1))
    run = pretrain(replace(config, optim=replace(CONFIG.optim, steps=4)), [photographs], tmp_path / "run")
    kept = load_model(run, device="cpu").norm.bias
    monkeypatch.setattr("train.method.student_teacher.StudentTeacher.update_teacher", broken)
    (run / "config.json").write_text(to_json(config))
    with pytest.raises(DinoError, match=r"norm.bias are not finite, and are not saved.*--start-from RUN"):
        pretrain(config, [photographs], run, resume=True)
    assert checkpoint.steps_saved(run) == [3, 4] and torch.equal(load_model(run, device="cpu").norm.bias, kept)


def test_new_heads_are_trained_alone_first_on_a_backbone_that_came_trained(photographs, tmp_path):
    """Then both; also with finer patches than it came with. Without a model to start from nothing waits."""
    first = pretrain(replace(CONFIG, optim=replace(CONFIG.optim, steps=2)), [photographs], tmp_path / "first")
    optim = replace(CONFIG.optim, steps=20, heads_first_steps=2, warmup_steps=0, base_lr=0.01)
    log = replace(CONFIG.log, save_every=2, keep_steps=(2,), snapshots=True)
    changes = {"start_from": str(first), "start_patch": 7, "optim": optim, "log": log}
    run = pretrain(replace(CONFIG, **changes), [photographs], tmp_path / "second")
    came, alone, after = (load_model(snapshots(run)[step], device="cpu") for step in (0, 2, 4))
    assert came.config == replace(CONFIG.model, patch=7) and came.pos_embed.shape == (1, 65, 48)
    for name, tensor in came.state_dict().items():
        assert torch.equal(tensor, alone.state_dict()[name]), name
    assert not torch.equal(came.blocks[0].mlp.fc1.weight, after.blocks[0].mlp.fc1.weight)
    lines = {line["step"]: line for line in read_metrics(run) if "loss" in line}
    assert lines[2]["backbone_lr"] == 0 < lines[2]["lr"] and lines[3]["backbone_lr"] == lines[3]["lr"]
    assert all(line["backbone_lr"] == line["lr"] for line in read_metrics(first) if "loss" in line)


def test_relations_of_patches_are_held_to_those_that_the_model_came_with(photographs, tmp_path):
    """The more the Gram term weighs, the nearer the cosines between patches stay to those of the anchor."""
    first = pretrain(replace(CONFIG, optim=replace(CONFIG.optim, steps=2)), [photographs], tmp_path / "first")
    optim = replace(CONFIG.optim, steps=12, heads_first_steps=0, warmup_steps=0, base_lr=0.02, drop_rate=0.0)
    ends = []
    for weight in (1e-9, 100.0):
        objective = replace(CONFIG.objective, gram_weight=weight)
        config = replace(CONFIG, start_from=str(first), objective=objective, optim=optim)
        run = pretrain(config, [photographs], tmp_path / f"weight{weight}")
        ends.append([line["gram"] / weight for line in read_metrics(run) if "loss" in line][-3:])
    assert sum(ends[1]) < 0.8 * sum(ends[0])


def test_precision_is_what_the_device_multiplies_faster_and_stays_what_it_was(photographs, tmp_path, monkeypatch):
    config = replace(CONFIG, optim=replace(CONFIG.optim, steps=1, warmup_steps=0))
    automatic = replace(config, compute=replace(config.compute, precision="auto"))
    for fast, expected in ((True, "bfloat16"), (False, "float32")):
        monkeypatch.setattr("train.run.setup.has_fast_bfloat16", lambda device, fast=fast: fast)
        run = pretrain(automatic, [photographs], tmp_path / expected)
        assert from_json(RunConfig, (run / "config.json").read_text()).compute.precision == expected


def test_a_precision_that_is_emulated_is_told(monkeypatch, caplog):
    monkeypatch.setattr("train.run.setup.has_fast_bfloat16", lambda device: False)
    for precision in ("float32", "bfloat16"):
        caplog.clear()
        compute = replace(CONFIG.compute, precision=precision)
        assert completed(replace(CONFIG, compute=compute), torch.device("cpu")).compute == compute
        assert ("emulates bfloat16" in caplog.text) == (precision == "bfloat16")


def test_the_anchor_sees_crops_enlarged_and_pools_its_finer_patches():
    networks = build(CONFIG.model, CONFIG.heads)
    networks.set_anchor()
    crops = torch.randn(2, 3, 56, 56, generator=torch.Generator().manual_seed(0))
    larger = torch.nn.functional.interpolate(crops, size=(112, 112), mode="bicubic")
    with torch.no_grad():
        once, twice = (_anchor_patches(networks.anchor, crops, scale) for scale in (1, 2))
        torch.testing.assert_close(once, networks.teacher.backbone(crops).patches)
        fine = networks.teacher.backbone(larger).patches.unflatten(1, (4, 2, 4, 2))
    torch.testing.assert_close(twice, fine.mean(dim=(2, 4)).flatten(1, 2))
