"""The prototype layer: rows of unit length, gradients as autograd's own."""

import pytest
import torch
from torch.nn import functional as F

from core import ViTConfig
from tests import data
from train.method import heads
from train.method.heads import HeadConfig, PrototypeHead, PrototypeLayer
from train.method.student_teacher import build


def layer(trained=True, **kind):
    made = PrototypeLayer(16, 37, trained).to(**kind)
    torch.nn.init.normal_(made.weight_v, generator=torch.Generator().manual_seed(0))
    return made


@pytest.mark.parametrize("at_once", [5, 4096])
def test_logits_and_gradients_equal_a_normalised_linear_layer(at_once, monkeypatch):
    monkeypatch.setattr(heads, "ROWS_AT_ONCE", at_once)
    one = layer(dtype=torch.float64)
    one.weight_g.data.uniform_(0.5, 2, generator=torch.Generator().manual_seed(1))
    x = torch.randn(5, 16, dtype=torch.float64, generator=torch.Generator().manual_seed(2), requires_grad=True)
    direction = torch.randn(5, 37, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    wanted = torch.autograd.grad(
        (F.linear(x, F.normalize(one.weight_v, dim=1) * one.weight_g) * direction).sum(), [x, *one.parameters()]
    )
    found = torch.autograd.grad((one(x) * direction).sum(), [x, *one.parameters()])
    for a, b in zip(found, wanted, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-6)  # norms are kept in float32


@torch.no_grad()
def test_logits_equal_the_reference():
    truth = data.load("dino_head")
    head = PrototypeHead(48, 96, hidden=64, bottleneck=16)
    weights = {key.removeprefix("weights/"): value for key, value in truth.items() if key.startswith("weights/")}
    head.load_state_dict(weights, strict=True)
    torch.testing.assert_close(head(truth["input"]), truth["output"], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("trained", [True, False])
def test_magnitudes_begin_at_one_and_have_a_gradient_where_they_are_trained(trained):
    one = layer(trained)
    one(torch.randn(3, 16)).sum().backward()
    assert (one.weight_g.grad is not None) == trained and (one.weight_g == 1).all()
    torch.testing.assert_close(one(torch.eye(16)).norm(dim=0), torch.ones(37))


def test_prototypes_are_drawn_as_those_of_a_linear_layer_or_normally():
    """The reference draws its last layer as torch draws any: uniformly within the inverse root of the inputs."""
    drawn = PrototypeLayer(64, 5000).weight_v.detach()
    plain = torch.nn.Linear(64, 5000).weight.detach()
    assert drawn.abs().max() <= 1 / 8 and drawn.abs().max().item() == pytest.approx(plain.abs().max().item(), rel=1e-3)
    assert drawn.std().item() == pytest.approx(plain.std().item(), rel=0.01)
    normal = PrototypeLayer(64, 5000, std=0.02).weight_v.detach()
    assert normal.std().item() == pytest.approx(0.02, rel=0.01) and normal.abs().max() > 0.06


def test_a_configuration_shapes_both_heads():
    shape = ViTConfig(width=16, depth=1, heads=2, image_size=28)
    heads = HeadConfig(8, 9, hidden=12, bottleneck=4, ibot_bottleneck=5, train_magnitudes=False, prototype_std=0.5)
    made = build(shape, heads).student
    assert made.dino_head.last_layer.weight_v.shape == (8, 4) and made.ibot_head.last_layer.weight_v.shape == (9, 5)
    for head in made.heads:
        assert not head.last_layer.weight_g.requires_grad and head.last_layer.weight_v.detach().std() > 0.3
    alike = build(shape, HeadConfig(8, 9, hidden=12, bottleneck=4)).student.ibot_head.last_layer
    assert alike.weight_v.shape == (9, 4) and alike.weight_g.requires_grad and alike.weight_v.abs().max() <= 0.5
    assert build(shape, HeadConfig(8, 9, hidden=12, bottleneck=4, tied=True)).student.ibot_head is None


def test_logits_are_cosines_in_every_type():
    for dtype in (torch.float32, torch.bfloat16, torch.float16):
        head = PrototypeHead(8, 20, hidden=16, bottleneck=4).to(dtype)
        logits = head(torch.randn(6, 8, dtype=dtype))
        assert logits.dtype == dtype and logits.abs().max() <= 1.02
