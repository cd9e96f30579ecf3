"""Rotary positions: what they are of, that they go with their rows, and that only training moves them."""

import dataclasses
import math

import pytest
import torch
from torch.nn.functional import cosine_similarity

import core
from core.model.attention import Packing
from core.model.rope import Rotation, periods, rotated, rotation

EXACT = {"rtol": 0.0, "atol": 1e-5}
TINY = core.ViTConfig(
    width=48, depth=3, heads=3, patch=16, image_size=64, registers=2, layer_scale=1.0, norm_eps=1e-5,
    qkv_bias="no_key", positions="rope",
)  # fmt: skip
CPU = torch.device("cpu")


def made(**changes) -> core.VisionTransformer:
    model = core.VisionTransformer(dataclasses.replace(TINY, **changes)).eval()
    generator = torch.Generator().manual_seed(0)
    model.initialise(generator)
    with torch.no_grad():
        for block in model.blocks:
            block.attn.qkv.weight.mul_(8)  # so that attention, and with it the place of a patch, counts
            block.attn.qkv.bias.normal_(std=0.5, generator=generator)
    return model


def pictures(*sizes, count=2):
    generator = torch.Generator().manual_seed(1)
    return [torch.randn(count, 3, height, width, generator=generator) for height, width in sizes]


def test_a_rotation_is_by_two_pi_times_place_over_period_and_leaves_cls_and_registers():
    turn = rotation(TINY, [(2, 3, 5)], CPU)
    assert turn.cos.shape == (2 * (3 + 15), 8)
    assert torch.equal(turn.cos[:3], torch.ones(3, 8)) and torch.equal(turn.sin[:3], torch.zeros(3, 8))
    row, column = 2, 1
    y, x = 2 * (row + 0.5) / 3 - 1, 2 * (column + 0.5) / 5 - 1
    angles = [2 * math.pi * side / 100 ** (i / 4) for side in (y, x) for i in range(4)]
    for sample in range(2):
        place = sample * 18 + 3 + row * 5 + column
        torch.testing.assert_close(turn.cos[place], torch.tensor(angles).cos(), **EXACT)
        torch.testing.assert_close(turn.sin[place], torch.tensor(angles).sin(), **EXACT)


def test_scores_depend_on_how_far_two_patches_are_apart_only():
    turn, generator = rotation(TINY, [(1, 4, 4)], CPU), torch.Generator().manual_seed(0)
    query, key = torch.randn(2, 16, generator=generator)
    rows = torch.stack([query, key, key]).expand(19, 1, 3, 16).transpose(1, 2)  # the same vectors everywhere
    q, k, v = rotated(rows.clone(), turn).unbind(1)
    scores = (q[3:, 0] @ k[3:, 0].T).view(4, 4, 4, 4)
    torch.testing.assert_close(scores[0, 0, 1, 2], scores[2, 1, 3, 3], rtol=0, atol=1e-4)
    assert (scores[0, 0, 1, 2] - scores[0, 0, 2, 1]).abs() > 1e-2
    assert torch.equal(v, rows[:, 2])
    torch.testing.assert_close(q.norm(dim=-1), rows[:, 0].norm(dim=-1))


def test_periods_of_meta_are_rounded():
    exact, rounded = periods(TINY), periods(dataclasses.replace(TINY, rope_rounded=True))
    assert torch.equal(rounded, exact.bfloat16().float()) and not torch.equal(rounded, exact)


@torch.no_grad()
def test_packed_equals_separate_passes():
    model, images = made(), pictures((64, 64), (32, 96), (16, 16))
    masks = [None, torch.rand(2, 12, generator=torch.Generator().manual_seed(2)) < 0.5, None]
    for image, mask, tokens in zip(images, masks, model.forward_packed(images, masks), strict=True):
        for part, alone in zip(tokens, model(image, mask), strict=True):
            torch.testing.assert_close(part, alone, **EXACT)


@torch.no_grad()
def test_the_place_of_a_patch_counts():
    """Patches that swap places give other features: without positions they would only swap."""
    model = made()
    (image,) = pictures((32, 32), count=1)
    swapped = torch.cat([image[..., 16:], image[..., :16]], dim=-1)
    assert (model(image).patches[:, [1, 0, 3, 2]] - model(swapped).patches).abs().max() > 1e-2


@torch.no_grad()
def test_stochastic_depth_turns_the_samples_that_stay_by_their_own_angles():
    model, rate = made(), 0.5
    images = pictures((32, 48), (16, 64), count=4)
    outputs = model.forward_packed(images, drop_rate=rate, generator=torch.Generator().manual_seed(5))
    generator = torch.Generator().manual_seed(5)
    x, packing = model._embed(images, None)
    groups = [group.clone() for group in packing.split(x)]
    grids = [(2, 3), (1, 4)]
    for block in model.blocks:
        for branch in (
            lambda t, turn, b=block: b.ls1(b.attn(b.norm1(t), Packing(((1, len(t)),), turn))),
            lambda t, turn, b=block: b.ls2(b.mlp(b.norm2(t))),
        ):
            for group, (rows, columns) in zip(groups, grids, strict=True):
                turn = rotation(TINY, [(1, rows, columns)], CPU)
                for sample in torch.randperm(4, generator=generator)[:2].tolist():
                    group[sample] += branch(group[sample], turn) * 4 / 2
    for tokens, group in zip(outputs, groups, strict=True):
        torch.testing.assert_close(tokens.cls, model.norm(group)[:, 0], **EXACT)
        torch.testing.assert_close(tokens.patches, model.norm(group)[:, 3:], **EXACT)


def test_gradients_of_a_packed_pass_equal_those_of_separate_ones():
    model, images = made(), pictures((32, 48), (16, 64))

    def gradients(outputs):
        model.zero_grad()
        sum(tokens.cls.square().sum() + tokens.patches.sum() for tokens in outputs).backward()
        return {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}

    separate = gradients([model(image) for image in images])
    packed = gradients(model.forward_packed(images))
    assert packed.keys() == {name for name, _ in model.named_parameters()} - {"mask_token"}
    for name, gradient in packed.items():
        torch.testing.assert_close(gradient, separate[name], rtol=1e-4, atol=1e-4)


def test_keys_have_no_bias_whatever_is_stored_and_learn_none():
    model, (image,) = made(), pictures((32, 48))
    before = model(image)
    before.patches.square().sum().backward()
    for block in model.blocks:
        queries, keys, values = block.attn.qkv.bias.grad.chunk(3)
        assert not keys.any() and queries.any() and values.any()
    with torch.no_grad():
        for block in model.blocks:
            block.attn.qkv.bias.chunk(3)[1].fill_(7.0)
        assert torch.equal(model(image).patches, before.patches)
        full = core.VisionTransformer(dataclasses.replace(TINY, qkv_bias="full")).eval()
        full.load_state_dict(model.state_dict())
        assert not torch.allclose(full(image).patches, before.patches, atol=1e-2)


def test_a_7b_has_no_bias_in_attention():
    names = [name for name, _ in made_7b().named_parameters() if "qkv" in name]
    assert names and all(name.endswith("weight") for name in names)


def made_7b() -> core.VisionTransformer:
    return core.VisionTransformer(dataclasses.replace(TINY, qkv_bias="none", ffn="swiglu"))


@torch.no_grad()
def test_only_a_pass_of_training_moves_the_places():
    still, moving = made(), made(rope_shift=0.2, rope_jitter=1.5, rope_rescale=2.0)
    images = pictures((32, 48), (64, 64))
    for one, other in zip(still.forward_packed(images), moving.forward_packed(images), strict=True):
        assert torch.equal(one.patches, other.patches)

    def trained(model, seed):
        return model.forward_packed(images, generator=torch.Generator().manual_seed(seed))[1].patches

    assert torch.equal(trained(still, 0), still(images[1]).patches)
    assert torch.equal(trained(moving, 0), trained(moving, 0))
    assert not torch.allclose(trained(moving, 0), trained(moving, 1), atol=1e-3)


@pytest.mark.parametrize(
    ("changes", "stretched", "moved"),
    [({"rope_rescale": 2.0}, 2.0, 0.0), ({"rope_jitter": 1.5}, 1.5, 0.0), ({"rope_shift": 0.3}, 1.0, 0.3)],
)
def test_places_are_moved_within_what_the_model_says(changes, stretched, moved):
    """Read from the first period, 1, of two patches at -1/2 and 1/2, whose angles stay below π where nothing moves."""
    config, generator = (
        dataclasses.replace(TINY, registers=0, rope_base=1e4, **changes),
        torch.Generator().manual_seed(0),
    )
    scales, shifts = [], []
    for _ in range(200):
        turn = rotation(config, [(1, 2, 2)], CPU, generator)
        angles = torch.atan2(turn.sin, turn.cos)[1:, [3, 7]] / (2 * math.pi) * 1e4**0.75  # the longest period: no wrap
        y, x = angles[[0, 3]].T
        scales.append(torch.stack([y[1] - y[0], x[1] - x[0]]))
        shifts.append(torch.stack([y.mean(), x.mean()]))
    scales, shifts = torch.stack(scales), torch.stack(shifts)
    assert 1 / stretched - 1e-3 < scales.min() and scales.max() < stretched + 1e-3
    assert shifts.abs().max() < moved + 1e-3
    if stretched > 1:
        assert scales.max() > 0.9 * stretched and scales.min() < 1.1 / stretched
        assert torch.allclose(scales[:, 0], scales[:, 1], atol=1e-3) == ("rope_rescale" in changes)
    if moved:
        assert shifts.max() > 0.9 * moved and not torch.allclose(shifts[:, 0], shifts[:, 1], atol=1e-2)


@torch.no_grad()
def test_attention_is_of_rotated_queries_and_keys():
    model, (image,) = made(), pictures((32, 48))
    weights = model.attention(image, layer=1)
    qkv, packing = model.capture(image, 1)
    q, k, v = packing.split(qkv)[0].permute(2, 0, 3, 1, 4)
    torch.testing.assert_close(weights, (q @ k.mT / 4).softmax(-1), **EXACT)
    x, _ = model._embed([image], None)
    assert torch.equal(packing.rotation.sin, rotation(TINY, [(2, 2, 3)], CPU).sin)
    mixed = model.blocks[1].attn(model.blocks[1].norm1(model.blocks[0](x, packing)), packing)
    by_hand = model.blocks[1].attn.proj((weights @ v).transpose(1, 2).flatten(2).flatten(0, 1))
    torch.testing.assert_close(mixed, by_hand, **EXACT)


def test_bfloat16_stays_close():
    """Keys' stored biases, which do not count, are left out of its twin too."""
    model = made(width=192, heads=3, ffn="swiglu")
    (image,) = pictures((96, 128))
    from core.model.precision import inference

    with torch.inference_mode(), inference(model, "bfloat16") as twin:
        cosines = cosine_similarity(twin(image).patches, model(image).patches, dim=-1)
    assert twin is not model and cosines.min() > 0.99


def test_a_model_without_a_table_says_so():
    model = made()
    assert "pos_embed" not in model.state_dict() and model.device == CPU
    with pytest.raises(core.RequestError, match="no table"):
        model.position_embedding(2, 2)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"heads": 8}, "multiple of 4 wide"),
        ({"positions": "sine"}, "'learned' or 'rope'"),
        ({"qkv_bias": "some"}, "'full' or 'no_key' or 'none'"),
        ({"rope_rounded": 1}, "rope_rounded"),
        ({"rope_base": 1.0}, "rope_base"),
        ({"rope_rescale": 0.5}, "rope_rescale"),
        ({"norm_eps": 0.0}, "norm_eps"),
    ],
)
def test_a_shape_that_cannot_be_is_refused(changes, message):
    with pytest.raises(core.RequestError, match=message):
        dataclasses.replace(TINY, **changes)


def test_rows_are_chosen_together():
    turn = rotation(TINY, [(1, 1, 2)], CPU)
    assert turn.rows(torch.tensor([4, 0])).cos.tolist() == turn.cos[[4, 0]].tolist()
    assert isinstance(turn.rows(torch.tensor([1])), Rotation)
