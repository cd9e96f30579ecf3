"""The prototype layer: rows of unit length, gradients as autograd's own."""

import pytest
import torch
from torch.nn import functional as F

from train import heads
from train.heads import PrototypeHead, PrototypeLayer


def layer(**kind):
    made = PrototypeLayer(16, 37).to(**kind)
    torch.nn.init.normal_(made.weight_v, generator=torch.Generator().manual_seed(0))
    return made


@pytest.mark.parametrize("at_once", [5, 4096])
def test_logits_and_gradients_equal_a_normalised_linear_layer(at_once, monkeypatch):
    monkeypatch.setattr(heads, "ROWS_AT_ONCE", at_once)
    one = layer(dtype=torch.float64)
    one.weight_g.requires_grad_().data.uniform_(0.5, 2, generator=torch.Generator().manual_seed(1))
    x = torch.randn(5, 16, dtype=torch.float64, generator=torch.Generator().manual_seed(2), requires_grad=True)
    direction = torch.randn(5, 37, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    wanted = torch.autograd.grad(
        (F.linear(x, F.normalize(one.weight_v, dim=1) * one.weight_g) * direction).sum(), [x, *one.parameters()]
    )
    found = torch.autograd.grad((one(x) * direction).sum(), [x, *one.parameters()])
    for a, b in zip(found, wanted, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-6)  # norms are kept in float32


def test_magnitudes_are_one_and_stay():
    one = layer()
    one(torch.randn(3, 16)).sum().backward()
    assert one.weight_g.grad is None and (one.weight_g == 1).all()
    torch.testing.assert_close(one(torch.eye(16)).norm(dim=0), torch.ones(37))


def test_logits_are_cosines_in_every_type():
    for dtype in (torch.float32, torch.bfloat16, torch.float16):
        head = PrototypeHead(8, 20, hidden=16, bottleneck=4).to(dtype)
        logits = head(torch.randn(6, 8, dtype=dtype))
        assert logits.dtype == dtype and logits.abs().max() <= 1.02
