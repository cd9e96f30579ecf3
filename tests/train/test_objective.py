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
