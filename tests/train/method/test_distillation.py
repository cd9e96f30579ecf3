"""What a frozen teacher asks: the objective on every patch, heads that do not collapse, positions that match."""

import math

import pytest
import torch
from torch.nn import functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from core import VisionTransformer, ViTConfig
from train.config import DistillationConfig, OptimConfig, RunConfig
from train.data.augment import AugmentConfig
from train.data.batch import Batch
from train.losses import sinkhorn_knopp
from train.method.distillation import MAIN, Distillation, _masks_on_grid
from train.method.heads import HeadConfig
from train.method.objective import TeacherTargets, losses
from train.method.standardise import Standardiser
from train.method.student_teacher import build
from train.method.teacher import FrozenTeacher, Heads, on_grid, teacher_features
from train.method.teacher_memory import TeacherMemory
from train.run.account import step_work

K = 32
HEADS = HeadConfig(dino_prototypes=K, ibot_prototypes=K, hidden=64, bottleneck=32, prototype_std=0.02)
"""Prototypes drawn small, since in 60 steps larger ones hardly turn."""
TEACHER = ViTConfig(width=48, depth=2, heads=3, patch=14, image_size=56, layer_scale=1.0)
STUDENT = ViTConfig(width=24, depth=1, heads=2, patch=14, image_size=56, layer_scale=1.0)
OPTIM = OptimConfig(batch=4, drop_rate=0.0)
CONFIG = RunConfig(
    model=STUDENT, heads=HEADS, augment=AugmentConfig(global_size=56, local_size=28, local_crops=2), optim=OPTIM
)


def frozen(own_heads: bool = False) -> FrozenTeacher:
    torch.manual_seed(1)
    backbone = VisionTransformer(TEACHER).requires_grad_(False).eval()
    return FrozenTeacher(backbone, Heads(48, HEADS).requires_grad_(False) if own_heads else None, HEADS)


def pair(model: ViTConfig = STUDENT):
    torch.manual_seed(2)
    return build(model, HEADS)


def scenes(images: int, kinds: int, seed: int) -> torch.Tensor:
    """Crops [2·images, 3, 56, 56] of a few kinds of scene, two crops of an image being of one kind; noise on top."""
    generator = torch.Generator().manual_seed(seed)
    kind = torch.randn(kinds, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    drawn = kind[torch.arange(images) % kinds].repeat(2, 1, 1, 1)
    return F.interpolate(drawn, size=(56, 56)) + 0.1 * torch.randn(2 * images, 3, 56, 56, generator=generator)


def batch(images: int = 4, seed: int = 0) -> Batch:
    generator = torch.Generator().manual_seed(seed)
    small = torch.randn(2 * images, 3, 28, 28, generator=generator)
    return Batch(scenes(images, 4, seed), small, torch.zeros(2 * images, 16, dtype=torch.bool), torch.arange(images))


def terms_of(networks: Distillation, given: Batch, config: RunConfig = CONFIG) -> dict[str, torch.Tensor]:
    return dict(networks.terms(given, 0.07, config.objective, config.optim.drop_rate, torch.Generator().manual_seed(0)))


def test_with_known_heads_it_is_the_objective_with_every_patch_asked():
    """Against the objective itself, its masks all true for the targets and the terms, but hidden from nobody."""
    teacher, student, given = frozen(own_heads=True), pair(), batch()
    found = terms_of(Distillation(teacher, {MAIN: student}, HEADS), given)
    tokens = teacher.backbone(given.global_crops)
    cls = sinkhorn_knopp(teacher.heads.dino_head(tokens.cls), 0.07).unflatten(0, (2, -1))
    patches = sinkhorn_knopp(teacher.heads.ibot_head(tokens.patches.flatten(0, 1)), 0.07)
    plain = losses(student, given, TeacherTargets(cls, patches[:0]), CONFIG.objective)
    assert set(found) == {"dino_local", "dino_global", "ibot", "koleo"}
    for name in ("dino_local", "dino_global", "koleo"):
        torch.testing.assert_close(found[name], getattr(plain, name))
    own = student.student.backbone(given.global_crops).patches.flatten(0, 1)
    logits = student.student.ibot_head(own) / CONFIG.objective.student_temperature
    torch.testing.assert_close(found["ibot"], -(patches * logits.log_softmax(dim=1)).sum(dim=1).mean())


@pytest.fixture(scope="module")
def trained() -> tuple[Distillation, list[float]]:
    """Heads and a student after 60 steps on four kinds of scene, and the loss of the heads at each."""
    networks = Distillation(frozen(), {MAIN: pair()}, HEADS)
    optimiser = torch.optim.AdamW([p for p in networks.parameters() if p.requires_grad], lr=2e-3)
    said = []
    for step in range(60):
        found = networks.terms(
            batch(16, step), 0.07, CONFIG.objective, CONFIG.optim.drop_rate, torch.Generator().manual_seed(step)
        )
        optimiser.zero_grad()
        sum(term.value for term in found).backward()
        optimiser.step()
        networks.update_teacher(0.9)
        said.append(sum(float(term.value.detach()) for term in found if term.name.startswith("teacher_heads")))
    return networks, said


def entropy(shares: torch.Tensor) -> float:
    return torch.special.entr(shares).sum(dim=-1).mean().item()


def test_the_targets_of_learned_heads_do_not_collapse(trained):
    """All prototypes are used, each crop says few of them, and two crops of a scene say the same ones."""
    networks, said = trained
    assert sum(said[-5:]) < 0.8 * sum(said[:5])
    fresh = batch(64, seed=1000)
    seen = networks._see(fresh)
    cls = networks._cls_targets(seen, 0.07, CONFIG.objective)
    patches = networks._patch_targets(seen.patches.flatten(0, 1), 0.07, CONFIG.objective)
    for targets in (cls.flatten(0, 1), patches):
        assert entropy(targets.mean(dim=0)) > 0.9 * math.log(K), "some prototypes are not used"
        assert entropy(targets) < 0.75 * math.log(K), "every image says the same"
    kinds = torch.arange(64) % 4
    agreement = cls[0] @ cls[1].T  # of every crop with every other
    same = kinds[:, None] == kinds[None]
    assert agreement[same].mean() > 5 * agreement[~same].mean()


def test_the_students_follow_and_the_teacher_stays(trained):
    networks, _ = trained
    before = frozen().backbone.state_dict()
    assert all(torch.equal(before[name], tensor) for name, tensor in networks._frozen[0].backbone.state_dict().items())
    fresh = batch(64, seed=1000)
    targets = networks._cls_targets(networks._see(fresh), 0.07, CONFIG.objective)
    student = networks.students[MAIN].teacher
    logits = student.dino_head(student.backbone(fresh.global_crops).cls) / 0.1
    crossed = -(targets.flip(0).flatten(0, 1) * logits.log_softmax(dim=1)).sum(dim=1).mean()
    assert crossed < 0.9 * math.log(K)  # what a student that knows nothing says: log K


def test_several_students_share_one_pass_and_differ_in_patch(monkeypatch):
    looks = []
    monkeypatch.setattr(
        "train.method.distillation.teacher_features", lambda *given: looks.append(1) or teacher_features(*given)
    )
    finer = ViTConfig(width=24, depth=1, heads=2, patch=7, image_size=56, layer_scale=1.0)
    networks = Distillation(frozen(), {MAIN: pair(), "finer": pair(finer)}, HEADS)
    found = terms_of(networks, batch())
    assert len(looks) == 1
    assert {"ibot", "finer/ibot", "finer/dino_local", "teacher_heads/dino", "teacher_heads/ibot"} <= found.keys()
    assert all(value.isfinite() for value in found.values())
    alone = terms_of(Distillation(frozen(), {MAIN: pair()}, HEADS), batch())
    assert {str(folder) for folder in networks.exported()} == {".", "finer"}
    assert alone.keys() == {name for name in found if not name.startswith("finer")}


def test_features_are_standardised_by_all_that_was_seen():
    standardiser, features = Standardiser(3), torch.randn(50, 2, 3) * torch.tensor([1.0, 5.0, 0.0]) + 7
    for part in features.split(10):
        last = standardiser(part)
    flat = features.flatten(0, 1)
    expected = (features[40:] - flat.mean(dim=0)) / (flat.var(dim=0, correction=0) + 1e-6).sqrt()
    torch.testing.assert_close(last, expected, atol=1e-4, rtol=1e-4)


def test_positions_match_across_grids():
    """A ramp over the picture stays the same ramp on a finer, a coarser and an uneven grid."""

    def ramp(side: int) -> torch.Tensor:
        along = (torch.arange(side) + 0.5) / side
        return torch.stack(torch.meshgrid(along, along, indexing="ij"), dim=2).flatten(0, 1)[None]

    for own, wanted in ((4, 8), (8, 4), (7, 5)):
        found, expected = on_grid(ramp(own), wanted), ramp(wanted)
        inner = (expected - 0.5).abs().amax(dim=2) < 0.5 - 1 / min(own, wanted)  # edges repeat what lies beyond
        torch.testing.assert_close(found[inner], expected[inner], atol=0.01, rtol=0)
    assert torch.equal(on_grid(ramp(4), 4), ramp(4))


def test_crops_that_do_not_fit_the_teachers_patch_are_resized():
    assert teacher_features(frozen().backbone, torch.zeros(2, 3, 48, 48)).patches.shape == (2, 9, 48)  # at 42 pixels


def test_masks_keep_their_place_on_other_grids():
    masks = torch.zeros(1, 16, dtype=torch.bool)
    masks[0, 5] = True  # row 1, column 1
    finer = _masks_on_grid(masks, 8).view(8, 8)
    assert finer.sum() == 4 and finer[2:4, 2:4].all()
    assert torch.equal(_masks_on_grid(masks, 4), masks)


def test_what_was_said_of_a_crop_is_remembered(tmp_path):
    backbone, given = frozen().backbone, batch()
    memory = TeacherMemory(tmp_path, images=10, patches=16, width=48)
    asked = []

    def compute(crops):
        asked.append(len(crops))
        return teacher_features(backbone, crops)

    first = memory.recall(given.global_crops, torch.tensor([7, 2, 5, 0]), compute)
    again = TeacherMemory(tmp_path, images=10, patches=16, width=48)  # as after a kill
    order = torch.tensor([1, 3, 0])
    crops = given.global_crops.unflatten(0, (2, 4))
    second = again.recall(crops[:, order].flatten(0, 1), torch.tensor([2, 0, 7]), compute)
    assert asked == [8]
    for part, whole in zip(second, first, strict=True):
        assert torch.equal(part, whole.unflatten(0, (2, 4))[:, order].flatten(0, 1))
    torch.testing.assert_close(
        first.patches, teacher_features(backbone, given.global_crops).patches, atol=2e-3, rtol=2e-3
    )
    mixed = again.recall(crops[:, :2].flatten(0, 1), torch.tensor([7, 9]), compute)
    assert asked == [8, 2] and torch.equal(mixed.cls[0], first.cls[0])


@pytest.mark.parametrize("own_heads", [True, False])
def test_the_arithmetic_is_counted_as_torch_counts_it(own_heads):
    distillation = DistillationConfig("some", model=TEACHER, own_heads=own_heads)
    config = RunConfig(
        model=STUDENT,
        heads=HEADS,
        augment=CONFIG.augment,
        distillation=distillation,
        optim=OPTIM,
    )
    networks = Distillation(frozen(own_heads), {MAIN: pair()}, HEADS)
    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        found = networks.terms(
            batch(), 0.07, config.objective, config.optim.drop_rate, torch.Generator().manual_seed(0)
        )
        sum(term.value for term in found).backward()
    assert step_work(config).total == pytest.approx(counter.get_total_flops(), rel=0.02)
