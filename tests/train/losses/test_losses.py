"""The terms of the objective against the reference's numbers and their own invariants."""

import math

import pytest
import torch

from tests import data
from train.losses import SinkhornQueue, SoftmaxCentring, dino_cross_entropy, ibot_cross_entropy, koleo, sinkhorn_knopp

LOCALS, IMAGES = 8, 6
EXACT = {"rtol": 1e-5, "atol": 1e-5}


@pytest.fixture(scope="module")
def truth():
    return data.load("losses")


def test_sinkhorn_equals_the_reference(truth):
    temperature = truth["teacher_temp"].item()
    for logits, targets in (("teacher_logits", "sinkhorn"), ("ibot_teacher_logits", "ibot_sinkhorn")):
        torch.testing.assert_close(sinkhorn_knopp(truth[logits], temperature), truth[targets], **EXACT)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_sinkhorn_stays_finite_at_the_extremes(dtype):
    """exp(60 / 0.04) is 10^651: only the log domain holds it."""
    logits = (torch.randn(50, 300, generator=torch.Generator().manual_seed(0)) * 40).clamp(-60, 60).to(dtype)
    targets = sinkhorn_knopp(logits, temperature=0.04)
    assert targets.dtype == torch.float32 and targets.isfinite().all()
    torch.testing.assert_close(targets.sum(dim=1), torch.ones(50))


def directly(logits, temperature):
    """Three iterations of Sinkhorn-Knopp on logits [M, K] in float64, as they are published."""
    q = (logits.double() / temperature).exp().T
    prototypes, rows = q.shape
    q /= q.sum()
    for _ in range(3):
        q /= q.sum(dim=1, keepdim=True) * prototypes
        q /= q.sum(dim=0, keepdim=True) * rows
    return (q * rows).T.float()


def test_sinkhorn_equals_the_direct_iteration_in_float64():
    logits, temperature = torch.randn(12, 7, dtype=torch.float64, generator=torch.Generator().manual_seed(1)), 0.1
    torch.testing.assert_close(sinkhorn_knopp(logits, temperature), directly(logits, temperature), **EXACT)


def test_a_queue_balances_over_the_last_images_once_it_is_full():
    """Batches of 2 to 9 images against a list of all images that ever came, of which the last five are kept."""
    queue, generator, ever = SinkhornQueue(5, 7), torch.Generator().manual_seed(4), []
    for number, images in enumerate((3, 2, 2, 9, 4, 2)):
        logits = torch.randn(2 * images, 7, generator=generator)
        rows = torch.cat([*(ever[-5:] if len(ever) >= 5 else ()), logits])
        found, alone = queue(logits, 0.3), directly(logits, 0.3)
        torch.testing.assert_close(found, directly(rows, 0.3)[-len(logits) :], **EXACT)
        assert ((found - alone).abs().max() > 0.01) == (number >= 2), "until then the batch alone"
        ever += logits.unflatten(0, (2, images)).unbind(dim=1)  # both crops of each image
        assert queue.seen == len(ever)


def test_many_iterations_use_every_prototype_equally():
    targets = sinkhorn_knopp(torch.randn(40, 8, generator=torch.Generator().manual_seed(2)), 0.5, iterations=60)
    torch.testing.assert_close(targets.sum(dim=0), torch.full((8,), 5.0), rtol=1e-3, atol=1e-3)


def test_centring_equals_the_reference(truth):
    temperature = truth["teacher_temp"].item()
    centring = SoftmaxCentring(64)
    torch.testing.assert_close(centring(truth["teacher_logits"], temperature), truth["centered_first"], **EXACT)
    torch.testing.assert_close(centring.centre, truth["center_after"], **EXACT)
    torch.testing.assert_close(centring(truth["teacher_logits"], temperature), truth["centered_second"], **EXACT)


def test_dino_terms_and_gradients_equal_the_reference(truth):
    targets = truth["sinkhorn"]
    on_global = truth["student_global_logits"].clone().requires_grad_()
    on_local = truth["student_local_logits"].clone().requires_grad_()
    by_crop = on_local.unflatten(0, (LOCALS, IMAGES))
    local = dino_cross_entropy(by_crop, targets.unflatten(0, (2, IMAGES))) / (2 * LOCALS + 2)
    across = dino_cross_entropy(on_global[None], targets[None]) * 2 / (2 * LOCALS + 2)
    torch.testing.assert_close(local, truth["dino_local_loss"], **EXACT)
    torch.testing.assert_close(across, truth["dino_global_loss"], **EXACT)
    (local + across).backward()
    torch.testing.assert_close(on_local.grad, truth["grad_local"], **EXACT)
    torch.testing.assert_close(on_global.grad, truth["grad_global"], **EXACT)


def test_ibot_and_its_gradient_equal_the_reference(truth):
    masks = truth["mask"]
    weights = (1 / masks.sum(dim=1).clamp(min=1)).repeat_interleave(masks.sum(dim=1))
    logits = truth["ibot_student_logits"].clone().requires_grad_()
    loss = ibot_cross_entropy(logits, truth["ibot_sinkhorn"], weights, images=len(masks))
    loss.backward()
    torch.testing.assert_close(loss, truth["ibot_loss"], **EXACT)
    torch.testing.assert_close(logits.grad, truth["ibot_grad"], **EXACT)


def test_koleo_and_its_gradient_equal_the_reference(truth):
    features = truth["koleo_input"].clone().requires_grad_()
    loss = sum(koleo(chunk) for chunk in features.chunk(2))
    loss.backward()
    torch.testing.assert_close(loss, truth["koleo_loss"], **EXACT)
    torch.testing.assert_close(features.grad, truth["koleo_grad"], **EXACT)


def test_koleo_is_finite_where_images_coincide():
    features = torch.ones(3, 4, requires_grad=True)
    loss = koleo(features)
    loss.backward()
    assert math.isfinite(loss.item()) and features.grad.isfinite().all()


def test_koleo_over_ranks_equals_koleo_over_the_whole_batch():
    features = torch.randn(6, 5, generator=torch.Generator().manual_seed(3))
    parts = [koleo(features[start : start + 3], everyone=features, first=start) for start in (0, 3)]
    torch.testing.assert_close(sum(parts) / 2, koleo(features))


LOW = [torch.bfloat16, torch.float16]


@pytest.mark.parametrize("dtype", LOW)
def test_targets_within_autocast_equal_those_outside_it(dtype):
    """Products in bfloat16 let rows sum to 0.995, and small columns of float16 are nothing."""
    logits = torch.randn(64, 512, generator=torch.Generator().manual_seed(4)).clamp(-3, 3) / 4
    centring, other = SoftmaxCentring(512), SoftmaxCentring(512)
    with torch.autocast("cpu", dtype):
        inside, centred = sinkhorn_knopp(logits, 0.04), centring(logits, 0.04)
    torch.testing.assert_close(inside.sum(dim=1), torch.ones(64), rtol=0, atol=1e-5)
    assert torch.equal(inside, sinkhorn_knopp(logits, 0.04)) and inside.dtype == torch.float32
    assert torch.equal(centred, other(logits, 0.04)) and torch.equal(centring.centre, other.centre)


@pytest.mark.parametrize("dtype", LOW)
def test_koleo_near_collapse_has_its_gradient_within_autocast_too(dtype):
    """Where all images are nearly one, bfloat16 cannot tell who is nearest: that is when KoLeo is needed."""
    generator = torch.Generator().manual_seed(5)
    together = torch.randn(1, 96, generator=generator) + 0.055 * torch.randn(32, 96, generator=generator)
    gradients = []
    for enabled in (False, True):
        features = together.clone().requires_grad_()
        with torch.autocast("cpu", dtype, enabled=enabled):
            koleo(features).backward()
        gradients.append(features.grad)
    cosines = torch.nn.functional.normalize(together) @ torch.nn.functional.normalize(together).T
    assert cosines.min() > 0.99 and cosines.fill_diagonal_(0).max() < 0.999
    assert torch.equal(*gradients)


@pytest.mark.parametrize("dtype", LOW)
def test_cross_entropies_within_autocast_equal_those_outside_it(dtype, truth):
    logits, targets = truth["student_global_logits"][None], truth["sinkhorn"][None]
    ones = torch.ones(logits.shape[1])
    with torch.autocast("cpu", dtype):
        inside = dino_cross_entropy(logits, targets), ibot_cross_entropy(logits[0], targets[0], ones, 3)
    outside = dino_cross_entropy(logits, targets), ibot_cross_entropy(logits[0], targets[0], ones, 3)
    assert torch.equal(torch.stack(inside), torch.stack(outside))
