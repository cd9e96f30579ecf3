"""Whole runs on real photographs: it learns, a killed run continues to the bit, two processes equal one."""

import json
import math
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from torch._dynamo.testing import CompileCounterWithBackend

from core import DinoError, ViTConfig, load_model
from core.gallery import samples
from core.layers import Block
from core.runs import pictures, read_metrics, snapshots
from train import checkpoint
from train.config import (
    ComputeConfig,
    HeadConfig,
    HighResolutionConfig,
    LogConfig,
    OptimConfig,
    RunConfig,
    from_json,
    to_json,
)
from train.data.augment import AugmentConfig
from train.pretrain import main, pretrain

ROOT = Path(__file__).parents[2]
CONFIG = RunConfig(
    model=ViTConfig(width=48, depth=2, heads=3, image_size=56, layer_scale=1.0),
    heads=HeadConfig(dino_prototypes=64, ibot_prototypes=64, hidden=64, bottleneck=32),
    augment=AugmentConfig(global_size=56, local_size=28, local_crops=2),
    optim=OptimConfig(
        steps=8, batch=8, warmup_steps=2, freeze_last_layer_steps=1, temperature_warmup_steps=4, drop_rate=0.0
    ),
    compute=ComputeConfig(precision="float32", workers=0),
    log=LogConfig(every=1, save_every=2),
)  # fmt: skip


@pytest.fixture(scope="module")
def photographs(tmp_path_factory):
    """The sample photographs, small, in a folder with one file that is none."""
    folder = tmp_path_factory.mktemp("photographs")
    for sample in samples():
        with Image.open(sample.path) as image:
            image.convert("RGB").resize((128, 96)).save(folder / f"{sample.name}.png")
    (folder / "broken.jpg").write_bytes(b"not a picture")
    return folder


def logged(run: Path) -> list[list[float]]:
    names = ("step", "dino_local", "dino_global", "ibot", "koleo")
    return [[line[name] for name in names] for line in read_metrics(run) if "loss" in line]


def start(config: RunConfig, data: Path, out: Path, *, resume: bool = False, ranks: int = 1) -> subprocess.Popen:
    """A run in processes of its own, one thread each."""
    code = (
        "import sys; from pathlib import Path; from train.pretrain import pretrain; from train.config import *;"
        "pretrain(from_json(RunConfig, sys.argv[1]), [Path(sys.argv[2])], Path(sys.argv[3]), sys.argv[4] == 'resume')"
    )
    script = out.parent / "start.py"
    script.write_text(code)
    launch = ["-m", "torch.distributed.run", "--nproc-per-node", str(ranks)] if ranks > 1 else []
    words = [sys.executable, *launch, str(script), to_json(config), str(data), str(out), "resume" if resume else "new"]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(words, cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True)


def finish(process: subprocess.Popen) -> None:
    _, errors = process.communicate(timeout=240)
    assert process.returncode == 0, errors[-3000:]


@pytest.mark.slow
def test_a_killed_run_continues_to_the_bit(photographs, tmp_path):
    """Killed at several moments, also while a checkpoint is being written: the same log and weights in the end."""
    config = replace(CONFIG, optim=replace(CONFIG.optim, steps=24, drop_rate=0.3))
    finish(start(config, photographs, tmp_path / "whole"))
    run = tmp_path / "killed"
    process = start(config, photographs, run)
    for kill_at in (3, 9, 16):
        partial = run / "checkpoints" / f"step-{kill_at + 1:08}.part"
        while process.poll() is None and not (_lines(run) >= kill_at and (partial.exists() or _lines(run) > kill_at)):
            time.sleep(0.001)
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert checkpoint.steps_saved(run), "no complete checkpoint survived"
        process = start(config, photographs, run, resume=True)
    finish(process)
    assert logged(run) == logged(tmp_path / "whole")
    for name, tensor in _weights(tmp_path / "whole").items():
        assert torch.equal(tensor, _weights(run)[name]), name
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
def test_two_processes_equal_one(photographs, tmp_path):
    config = replace(CONFIG, optim=replace(CONFIG.optim, steps=5))
    finish(start(config, photographs, tmp_path / "one"))
    finish(start(config, photographs, tmp_path / "two", ranks=2))
    for alone, together in zip(logged(tmp_path / "one"), logged(tmp_path / "two"), strict=True):
        assert together == pytest.approx(alone, rel=1e-5, abs=1e-5)
    for name, tensor in _weights(tmp_path / "one").items():
        torch.testing.assert_close(_weights(tmp_path / "two")[name], tensor, rtol=1e-5, atol=1e-5, msg=name)


@pytest.mark.slow
def test_a_run_of_two_processes_resumes_as_one(photographs, tmp_path):
    finish(start(CONFIG, photographs, tmp_path / "whole"))
    process = start(CONFIG, photographs, tmp_path / "moved", ranks=2)
    while process.poll() is None and _lines(tmp_path / "moved") < 5:
        time.sleep(0.005)
    process.send_signal(signal.SIGTERM)
    process.wait(timeout=60)
    finish(start(CONFIG, photographs, tmp_path / "moved", resume=True))
    assert logged(tmp_path / "moved")[-1] == pytest.approx(logged(tmp_path / "whole")[-1], rel=1e-4)


def _lines(run: Path) -> int:
    return len(logged(run))


def _weights(run: Path) -> dict[str, torch.Tensor]:
    return _checkpoint(run)["networks"]


def _checkpoint(run: Path) -> dict:
    """The last checkpoint, whole."""
    from torch.distributed.checkpoint.format_utils import dcp_to_torch_save

    step = checkpoint.steps_saved(run)[-1]
    path = run / f"weights-{step}.pt"
    if not path.exists():
        dcp_to_torch_save(run / "checkpoints" / f"step-{step:08}", path)
    return torch.load(path, weights_only=True)


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
    assert torch.equal(model.norm.bias, _weights(run)["teacher.backbone.norm.bias"])


def test_a_run_is_never_begun_over_another_nor_resumed_from_nothing(photographs, tmp_path):
    with pytest.raises(DinoError, match="no run to resume"):
        pretrain(CONFIG, [photographs], tmp_path / "run", resume=True)
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "config.json").write_text(to_json(CONFIG))
    with pytest.raises(DinoError, match="--resume"):
        pretrain(CONFIG, [photographs], tmp_path / "run")


def test_nothing_is_left_of_a_run_that_cannot_begin(photographs, tmp_path):
    impossible = replace(CONFIG, optim=replace(CONFIG.optim, warmup_steps=99))
    for config, data, message in (
        (CONFIG, tmp_path / "nowhere", "does not exist"),
        (impossible, photographs, "warm-up"),
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
    """Traced and differentiated by torch's compiler; no C++ is built, which not every machine can."""
    compiler = CompileCounterWithBackend("aot_eager")
    monkeypatch.setattr("train.shard.COMPILER", compiler)
    optim = replace(CONFIG.optim, steps=3, drop_rate=0.4)
    for name, compute in (("plain", CONFIG.compute), ("compiled", replace(CONFIG.compute, compile=True))):
        pretrain(replace(CONFIG, optim=optim, compute=compute), [photographs], tmp_path / name)
    for compiled, plain in zip(logged(tmp_path / "compiled"), logged(tmp_path / "plain"), strict=True):
        assert compiled == pytest.approx(plain, rel=1e-4)
    assert compiler.frame_count


def test_a_batch_in_parts_sees_the_same_images(photographs, tmp_path):
    """Each part is balanced on its own (Sinkhorn, KoLeo), so the terms are close, not equal."""
    optim = replace(CONFIG.optim, steps=2)
    for name, parts in (("whole", 1), ("parts", 2)):
        compute = replace(CONFIG.compute, accumulate=parts)
        pretrain(replace(CONFIG, compute=compute, optim=optim), [photographs], tmp_path / name)
    for whole, parts in zip(logged(tmp_path / "whole"), logged(tmp_path / "parts"), strict=True):
        assert parts != whole and sum(parts[1:4]) == pytest.approx(sum(whole[1:4]), rel=0.05)


def test_bfloat16_follows_float32(photographs, tmp_path):
    for name in ("float32", "bfloat16"):
        compute = replace(CONFIG.compute, precision=name)
        pretrain(replace(CONFIG, compute=compute), [photographs], tmp_path / name)
    assert logged(tmp_path / "float32") != logged(tmp_path / "bfloat16")
    for exact, rounded in zip(logged(tmp_path / "float32"), logged(tmp_path / "bfloat16"), strict=True):
        assert sum(rounded[1:4]) == pytest.approx(sum(exact[1:4]), rel=0.01)


@pytest.mark.slow
def test_a_run_killed_about_its_second_phase_continues_to_the_bit(photographs, tmp_path):
    """Before, at and after the step at which crops grow; position embeddings are resized, the folder stays one."""
    larger = HighResolutionConfig(steps=6, global_size=84, local_size=28, batch=4)
    config = replace(CONFIG, high_resolution=larger, optim=replace(CONFIG.optim, drop_rate=0.3))
    finish(start(config, photographs, tmp_path / "whole"))
    run = tmp_path / "killed"
    process = start(config, photographs, run)
    for kill_after in (7, 8, 11):
        while process.poll() is None and _lines(run) < kill_after:
            time.sleep(0.001)
        process.send_signal(signal.SIGKILL)
        process.wait()
        process = start(config, photographs, run, resume=True)
    finish(process)
    assert logged(run) == logged(tmp_path / "whole") and logged(run)[-1][0] == 14
    for name, tensor in _weights(tmp_path / "whole").items():
        assert torch.equal(tensor, _weights(run)[name]), name
    model = load_model(run, device="cpu")
    assert model.config.image_size == 84 and model.pos_embed.shape == (1, 37, 48)
    assert load_model(snapshots(run)[8], device="cpu").config.image_size == 56


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


def test_half_precision_scales_its_loss_and_resumes_with_the_scale(photographs, tmp_path):
    compute = replace(CONFIG.compute, precision="float16")
    run = pretrain(replace(CONFIG, compute=compute), [photographs], tmp_path / "run")
    assert all(math.isfinite(value) for row in logged(run) for value in row)
    before = _checkpoint(run)["extra"]["scaler"]
    longer = replace(CONFIG, compute=compute, optim=replace(CONFIG.optim, steps=12))
    (run / "config.json").write_text(to_json(longer))
    pretrain(longer, [photographs], run, resume=True)
    assert logged(run)[-1][0] == 12
    after = _checkpoint(run)["extra"]["scaler"]
    afresh = torch.amp.GradScaler("cpu").get_scale() / 2 ** (12 - CONFIG.optim.steps)
    assert 1 <= after["scale"] <= before["scale"] < afresh, "it goes on from the scale that was found"


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
        while process.poll() is None and _lines(folder / "killed") < 9:
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        process.wait()
        finish(start(config, photographs, folder / "killed", resume=True))
        assert logged(folder / "killed")[-1] == pytest.approx(logged(folder / "whole")[-1], rel=0.02)


def test_a_term_that_is_not_finite_is_named_and_its_batch_kept(photographs, tmp_path, monkeypatch):
    monkeypatch.setattr("train.objective.koleo", lambda cls, *_: cls.sum() * float("nan"))
    with pytest.raises(DinoError, match=r"koleo is not finite.*safetensors"):
        pretrain(CONFIG, [photographs], tmp_path / "stops")
    saved = list((tmp_path / "stops" / "nonfinite").iterdir())
    assert len(saved) == 1 and load_file(saved[0])["global_crops"].shape == (16, 3, 56, 56)
    skipping = replace(CONFIG, log=replace(CONFIG.log, on_nonfinite="skip"), optim=replace(CONFIG.optim, steps=2))
    run = pretrain(skipping, [photographs], tmp_path / "skips")
    assert len(list((run / "nonfinite").iterdir())) == 2 and not logged(run)
