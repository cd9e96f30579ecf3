"""A run small enough for a test, in this process or in its own, and what it leaves to compare."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import torch

from core import ViTConfig
from core.records.runs import read_metrics
from train import checkpoint
from train.config import ComputeConfig, LogConfig, OptimConfig, RunConfig, to_json
from train.data.augment import AugmentConfig
from train.method.heads import HeadConfig

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


def logged(run: Path) -> list[list[float]]:
    names = ("step", "dino_local", "dino_global", "ibot", "koleo")
    return [[line[name] for name in names] for line in read_metrics(run) if "loss" in line]


def start(
    config: RunConfig, data: Path, out: Path, *, resume: bool = False, ranks: int = 1, first: str = ""
) -> subprocess.Popen:
    """A run in processes of its own, one thread each, which run the statements `first` before it."""
    code = (
        "import sys; from pathlib import Path; from train.pretrain import pretrain; from train.config import *;"
        "pretrain(from_json(RunConfig, sys.argv[1]), [Path(sys.argv[2])], Path(sys.argv[3]), sys.argv[4] == 'resume')"
    )
    script = out.parent / "start.py"
    script.write_text(f"{first}\n{code}")
    launch = ["-m", "torch.distributed.run", "--nproc-per-node", str(ranks)] if ranks > 1 else []
    words = [sys.executable, *launch, str(script), to_json(config), str(data), str(out), "resume" if resume else "new"]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(words, cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True)


def finish(process: subprocess.Popen) -> None:
    _, errors = process.communicate(timeout=240)
    assert process.returncode == 0, errors[-3000:]


def killed_and_resumed(config: RunConfig, data: Path, run: Path, kills_after: Sequence[int]) -> None:
    """A whole run, killed as soon as its log has so many lines, and gone on with each time."""
    process = start(config, data, run)
    for lines in kills_after:
        while process.poll() is None and logged_lines(run) < lines:
            time.sleep(0.001)
        process.send_signal(signal.SIGKILL)
        process.wait()
        process = start(config, data, run, resume=True)
    finish(process)


def logged_lines(run: Path) -> int:
    return len(logged(run))


def last_weights(run: Path) -> dict[str, torch.Tensor]:
    return last_checkpoint(run)["networks"]


def last_checkpoint(run: Path) -> dict:
    """The last checkpoint, whole."""
    from torch.distributed.checkpoint.format_utils import dcp_to_torch_save

    step = checkpoint.steps_saved(run)[-1]
    path = run / f"weights-{step}.pt"
    if not path.exists():
        dcp_to_torch_save(run / "checkpoints" / f"step-{step:08}", path)
    return torch.load(path, weights_only=True)
