"""Runs that are stopped go on: killed ones to the bit, on other ranks and on a GPU to rounding; two processes equal one."""

import math
import shutil
import signal
import time
from dataclasses import replace

import pytest
import torch
from torch.distributed.fsdp import FSDPModule

from core import load_model
from core.model.layers import Block
from core.records.runs import pictures, read_metrics, snapshots
from tests.train.small_run import (
    CONFIG,
    finish,
    killed_and_resumed,
    last_checkpoint,
    last_weights,
    logged,
    logged_lines,
    start,
)
from train import checkpoint
from train.config import to_json
from train.phase_config import PhaseConfig
from train.pretrain import pretrain

NEAR_COLLAPSE = replace(CONFIG, model=replace(CONFIG.model, layer_scale=1e-5))
"""As all published models begin: cls tokens so alike that rounding the residual stream changes who is nearest to whom."""
CHECK_RESIDUALS = """
import torch
from core.model.layers import Block
forward = Block.forward
def checked(self, x, *rest):
    after = forward(self, x, *rest)
    assert x.dtype == after.dtype == torch.float32, f"the residual stream is {x.dtype}, then {after.dtype}"
    return after
Block.forward = checked
"""


@pytest.mark.slow
def test_a_killed_run_continues_to_the_bit(photographs, tmp_path):
    """Killed at several moments, also while a checkpoint is being written: the same log and weights in the end."""
    config = replace(CONFIG, optim=replace(CONFIG.optim, steps=24, drop_rate=0.3))
    finish(start(config, photographs, tmp_path / "whole"))
    run = tmp_path / "killed"
    process = start(config, photographs, run)
    for kill_at in (3, 9, 16):
        partial = run / "checkpoints" / f"step-{kill_at + 1:08}.part"
        while process.poll() is None and not (
            logged_lines(run) >= kill_at and (partial.exists() or logged_lines(run) > kill_at)
        ):
            time.sleep(0.001)
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert checkpoint.steps_saved(run), "no complete checkpoint survived"
        process = start(config, photographs, run, resume=True)
    finish(process)
    assert logged(run) == logged(tmp_path / "whole")
    for name, tensor in last_weights(tmp_path / "whole").items():
        assert torch.equal(tensor, last_weights(run)[name]), name
    scores, whole = (
        [
            {k: v for k, v in line.items() if "/" in k} | {"step": line["step"]}
            for line in read_metrics(folder)
            if "loss" not in line
        ]
        for folder in (run, tmp_path / "whole")
    )
    assert scores == whole and list(snapshots(run)) == list(snapshots(tmp_path / "whole"))
    for step, path in pictures(run).items():
        assert path.read_bytes() == pictures(tmp_path / "whole")[step].read_bytes(), step


@pytest.mark.slow
@pytest.mark.parametrize(("draws", "values"), [(1, {}), (1, {"koleo_images": 2}), (2, {"queue": 13})])
def test_two_processes_equal_one(photographs, tmp_path, draws, values):
    """A queue that is neither of whole batches nor of equal shares too."""
    objective, masks = replace(CONFIG.objective, **values), replace(CONFIG.masks, draws=draws)
    config = replace(CONFIG, optim=replace(CONFIG.optim, steps=5), objective=objective, masks=masks)
    finish(start(config, photographs, tmp_path / "one"))
    finish(start(config, photographs, tmp_path / "two", ranks=2))
    for alone, together in zip(logged(tmp_path / "one"), logged(tmp_path / "two"), strict=True):
        assert together == pytest.approx(alone, rel=1e-5, abs=1e-5)
    for name, tensor in last_weights(tmp_path / "one").items():
        torch.testing.assert_close(last_weights(tmp_path / "two")[name], tensor, rtol=1e-5, atol=1e-5, msg=name)


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_two_processes_equal_one_in_low_precision(photographs, tmp_path, precision):
    """Before the first update to float32's rounding; then to what low-precision gradients, summed in another order, leave."""
    compute, optim = replace(CONFIG.compute, precision=precision), replace(CONFIG.optim, steps=3, warmup_steps=1)
    config = replace(NEAR_COLLAPSE, compute=compute, optim=optim, log=replace(CONFIG.log, snapshots=False))
    for name, ranks in (("one", 1), ("two", 2)):
        finish(start(config, photographs, tmp_path / name, ranks=ranks, first=CHECK_RESIDUALS))
    alone, together = logged(tmp_path / "one"), logged(tmp_path / "two")
    assert together[0] == pytest.approx(alone[0], rel=1e-5)
    for one, two in zip(alone[1:], together[1:], strict=True):
        assert two[:4] == pytest.approx(one[:4], rel=1e-3) and two[4] == pytest.approx(one[4], rel=0.05)


@pytest.mark.parametrize(("precision", "recompute"), [("bfloat16", False), ("float16", True)])
def test_one_process_of_a_group_equals_one_alone_to_the_bit(photographs, tmp_path, monkeypatch, precision, recompute):
    """So that what FSDP computes can be seen on one card; the residual stream is float32 in both."""
    forward, dtypes, sharded = Block.forward, set(), set()

    def seen(self, x, *rest):
        after = forward(self, x, *rest)
        dtypes.update((x.dtype, after.dtype))
        sharded.add(isinstance(self, FSDPModule))
        return after

    monkeypatch.setattr(Block, "forward", seen)
    compute = replace(CONFIG.compute, precision=precision, checkpoint_activations=recompute)
    optim, quiet = replace(CONFIG.optim, steps=2, drop_rate=0.3), replace(CONFIG.log, snapshots=False)
    objective = replace(CONFIG.objective, queue=6)
    config = replace(NEAR_COLLAPSE, optim=optim, log=quiet, objective=objective)
    for shard in ("auto", "always"):
        assert True not in sharded
        pretrain(replace(config, compute=replace(compute, shard=shard)), [photographs], tmp_path / shard)
    assert True in sharded and dtypes == {torch.float32}
    assert logged(tmp_path / "always") == logged(tmp_path / "auto")
    plain, group = last_weights(tmp_path / "auto"), last_weights(tmp_path / "always")
    assert all(torch.equal(group[name], tensor) for name, tensor in plain.items())


@pytest.mark.slow
def test_muon_is_the_same_after_a_kill_and_over_two_processes(photographs, tmp_path):
    """Its steps are orthogonal to bfloat16's rounding, so that two processes agree to that."""
    config = replace(CONFIG, optim=replace(CONFIG.optim, muon=True))
    finish(start(config, photographs, tmp_path / "whole"))
    killed_and_resumed(config, photographs, tmp_path / "killed", (4,))
    assert logged(tmp_path / "killed") == logged(tmp_path / "whole")
    finish(start(config, photographs, tmp_path / "two", ranks=2))
    for alone, together in zip(logged(tmp_path / "whole"), logged(tmp_path / "two"), strict=True):
        assert together == pytest.approx(alone, rel=2e-3)


@pytest.mark.slow
def test_a_run_of_two_processes_resumes_as_one(photographs, tmp_path):
    """With the shares of a queue put together."""
    config = replace(CONFIG, objective=replace(CONFIG.objective, queue=12))
    finish(start(config, photographs, tmp_path / "whole"))
    process = start(config, photographs, tmp_path / "moved", ranks=2)
    while process.poll() is None and logged_lines(tmp_path / "moved") < 5:
        time.sleep(0.005)
    process.send_signal(signal.SIGTERM)
    process.wait(timeout=120)
    finish(start(config, photographs, tmp_path / "moved", resume=True))
    assert logged(tmp_path / "moved")[-1] == pytest.approx(logged(tmp_path / "whole")[-1], rel=1e-4)


@pytest.mark.slow
def test_a_run_killed_about_its_later_phases_continues_to_the_bit(photographs, tmp_path):
    """Before, at and after the steps at which crops grow and patches become finer, and while an anchor holds them."""
    larger = PhaseConfig(4, global_size=84, batch=4)
    finer = PhaseConfig(4, patch=7, global_size=42, local_size=14, gram_weight=1.0)
    config = replace(
        CONFIG,
        phases=(larger, finer),
        optim=replace(CONFIG.optim, drop_rate=0.3),
        objective=replace(CONFIG.objective, queue=12),
        masks=replace(CONFIG.masks, draws=2),
    )
    finish(start(config, photographs, tmp_path / "whole"))
    run = tmp_path / "killed"
    killed_and_resumed(config, photographs, run, (7, 8, 11, 12, 14))
    assert logged(run) == logged(tmp_path / "whole") and logged(run)[-1][0] == 16
    assert [line["step"] for line in read_metrics(run) if "gram" in line] == [13, 14, 15, 16]
    for name, tensor in last_weights(tmp_path / "whole").items():
        assert torch.equal(tensor, last_weights(run)[name]), name
    model = load_model(run, device="cpu")
    assert (model.config.patch, model.config.image_size, model.pos_embed.shape) == (7, 42, (1, 37, 48))
    shapes = {step: load_model(path, device="cpu").config for step, path in snapshots(run).items()}
    assert {step: (one.patch, one.image_size) for step, one in shapes.items()} == (
        dict.fromkeys((0, 1, 2, 4, 8), (14, 56)) | {12: (14, 84), 16: (7, 42)}
    )


def test_a_queue_and_several_masks_go_on_to_the_bit(photographs, tmp_path):
    """From the middle of a run and from the end of a phase, of another batch, in which the queue was not yet full."""
    config = replace(
        CONFIG,
        optim=replace(CONFIG.optim, steps=2, warmup_steps=1, temperature_warmup_steps=1),
        phases=(PhaseConfig(4, batch=4),),
        objective=replace(CONFIG.objective, queue=20),
        masks=replace(CONFIG.masks, draws=2),
        log=replace(CONFIG.log, save_every=1, keep=9, snapshots=False),
    )
    run = pretrain(config, [photographs], tmp_path / "whole")
    assert last_weights(run)["queue.seen"] == 32 and last_weights(run)["queue.logits"].any(dim=2).all()
    for step in (2, 4):
        again = tmp_path / f"from{step}"
        shutil.copytree(run / "checkpoints", again / "checkpoints")
        for path in sorted((again / "checkpoints").iterdir())[step:]:
            shutil.rmtree(path)
        (again / "config.json").write_text(to_json(config))
        pretrain(config, [photographs], again, resume=True)
        assert logged(again) == logged(run)[step:]
        for name, tensor in last_weights(run).items():
            assert torch.equal(tensor, last_weights(again)[name]), name


def test_half_precision_scales_its_loss_and_resumes_with_the_scale(photographs, tmp_path):
    compute = replace(CONFIG.compute, precision="float16")
    run = pretrain(replace(CONFIG, compute=compute), [photographs], tmp_path / "run")
    assert all(math.isfinite(value) for row in logged(run) for value in row)
    before = last_checkpoint(run)["extra"]["scaler"]
    longer = replace(CONFIG, compute=compute, optim=replace(CONFIG.optim, steps=12))
    (run / "config.json").write_text(to_json(longer))
    pretrain(longer, [photographs], run, resume=True)
    assert logged(run)[-1][0] == 12
    after = last_checkpoint(run)["extra"]["scaler"]
    afresh = torch.amp.GradScaler("cpu").get_scale() / 2 ** (12 - CONFIG.optim.steps)
    assert 1 <= after["scale"] <= before["scale"] < afresh, "it goes on from the scale that was found"


def test_checkpoints_of_chosen_steps_are_kept(photographs, tmp_path):
    run = pretrain(
        replace(CONFIG, log=replace(CONFIG.log, keep=1, keep_steps=(3,), snapshots=False)),
        [photographs],
        tmp_path / "run",
    )
    assert checkpoint.steps_saved(run) == [3, 8] and not snapshots(run)


@pytest.mark.gpu
def test_a_run_on_a_gpu_resumes_where_it_was_stopped(photographs, tmp_path):
    """Kernels that add in any order let the last digits differ."""
    for compute in (
        replace(CONFIG.compute, precision="bfloat16"),
        replace(CONFIG.compute, precision="bfloat16", compile=True, checkpoint_activations=True, resident=True),
    ):
        config = replace(CONFIG, compute=compute, optim=replace(CONFIG.optim, drop_rate=0.3, steps=24))
        folder = tmp_path / f"compiled-{compute.compile}"
        folder.mkdir()
        finish(start(config, photographs, folder / "whole"))
        process = start(config, photographs, folder / "killed")
        while process.poll() is None and logged_lines(folder / "killed") < 9:
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        process.wait()
        finish(start(config, photographs, folder / "killed", resume=True))
        assert logged(folder / "killed")[-1] == pytest.approx(logged(folder / "whole")[-1], rel=0.02)
