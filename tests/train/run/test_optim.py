"""Schedules and parameter groups against the reference's tables."""

import json

import pytest
import torch

from core import DinoError, ViTConfig
from tests import data
from train.config import OptimConfig
from train.method.heads import HeadConfig
from train.method.student_teacher import build
from train.run.optim import Muon, multipliers, optimisers, parameter_groups, set_rates
from train.run.schedule import Schedule

TRUTH = json.loads((data.HERE / "optim.json").read_text())
HEADS = HeadConfig(8, 8, hidden=8, bottleneck=4)


@pytest.mark.parametrize(
    ("name", "schedule"),
    [
        ("lr", Schedule(0.004, 1e-6, steps=50, warmup=10)),
        ("weight_decay", Schedule(0.04, 0.4, steps=50)),
        ("momentum", Schedule(0.992, 1.0, steps=50)),
        ("teacher_temp", Schedule(0.07, 0.07, steps=15, warmup=15, start=0.04)),
    ],
)
def test_schedules_equal_the_reference(name, schedule):
    values = TRUTH["schedules"][name]
    assert [schedule(step) for step in range(len(values))] == pytest.approx(values, abs=1e-12)
    assert schedule(10**6) == schedule.final


def test_a_warm_up_longer_than_the_run_is_refused():
    with pytest.raises(DinoError, match="warm-up"):
        Schedule(1.0, 0.0, steps=5, warmup=6)


def test_multipliers_equal_the_reference():
    for table, depth in (("backbone_param_groups", 3), ("head_param_groups", 0)):
        for name, row in TRUTH[table].items():
            assert list(multipliers(name, depth, layer_decay=0.9, patch_embed_lr=0.2)) == pytest.approx(row), name


def test_every_trained_parameter_is_in_exactly_one_group():
    student = build(ViTConfig(width=16, depth=2, heads=2, image_size=28), HEADS).student
    groups = parameter_groups([student.backbone, student.dino_head, student.ibot_head])
    grouped = [id(parameter) for group in groups for parameter in group["params"]]
    assert sorted(grouped) == sorted(id(p) for p in student.parameters() if p.requires_grad)
    adam, muon = optimisers([student.backbone, student.dino_head, student.ibot_head], OptimConfig(muon=True))
    both = [id(parameter) for one in (adam, muon) for group in one.param_groups for parameter in group["params"]]
    assert sorted(both) == sorted(grouped)
    optimiser = torch.optim.AdamW(groups)
    set_rates([optimiser], lr=1.0, weight_decay=0.1, last_layer_lr=0.0)
    for group in optimiser.param_groups:
        assert group["lr"] == (0.0 if group["last_layer"] else group["lr_multiplier"])
        assert group["weight_decay"] == pytest.approx(0.1 * group["weight_decay_multiplier"])


def test_muon_steps_along_orthogonal_matrices_and_learns_the_rest_by_adam():
    """A gradient with one direction a hundred times stronger moves all directions alike; embeddings go Adam's way."""
    student = build(ViTConfig(width=16, depth=1, heads=2, image_size=28), HEADS).student
    weight, before = student.backbone.blocks[0].attn.proj.weight, student.backbone.patch_embed.proj.weight.clone()
    start = weight.detach().clone()
    learn = optimisers([student.backbone], OptimConfig(muon=True, patch_embed_lr=1.0, layer_decay=1.0))
    set_rates(learn, lr=0.01, weight_decay=0.0, last_layer_lr=0.0)
    for parameter in student.backbone.parameters():
        parameter.grad = torch.full_like(parameter, 3.0)
    left, right = (torch.linalg.qr(torch.randn(16, 16))[0] for _ in range(2))
    weight.grad = left @ torch.diag(torch.logspace(2, 0, 16)) @ right
    for optimiser in learn:
        optimiser.step()
    lengths = torch.linalg.svdvals(start - weight.detach()) / (0.01 * 0.2 * 16**0.5)
    assert lengths.max() / lengths.min() < 2.5 and float(lengths.mean()) == pytest.approx(1, abs=0.3)
    moved = before - student.backbone.patch_embed.proj.weight
    torch.testing.assert_close(moved, torch.full_like(before, 0.01))


def test_muon_steps_as_torchs_own_to_the_rounding_of_bfloat16():
    generator = torch.Generator().manual_seed(0)
    ours, theirs = ([torch.nn.Parameter(torch.ones(shape)) for shape in ((24, 8), (8, 24))] for _ in range(2))
    mine = Muon([{"params": ours, "lr": 0.01, "weight_decay": 0.1}])
    own = torch.optim.Muon(theirs, lr=0.01, weight_decay=0.1, adjust_lr_fn="match_rms_adamw")
    for _ in range(3):
        for one, other in zip(ours, theirs, strict=True):
            one.grad = torch.randn(one.shape, generator=generator)
            other.grad = one.grad.clone()
        mine.step()
        own.step()
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=0.02 * (other - 1).abs().max().item())
