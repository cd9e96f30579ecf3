"""Models of DINOv3's kind learn, teach, go on and are sharded as DINOv2's are."""

from dataclasses import replace

import pytest
import torch
from torch._dynamo.testing import CompileCounterWithBackend

from core import load_model
from core.exchange import to_official
from core.records.runs import save_backbone
from tests.data.dinov3 import TINY, made
from tests.train.small_run import CONFIG as SMALL
from tests.train.small_run import finish, last_weights, logged, start
from train import checkpoint
from train.config import DistillationConfig, WatchConfig
from train.distill import for_distillation
from train.phase_config import PhaseConfig
from train.pretrain import pretrain
from train.run.phases import reshape_backbone

MODEL = replace(TINY, depth=2, image_size=64, layer_scale=1.0)
LEARNED = replace(SMALL.model, patch=8, image_size=64)
CONFIG = replace(
    SMALL,
    model=MODEL,
    augment=replace(SMALL.augment, global_size=64, local_size=32),
    optim=replace(SMALL.optim, steps=4, drop_rate=0.4),
    log=replace(SMALL.log, snapshots=False, save_every=100),
    watch=WatchConfig(photographs=1, pictures=1, health=0),
)


def assert_close(run, other, tolerance=1e-4):
    for mine, yours in zip(logged(run), logged(other), strict=True):
        assert mine == pytest.approx(yours, rel=tolerance, abs=tolerance / 10)


def test_it_learns_a_handful_of_photographs(photographs, tmp_path):
    optim = replace(CONFIG.optim, steps=24, base_lr=0.02)
    run = pretrain(replace(CONFIG, optim=optim), [photographs], tmp_path / "run")
    losses = [sum(row[1:4]) for row in logged(run)]
    assert sum(losses[-3:]) < 0.97 * sum(losses[:3])
    model = load_model(run, device="cpu")
    assert model.config == MODEL and model.default_size == 384
    for name, tensor in model.state_dict().items():
        if name.endswith("qkv.bias"):
            assert not tensor.chunk(3)[1].any() and tensor.chunk(3)[0].any()


def test_what_a_model_says_of_its_places_is_drawn_in_the_student_alone(photographs, tmp_path):
    """Other losses with other draws, and a resumed or recomputed run draws the same."""
    still = replace(CONFIG, model=replace(MODEL, rope_rescale=1.0), optim=replace(CONFIG.optim, steps=2))
    for name, config in (("still", still), ("moved", replace(still, model=MODEL))):
        pretrain(config, [photographs], tmp_path / name)
    assert logged(tmp_path / "still")[0][1:4] != logged(tmp_path / "moved")[0][1:4]
    for name, again in (("kept", False), ("again", True)):
        compute = replace(CONFIG.compute, checkpoint_activations=again)
        pretrain(replace(CONFIG, compute=compute), [photographs], tmp_path / name)
    assert logged(tmp_path / "kept") == logged(tmp_path / "again")


def test_later_phases_see_larger_crops_in_finer_patches(photographs, tmp_path):
    later = PhaseConfig(2, global_size=96, local_size=48, patch=8)
    run = pretrain(replace(CONFIG, phases=(later,)), [photographs], tmp_path / "run")
    assert load_model(run, device="cpu").config == replace(MODEL, patch=8, image_size=96)
    assert checkpoint.steps_saved(run) == [4, 6]


def test_a_patch_embedding_is_resampled_without_a_table_of_positions():
    model = made(MODEL)
    reshape_backbone(model, 8, 32)
    assert model.config == replace(MODEL, patch=8, image_size=32)
    assert model(torch.zeros(1, 3, 32, 24)).patches.shape == (1, 12, 48)


def test_a_run_goes_on_from_an_official_file(photographs, tmp_path):
    started = to_official(made(MODEL), tmp_path / "tiny.pth")
    config = replace(CONFIG, start_from=str(started), optim=replace(CONFIG.optim, steps=2))
    run = pretrain(config, [photographs], tmp_path / "run")
    model = load_model(run, device="cpu")
    assert model.config.positions == "rope" and model.config.rope_rescale == 2.0
    close = model.state_dict()["blocks.0.mlp.fc1.weight"] - made(MODEL).state_dict()["blocks.0.mlp.fc1.weight"]
    assert 0 < close.abs().max() < 0.05


@pytest.mark.parametrize(("model", "steps"), [(MODEL, 24), (LEARNED, 3)], ids=["rope", "learned"])
def test_it_teaches_students_of_either_kind(photographs, tmp_path, model, steps):
    teacher = save_backbone(made(replace(TINY, width=64, heads=4, depth=2)), tmp_path / "teacher.safetensors")
    config = for_distillation(replace(CONFIG, model=model))
    config = replace(config, optim=replace(config.optim, steps=steps, base_lr=0.02, temperature_warmup_steps=3))
    config = replace(config, distillation=DistillationConfig(str(teacher)))
    run = pretrain(config, [photographs], tmp_path / "run")
    losses = [sum(row[1:4]) for row in logged(run)]
    assert len(losses) == steps and (steps < 6 or sum(losses[-3:]) < 0.97 * sum(losses[:3]))
    assert load_model(run, device="cpu").config == model


@pytest.mark.slow
def test_two_processes_learn_as_one(photographs, tmp_path):
    config = replace(CONFIG, model=replace(MODEL, rope_rescale=1.0), optim=replace(CONFIG.optim, drop_rate=0.0))
    finish(start(config, photographs, tmp_path / "one"))
    finish(start(config, photographs, tmp_path / "two", ranks=2))
    assert_close(tmp_path / "two", tmp_path / "one")
    for name, tensor in last_weights(tmp_path / "one").items():
        torch.testing.assert_close(last_weights(tmp_path / "two")[name], tensor, rtol=1e-3, atol=1e-3, msg=name)


@pytest.mark.slow
def test_compiled_and_sharded_blocks_compute_the_same(photographs, tmp_path, monkeypatch):
    compiled = replace(CONFIG.compute, compile=True)
    for name, compute in (("plain", CONFIG.compute), ("sharded", replace(compiled, shard="always"))):
        compiler = CompileCounterWithBackend("aot_eager")
        monkeypatch.setattr("train.run.shard.COMPILER", compiler)
        optim = replace(CONFIG.optim, steps=2)
        pretrain(replace(CONFIG, optim=optim, compute=compute), [photographs], tmp_path / name)
    assert compiler.frame_count
    assert_close(tmp_path / "sharded", tmp_path / "plain")
