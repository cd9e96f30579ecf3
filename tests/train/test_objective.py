"""One whole training step against the reference: every loss term, every gradient, through the code that trains."""

import pytest
import torch

from core import ViTConfig
from tests import data
from train.objective import Batch, ObjectiveConfig, losses, teacher_targets
from train.student_teacher import build


@pytest.fixture(scope="module", params=["cpu", pytest.param("cuda", marks=pytest.mark.gpu)])
def step(request):
    """(networks with the reference's weights, batch, the reference's tensors), on one device."""
    if request.param == "cuda":
        torch.backends.cudnn.allow_tf32 = False
    truth = {key: value.to(request.param) for key, value in data.load("train_step_untied").items()}
    config = ViTConfig(width=48, depth=3, heads=3, patch=14, image_size=70)
    networks = build(config, dino_prototypes=96, ibot_prototypes=80, hidden=64, bottleneck=16)
    for name in ("student", "teacher"):
        prefix = f"weights/{name}."
        weights = {key.removeprefix(prefix): value for key, value in truth.items() if key.startswith(prefix)}
        networks.get_submodule(name).load_state_dict(weights, strict=True)
    networks.to(request.param)
    return networks, Batch(truth["global_crops"], truth["local_crops"], truth["masks"]), truth


def test_every_term_and_every_gradient_equal_the_reference(step):
    networks, batch, truth = step
    tolerance = 1e-5 if batch.masks.device.type == "cpu" else 1e-4
    for head in (networks.student.dino_head, networks.student.ibot_head):
        head.last_layer.weight_g.requires_grad_()  # fixed in training; the fixture has its gradient all the same
    targets = teacher_targets(networks, batch, truth["teacher_temp"].item(), ObjectiveConfig())
    terms = losses(networks, batch, targets, ObjectiveConfig())
    logged = {
        "dino_local_crops_loss": terms.dino_local,
        "dino_global_crops_loss": terms.dino_global,
        "ibot_loss": terms.ibot / 2,
        "koleo_loss": terms.koleo / 2,
    }
    for name, value in logged.items():
        torch.testing.assert_close(value, truth[f"loss/{name}"], rtol=tolerance, atol=tolerance / 10)
    terms.total().backward()
    expected = {key.removeprefix("grad/"): value for key, value in truth.items() if key.startswith("grad/")}
    assert expected.keys() == {name for name, p in networks.named_parameters() if p.grad is not None}
    for name, gradient in expected.items():
        difference = (networks.get_parameter(name).grad - gradient).norm() / gradient.norm()
        assert difference < tolerance, f"{name}: {difference:.1e}"


def test_a_step_without_local_crops_or_with_one_image_is_finite(step):
    networks, batch, _ = step
    single = Batch(batch.global_crops[::4], batch.local_crops[:0], batch.masks[::4])
    targets = teacher_targets(networks, single, 0.06, ObjectiveConfig())
    terms = losses(networks, single, targets, ObjectiveConfig())
    assert all(term.isfinite() for term in terms) and terms.dino_local == 0 and terms.koleo == 0


def test_softmax_centring_remembers_what_it_saw(step):
    networks, batch, _ = step
    config = ObjectiveConfig(centring="softmax")
    first = teacher_targets(networks, batch, 0.06, config)
    second = teacher_targets(networks, batch, 0.06, config)
    torch.testing.assert_close(first.cls.sum(dim=-1), torch.ones(2, batch.images).to(first.cls))
    assert (first.patches - second.patches).abs().max() > 1e-4
    assert {"cls_centring.centre", "patch_centring.centre"} <= networks.state_dict().keys()


LOW = [(torch.bfloat16, 2**-8), (torch.float16, 2**-11)]
"""A low precision and its rounding, relative."""


@pytest.mark.parametrize(("dtype", "rounding"), LOW)
def test_the_objective_under_autocast_follows_float32(step, dtype, rounding):
    """Only the passes of the networks are rounded: every term and every gradient within what these allow."""
    networks, batch, _ = step
    kind = batch.masks.device.type
    found = []
    for enabled in (False, True):
        networks.zero_grad()
        with torch.autocast(kind, dtype, enabled=enabled):
            targets = teacher_targets(networks, batch, 0.06, ObjectiveConfig())
            terms = losses(networks, batch, targets, ObjectiveConfig())
        terms.total().backward()
        gradients = {name: one.grad for name, one in networks.named_parameters() if one.grad is not None}
        found.append((targets, terms, gradients))
    (exact_targets, exact, exact_gradients), (targets, terms, gradients) = found
    for one in targets:
        torch.testing.assert_close(one.sum(dim=-1), torch.ones_like(one[..., 0]), rtol=0, atol=1e-5)
    assert (targets.cls - exact_targets.cls).abs().max() < 10 * rounding
    for name, value, true in zip(exact._fields, terms, exact, strict=True):
        assert value.dtype == torch.float32 and abs(value - true) < 2 * rounding * abs(true), name
    for name, gradient in gradients.items():
        difference = (gradient - exact_gradients[name]).norm() / exact_gradients[name].norm()
        assert difference < 12 * rounding, f"{name}: {difference:.1e}"


def test_the_logits_of_a_teacher_are_float32_under_autocast(step):
    """Of equal features: at a temperature of 0.01 a cosine rounded to bfloat16 is another target."""
    networks, batch, _ = step
    head = networks.teacher.dino_head
    features = torch.randn(6, 48, generator=torch.Generator().manual_seed(0)).to(batch.masks.device)
    with torch.autocast(batch.masks.device.type, torch.bfloat16):
        exact, rounded, hidden = head(features, exact=True), head(features), head.mlp(features).float()
    assert exact.dtype == torch.float32 and rounded.dtype == torch.bfloat16
    direction = torch.nn.functional.normalize(head.last_layer.weight_v) * head.last_layer.weight_g
    torch.testing.assert_close(exact, torch.nn.functional.normalize(hidden) @ direction.T, rtol=1e-5, atol=1e-6)
    assert (exact - rounded).abs().max() > 1e-4
