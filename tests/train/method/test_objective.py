"""One whole training step against the reference: every loss term, every gradient, through the code that trains."""

import pytest
import torch

from core import RequestError, ViTConfig
from tests import data
from train.losses import SinkhornQueue, koleo, sinkhorn_knopp
from train.method.heads import HeadConfig
from train.method.objective import (
    Batch,
    ObjectiveConfig,
    TeacherTargets,
    _spread,
    losses,
    require_groups,
    teacher_targets,
)
from train.method.student_teacher import build


@pytest.fixture(scope="module", params=["cpu", pytest.param("cuda", marks=pytest.mark.gpu)])
def step(request):
    """(networks with the reference's weights, batch, the reference's tensors), on one device."""
    if request.param == "cuda":
        torch.backends.cudnn.allow_tf32 = False
    truth = {key: value.to(request.param) for key, value in data.load("train_step_untied").items()}
    config = ViTConfig(width=48, depth=3, heads=3, patch=14, image_size=70)
    networks = build(config, HeadConfig(dino_prototypes=96, ibot_prototypes=80, hidden=64, bottleneck=16))
    for name in ("student", "teacher"):
        prefix = f"weights/{name}."
        weights = {key.removeprefix(prefix): value for key, value in truth.items() if key.startswith(prefix)}
        networks.get_submodule(name).load_state_dict(weights, strict=True)
    networks.to(request.param)
    return networks, Batch(truth["global_crops"], truth["local_crops"], truth["masks"]), truth


def test_every_term_and_every_gradient_equal_the_reference(step):
    networks, batch, truth = step
    tolerance = 1e-5 if batch.masks.device.type == "cpu" else 1e-4
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
    assert all(term.value.isfinite() for term in terms.terms()) and terms.dino_local == 0 and terms.koleo == 0


def test_several_masks_of_a_crop_are_averaged_over_for_one_pass_of_the_teacher(step):
    """Against the terms of each draw by themselves, with the targets of its own patches; KoLeo is the first draw's."""
    networks, batch, _ = step
    config, passes = ObjectiveConfig(gram_weight=2.0), []
    generator = torch.Generator().manual_seed(0)
    others = [torch.rand(batch.masks.shape, generator=generator) > share for share in (0.5, 0.9)]
    draws = [batch.masks, *(masks.to(batch.masks.device) for masks in others)]
    anchor = torch.randn(*batch.masks.shape, 48, generator=generator).to(batch.global_crops)
    whole = batch._replace(masks=torch.cat(draws))
    hook = networks.teacher.backbone.register_forward_hook(lambda *_: passes.append(1))
    targets = teacher_targets(networks, whole, 0.06, config)
    hook.remove()
    assert len(passes) == 1
    found = losses(networks, whole, targets, config, anchor=anchor)

    with torch.no_grad():
        tokens = networks.teacher.backbone(batch.global_crops)
        hidden = torch.cat([tokens.patches[masks] for masks in draws])
        patches = sinkhorn_knopp(networks.teacher.patch_head(hidden, exact=True), 0.06)
        cls = sinkhorn_knopp(networks.teacher.dino_head(tokens.cls, exact=True), 0.06).unflatten(0, (2, -1))
    each = []
    for masks, asked in zip(draws, patches.split([int(masks.sum()) for masks in draws]), strict=True):
        each.append(losses(networks, batch._replace(masks=masks), TeacherTargets(cls, asked), config, anchor=anchor))
    for name in ("dino_global", "ibot", "gram", "dino_local"):
        values = [getattr(one, name) for one in each]
        torch.testing.assert_close(getattr(found, name), sum(values) / 3, msg=name)
        assert name == "dino_local" or len({value.item() for value in values}) == 3
    torch.testing.assert_close(found.koleo, each[0].koleo)
    assert abs(found.koleo - each[1].koleo) > 1e-4


def test_softmax_centring_remembers_what_it_saw(step):
    networks, batch, _ = step
    config = ObjectiveConfig(centring="softmax")
    first = teacher_targets(networks, batch, 0.06, config)
    second = teacher_targets(networks, batch, 0.06, config)
    torch.testing.assert_close(first.cls.sum(dim=-1), torch.ones(2, batch.images).to(first.cls))
    assert (first.patches - second.patches).abs().max() > 1e-4
    assert {"cls_centring.centre", "patch_centring.centre"} <= networks.state_dict().keys()


def test_a_queue_changes_the_targets_of_images_alone_and_only_when_full(step, monkeypatch):
    networks, batch, _ = step
    turned = batch._replace(global_crops=batch.global_crops.flip(2))
    alone_turned, alone = (teacher_targets(networks, one, 0.06, ObjectiveConfig()) for one in (turned, batch))
    monkeypatch.setattr(networks, "queue", SinkhornQueue(batch.images, 96).to(batch.masks.device))
    filling, full = (
        teacher_targets(networks, one, 0.06, ObjectiveConfig(queue=batch.images)) for one in (turned, batch)
    )
    assert torch.equal(filling.cls, alone_turned.cls)
    assert torch.equal(full.patches, alone.patches) and (full.cls - alone.cls).abs().max() > 1e-3


def test_a_queue_that_nothing_reads_is_refused():
    for values in ({"queue": -1}, {"queue": 8, "centring": "softmax"}):
        with pytest.raises(RequestError, match=r"objective\.queue is"):
            ObjectiveConfig(**values)


def features_with_gradient(images: int) -> torch.Tensor:
    return torch.randn(images, 5, generator=torch.Generator().manual_seed(3)).requires_grad_()


def test_koleo_compares_within_groups_of_images():
    features = features_with_gradient(12)
    for group, expected in ((0, koleo(features)), (4, sum(map(koleo, features.split(4))) / 3), (99, koleo(features))):
        torch.testing.assert_close(_spread(features, group), expected)
    assert len({round(_spread(features, group).item(), 4) for group in (0, 2, 3, 4, 6)}) == 5


def test_a_group_of_several_ranks_is_compared_across_them(monkeypatch):
    """Six ranks of two images, groups of four: the ranks in pairs, seen from each."""
    everyone, found = features_with_gradient(12), []
    monkeypatch.setattr("train.method.objective.gather_rows", lambda rows: everyone)
    for rank in range(6):
        monkeypatch.setattr("train.method.objective.first_row", lambda rows, rank=rank: rank * rows)
        found.append(_spread(everyone[2 * rank :][:2], 4))
    torch.testing.assert_close(sum(found) / 6, sum(map(koleo, everyone.split(4))) / 3)


def test_groups_that_cut_through_a_ranks_images_are_refused():
    for group, images, ranks in ((0, 7, 3), (4, 8, 1), (8, 4, 4), (12, 4, 4), (64, 8, 2), (2, 2, 1)):
        require_groups(group, images, ranks)
    for group, images, ranks in ((3, 8, 1), (6, 4, 4), (1, 8, 1), (-4, 8, 1)):
        with pytest.raises(RequestError, match="koleo_images"):
            require_groups(group, images, ranks)


def test_the_terms_take_koleo_in_the_configured_groups(step):
    networks, batch, _ = step
    found = []
    for config in (ObjectiveConfig(), ObjectiveConfig(koleo_images=2)):
        targets = teacher_targets(networks, batch, 0.06, config)
        found.append(losses(networks, batch, targets, config))
    whole, groups = found
    assert groups.koleo < whole.koleo, "of fewer images the nearest is further"
    torch.testing.assert_close(groups._replace(koleo=whole.koleo), whole)


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
    for (name, value), (_, true) in zip(terms.terms(), exact.terms(), strict=True):
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
