"""Every way of computing attention gives the same numbers, and the choice between them is said once."""

import sys

import pytest
import torch

from core.model import attention, attention_products
from core.model.attention import Packing, attend
from tests import data

PACKINGS = [Packing(((2, 26),)), Packing(((2, 26), (3, 7), (1, 65)))]


def random_qkv(packing, heads=3, width=16, **kind):
    generator = torch.Generator().manual_seed(0)
    return torch.randn(packing.rows, 3, heads, width, generator=generator).to(**kind)


def slow_reference(qkv, packing):
    """One sample, one head, one query at a time, in float64."""
    outputs, start = [], 0
    for length in packing.lengths:
        q, k, v = qkv[start : start + length].double().cpu().unbind(1)  # [T, A, E] each
        rows = []
        for token in range(length):
            heads = []
            for head in range(q.shape[1]):
                weights = (k[:, head] @ q[token, head] / q.shape[-1] ** 0.5).softmax(dim=0)
                heads.append(weights @ v[:, head])
            rows.append(torch.cat(heads))
        outputs.append(torch.stack(rows))
        start += length
    return torch.cat(outputs)


@pytest.mark.parametrize("packing", PACKINGS)
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.bfloat16, 2e-2)])
def test_attention_equals_a_slow_reference(packing, dtype, tolerance):
    qkv = random_qkv(packing, dtype=dtype)
    mixed = attend(qkv, packing)
    assert mixed.dtype == dtype
    torch.testing.assert_close(mixed.double(), slow_reference(qkv, packing), rtol=tolerance, atol=tolerance)


def test_written_out_products_do_not_depend_on_how_many_are_written_at_once(monkeypatch):
    qkv = random_qkv(PACKINGS[1], dtype=torch.bfloat16)
    whole = attend(qkv, PACKINGS[1])
    monkeypatch.setattr(attention_products, "SCORES_AT_ONCE", 100)
    torch.testing.assert_close(attend(qkv, PACKINGS[1]), whole, rtol=1e-2, atol=1e-2)


def test_gradients_flow_in_bfloat16_too():
    qkv = random_qkv(PACKINGS[1]).requires_grad_()
    attend(qkv, PACKINGS[1]).square().sum().backward()
    rounded = random_qkv(PACKINGS[1], dtype=torch.bfloat16).requires_grad_()
    attend(rounded, PACKINGS[1]).float().square().sum().backward()
    torch.testing.assert_close(rounded.grad.float(), qkv.grad, rtol=0.1, atol=0.05)


def test_weights_are_those_of_the_slow_reference():
    packing = PACKINGS[1]
    qkv = random_qkv(packing)
    queries = torch.tensor([0, 3])
    for group, weights in zip(packing.split(qkv), attention.attention_weights(qkv, packing, queries), strict=True):
        q, k, _ = group.unbind(2)  # [b, T, A, E] each
        expected = torch.einsum("bqae,btae->baqt", q[:, queries], k).div(4).softmax(dim=-1)
        torch.testing.assert_close(weights, expected)


def test_the_cpu_never_imports_xformers():
    model = data.model("vit_plain")
    model(torch.zeros(1, 3, 28, 28))
    assert "xformers" not in sys.modules


def test_a_missing_xformers_is_said_once(monkeypatch, caplog):
    """What a CUDA machine without xFormers sees, with the import made to fail here."""
    monkeypatch.setitem(sys.modules, "xformers.ops", None)
    attention._why_not_xformers.cache_clear()
    for _ in range(3):
        reason = attention._why_not_xformers(torch.device("cpu"), torch.float32, 16)
    attention._why_not_xformers.cache_clear()
    assert "cannot be imported" in reason
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "PyTorch's SDPA" in caplog.text


@pytest.mark.gpu
@pytest.mark.parametrize("packing", PACKINGS)
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.bfloat16, 2e-2), (torch.float16, 4e-3), (torch.float32, 1e-4)])
def test_xformers_equals_sdpa_on_a_gpu(packing, dtype, tolerance):
    qkv = random_qkv(packing, width=64, device="cuda", dtype=dtype)
    assert attention._why_not_xformers(qkv.device, dtype, 64) is None, "xFormers does not run here"
    torch.testing.assert_close(
        attention._xformers(qkv, packing), attention._sdpa(qkv, packing), rtol=tolerance, atol=tolerance
    )


@pytest.mark.gpu
@torch.no_grad()
def test_packed_equals_separate_passes_on_a_gpu():
    model, truth = data.model("vit_registers").cuda(), data.load("vit_registers")
    images = [truth[f"{size}/image"].cuda() for size in ("native", "larger", "smaller")]
    for image, packed in zip(images, model.forward_packed(images), strict=True):
        torch.testing.assert_close(packed.patches, model(image).patches, rtol=1e-3, atol=1e-3)


@pytest.mark.gpu
def test_gradients_flow_through_xformers():
    packing = PACKINGS[1]
    qkv = random_qkv(packing, width=64, device="cuda", dtype=torch.bfloat16).requires_grad_()
    attention._xformers(qkv, packing).float().square().sum().backward()
    ours, qkv.grad = qkv.grad.clone(), None
    attention._sdpa(qkv, packing).float().square().sum().backward()
    torch.testing.assert_close(ours, qkv.grad, rtol=5e-2, atol=5e-2)
