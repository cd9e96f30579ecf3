"""The arithmetic of a step, counted by shapes, against torch's own count; and the account of a log.

Attention is written out for the count, since torch counts none of its fused kernels on processors.
"""

import json
from dataclasses import replace

import pytest
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from core import VisionTransformer, ViTConfig
from core.records.runs import append_metrics
from train.config import AccountConfig, OptimConfig, RunConfig
from train.data.augment import AugmentConfig
from train.data.batch import Batch
from train.data.masking import MaskConfig
from train.method.heads import HeadConfig
from train.method.objective import losses, teacher_targets
from train.method.student_teacher import build
from train.phase_config import PhaseConfig
from train.run.account import backbone_work, power, step_work, write_account

CONFIG = RunConfig(
    model=ViTConfig(width=48, depth=2, heads=3, image_size=56),
    heads=HeadConfig(dino_prototypes=64, ibot_prototypes=96, hidden=64, bottleneck=32, ibot_bottleneck=16),
    augment=AugmentConfig(global_size=56, local_size=28, local_crops=3),
    masks=MaskConfig(probability=1.0, ratio=(0.5, 0.5)),
    optim=OptimConfig(steps=100, batch=4, warmup_steps=0, drop_rate=0.0),
)


@pytest.mark.parametrize("kind", [{}, {"ffn": "swiglu", "registers": 4}])
def test_a_forward_counts_what_torch_counts(kind):
    model = VisionTransformer(ViTConfig(width=48, depth=2, heads=3, image_size=56, **kind))
    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        model(torch.zeros(1, 3, 84, 84))
    assert backbone_work(model.config, 84) == counter.get_total_flops()


@pytest.mark.parametrize("draws", [1, 3])
def test_a_step_counts_what_torch_counts(draws):
    config = replace(CONFIG, masks=replace(CONFIG.masks, draws=draws))
    networks = build(CONFIG.model, CONFIG.heads)
    masks = torch.zeros(draws * 8, 16, dtype=torch.bool)
    masks[:, :8] = True
    batch = Batch(torch.randn(8, 3, 56, 56), torch.randn(12, 3, 28, 28), masks)
    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        targets = teacher_targets(networks, batch, 0.07, CONFIG.objective)
        losses(networks, batch, targets, CONFIG.objective).total().backward()
    # torch counts Sinkhorn's sums and KoLeo's products too
    assert step_work(config).total == pytest.approx(counter.get_total_flops(), rel=0.01)


def test_stochastic_depth_is_work_that_is_not_done():
    less = replace(CONFIG, optim=replace(CONFIG.optim, drop_rate=0.4))
    saved = step_work(CONFIG).student - step_work(less).student
    forwards = 4 * (2 * backbone_work(CONFIG.model, 56) + 3 * backbone_work(CONFIG.model, 28))
    embedding = 4 * (2 * 16 + 3 * 4) * 2 * 3 * 14**2 * 48
    assert saved == pytest.approx(0.4 * 3 * (forwards - embedding))
    assert step_work(less).teacher == step_work(CONFIG).teacher


def test_the_account_adds_up_all_sittings_and_phases(tmp_path):
    config = replace(CONFIG, phases=(PhaseConfig(10, global_size=84, local_size=28, batch=2),))
    for step, seconds in ((50, 1800), (100, 900), (105, 900)):
        append_metrics(tmp_path, step, {"loss": 1.0, "seconds": seconds, "devices": 2})
    append_metrics(tmp_path, 105, {"probe/knn_top1": 0.5})
    account = write_account(tmp_path, replace(config, account=AccountConfig(watts=100)), torch.device("cpu"))
    assert account.steps == 105 and account.images == 100 * 4 + 5 * 2
    assert account.device_hours == pytest.approx(2.0)
    assert account.watt_hours == pytest.approx(2 * 100 * 1.1)
    assert account.kilograms_co2 == pytest.approx(0.22 * 0.385)
    larger = replace(config, augment=replace(CONFIG.augment, global_size=84), optim=replace(CONFIG.optim, batch=2))
    assert account.operations == pytest.approx(100 * step_work(CONFIG).total + 5 * step_work(larger).total)
    assert json.loads((tmp_path / "account.json").read_text())["steps"] == 105


def test_the_power_that_is_assumed_is_said():
    _, watts, why = power(torch.device("cpu"), AccountConfig())
    assert watts > 0 and "per core" in why
    assert power(torch.device("cpu"), AccountConfig(watts=42))[1:] == (42, "as configured")
