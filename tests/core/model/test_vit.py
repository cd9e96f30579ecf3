"""The ViT against the reference implementation's numbers, and the packed pass against separate ones."""

import dataclasses
import math

import pytest
import torch

import core
from core.model.attention import Packing, draw_subset
from tests import data

SIZES = ["native", "larger", "smaller"]
EXACT = {"rtol": 0.0, "atol": 1e-5}


@pytest.fixture(params=data.NAMES)
def golden(request):
    """(model, the reference's tensors by name)."""
    return data.model(request.param), data.load(request.param)


@pytest.fixture
def plain():
    return data.model("vit_plain"), data.load("vit_plain")


def test_a_model_made_in_memory_has_no_source():
    with pytest.raises(core.ModelError, match="made in memory"):
        core.VisionTransformer(core.ViTConfig(width=12, depth=1, heads=2)).loaded_from()
    assert core.load_model("untrained").loaded_from().name == "untrained"


def assert_tokens(tokens, truth, prefix):
    torch.testing.assert_close(tokens.cls, truth[f"{prefix}cls"], **EXACT)
    torch.testing.assert_close(tokens.patches, truth[f"{prefix}patch"], **EXACT)


@pytest.mark.parametrize("size", SIZES)
@torch.no_grad()
def test_outputs_equal_the_reference(golden, size):
    model, truth = golden
    tokens = model(truth[f"{size}/image"])
    assert_tokens(tokens, truth, f"{size}/")
    if model.config.registers:
        torch.testing.assert_close(tokens.registers, truth[f"{size}/register"], **EXACT)
    assert_tokens(model(truth[f"{size}/image"], truth[f"{size}/mask"]), truth, f"{size}/masked_")


def test_patches_are_embedded_as_by_the_convolution_they_are_stored_as(plain):
    embed, pixels = plain[0].patch_embed, torch.randn(2, 3, 42, 70, generator=torch.Generator().manual_seed(0))
    tokens, slow = embed(pixels), embed.proj(pixels).flatten(2).transpose(1, 2)
    assert torch.allclose(tokens, slow, atol=1e-5)
    weight = embed.proj.weight
    (fast,), (expected,) = (torch.autograd.grad(one.square().sum(), weight) for one in (tokens, slow))
    assert torch.allclose(fast, expected, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("size", SIZES)
@torch.no_grad()
def test_every_layer_equals_the_reference(golden, size):
    model, truth = golden
    for index, tokens in enumerate(model.intermediate(truth[f"{size}/image"], layers=2)):
        assert_tokens(tokens, truth, f"{size}/layer{index}_")
    (raw,) = model.intermediate(truth[f"{size}/image"], layers=[-1], norm=False)
    everything = torch.cat([raw.cls.unsqueeze(1), raw.registers, raw.patches], dim=1)
    torch.testing.assert_close(everything, truth[f"{size}/prenorm"], **EXACT)


@pytest.mark.parametrize("size", ["larger", "smaller"])
def test_position_embeddings_resize_as_published(golden, size):
    model, truth = golden
    rows, columns = (side // 14 for side in truth[f"{size}/image"].shape[2:])
    torch.testing.assert_close(model.position_embedding(rows, columns), truth[f"{size}/pos_embed"], **EXACT)


@torch.no_grad()
def test_the_two_conventions_differ(plain):
    """Or the fixtures could not tell one from the other."""
    model, truth = plain
    other = core.VisionTransformer(dataclasses.replace(model.config, pos_offset=0.0, pos_antialias=True)).eval()
    other.load_state_dict(model.state_dict())
    assert (other(truth["smaller/image"]).patches - truth["smaller/patch"]).abs().max() > 1e-3


@torch.no_grad()
def test_packed_equals_separate_passes(golden):
    model, truth = golden
    images = [truth[f"{size}/image"] for size in SIZES]
    masks = [truth["native/mask"], None, truth["smaller/mask"]]
    packed = model.forward_packed(images, masks)
    for image, mask, tokens in zip(images, masks, packed, strict=True):
        for part, alone in zip(tokens, model(image, mask), strict=True):
            torch.testing.assert_close(part, alone, **EXACT)


def test_packed_gradients_equal_separate_passes(plain):
    model, truth = plain
    images = [truth["native/image"], truth["smaller/image"]]

    def gradients(outputs):
        model.zero_grad()
        sum(tokens.cls.square().sum() + tokens.patches.sum() for tokens in outputs).backward()
        return {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}

    separate = gradients([model(image) for image in images])
    for name, gradient in gradients(model.forward_packed(images)).items():
        torch.testing.assert_close(gradient, separate[name], rtol=1e-4, atol=1e-4)


@torch.no_grad()
def test_stochastic_depth_equals_a_slow_reference(plain):
    """Per sample: each branch is added with weight samples/kept where kept, and not at all where dropped."""
    model, truth = plain
    image, rate = truth["native/image"].repeat(3, 1, 1, 1), 0.4
    tokens = model.forward_packed([image], drop_rate=rate, generator=torch.Generator().manual_seed(5))[0]

    generator = torch.Generator().manual_seed(5)
    x, packing = model._embed([image], None)
    x = packing.split(x)[0].clone()
    for block in model.blocks:
        for branch in (
            lambda t, p, b=block: b.ls1(b.attn(b.norm1(t), p)),
            lambda t, p, b=block: b.ls2(b.mlp(b.norm2(t))),
        ):
            length = x.shape[1]
            kept = torch.randperm(6, generator=generator)[:3].tolist()  # int(6 · 0.6) = 3
            before = x.clone()
            for sample in kept:
                x[sample] = before[sample] + branch(before[sample], Packing(((1, length),))) * 6 / 3
    expected = model.norm(x)
    torch.testing.assert_close(tokens.cls, expected[:, 0], **EXACT)
    torch.testing.assert_close(tokens.patches, expected[:, 1:], **EXACT)


def test_stochastic_depth_skips_the_dropped_samples_computation(plain):
    model, truth = plain
    rows = []
    model.blocks[0].mlp.register_forward_hook(lambda _, inputs, __: rows.append(len(inputs[0])))
    image = truth["native/image"].repeat(5, 1, 1, 1)  # 10 samples of 26 tokens
    model.forward_packed([image], drop_rate=0.3, generator=torch.Generator().manual_seed(0))
    assert rows == [7 * 26]


@pytest.mark.parametrize("rate", [0.1, 0.4, 0.99])
def test_a_subset_keeps_whole_samples_and_at_least_one_of_each_group(rate):
    packing = Packing(((4, 3), (2, 5)))
    subset = draw_subset(packing, rate, torch.device("cpu"), torch.Generator().manual_seed(1))
    kept = [samples for samples, _ in subset.packing.groups]
    assert kept == [max(int(4 * (1 - rate)), 1), max(int(2 * (1 - rate)), 1)]
    assert len(subset.index) == len(subset.scale) == subset.packing.rows
    starts = subset.index[: kept[0] * 3].view(kept[0], 3)
    assert torch.equal(starts - starts[:, :1], torch.arange(3).expand(kept[0], 3)) and (starts[:, 0] % 3 == 0).all()


def test_stochastic_depth_needs_a_generator(plain):
    model, truth = plain
    with pytest.raises(core.RequestError, match=r"torch\.Generator"):
        model.forward_packed([truth["native/image"]], drop_rate=0.3)


@torch.no_grad()
def test_captured_attention_is_what_the_fast_path_mixes(golden):
    """The explicit weights, applied to the values, give the attention output that the block computes."""
    model, truth = golden
    image = truth["larger/image"]
    weights = model.attention(image, layer=1)
    torch.testing.assert_close(weights.sum(-1), torch.ones(weights.shape[:-1]))
    seen = []
    hook = model.blocks[1].attn.proj.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    model(image)
    hook.remove()
    qkv, packing = model.capture(image, layer=1)
    values = packing.split(qkv)[0][:, :, 2].transpose(1, 2)  # [B, A, T, E]
    mixed = (weights @ values).transpose(1, 2).flatten(0, 1).flatten(1)
    torch.testing.assert_close(mixed, seen[0], **EXACT)
    one = model.attention(image, layer=1, queries=[0])
    torch.testing.assert_close(one, weights[:, :, :1], **EXACT)


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("dinov2-small", 22_056_576),
        ("dinov2-base", 86_580_480),
        ("dinov2-large", 304_368_640),
        ("dinov2-giant", 1_136_480_768),
        ("dinov2-small-reg", 22_058_112),
        ("dinov2-giant-reg", 1_136_486_912),
    ],
)
def test_published_sizes(name, parameters):
    with torch.device("meta"):
        model = core.VisionTransformer(core.BACKBONES[name])
    assert sum(p.numel() for p in model.parameters()) == parameters
    assert ("register_tokens" in model.state_dict()) == name.endswith("-reg")
    assert model.pos_embed.shape[1] == 37 * 37 + 1


def test_a_free_size_and_other_channels_run():
    config = core.ViTConfig(width=32, depth=1, heads=2, patch=16, image_size=64, channels=5)
    assert core.VisionTransformer(config)(torch.zeros(1, 5, 32, 48)).patches.shape == (1, 6, 32)


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((1, 3, 70, 71), "multiples of 14"),
        ((1, 1, 70, 70), "takes"),
        ((3, 70, 70), "takes"),
        ((1, 3, 0, 70), "multiples"),
    ],
)
def test_wrong_pixels_are_refused(plain, shape, message):
    with pytest.raises(core.RequestError, match=message):
        plain[0](torch.zeros(shape))


def test_wrong_masks_and_layers_are_refused(plain):
    model, truth = plain
    image = truth["native/image"]
    with pytest.raises(core.RequestError, match="mask of shape"):
        model(image, torch.zeros(2, 24, dtype=torch.bool))
    for layers in (4, [3], [-4], [], 0):
        with pytest.raises(core.RequestError, match="blocks 0 to 2"):
            model.intermediate(image, layers=layers)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"width": 50}, "multiple"),
        ({"image_size": 71}, "multiple"),
        ({"width": 24, "heads": 1, "mlp_ratio": 0.01}, "no hidden layer"),
        ({"depth": 0}, "from 1 to "),
        ({"depth": 10**9}, "to 256"),
        ({"width": 10**6, "heads": 1}, "to 16,384"),
        ({"registers": -1}, "from 0 to "),
        ({"depth": 3.0}, "whole number"),
        ({"heads": True}, "whole number"),
        ({"heads": "6"}, "whole number"),
        ({"mlp_ratio": math.nan}, "from 0.01 to 64"),
        ({"mlp_ratio": math.inf}, "from 0.01 to 64"),
        ({"pos_offset": None}, "from -1 to 1"),
        ({"layer_scale": -math.inf}, "from 0 to 100"),
        ({"ffn": "moe"}, "swiglu"),
    ],
)
def test_wrong_configs_are_refused(change, message):
    with pytest.raises(core.RequestError, match=message):
        core.ViTConfig(**change)


@torch.no_grad()
def test_autocast_leaves_what_enters_the_residual_stream_in_float32(plain):
    """The products of the patch embedding are rounded; cls, its position and what the positions add are not."""
    model, truth = plain
    with torch.autocast("cpu", torch.bfloat16):
        entered, packing = model._embed([truth["native/image"]], None)
    cls = packing.split(entered)[0][:, 0]
    assert entered.dtype == torch.float32
    assert torch.equal(cls, (model.cls_token + model.pos_embed[:, :1])[:, 0].expand_as(cls))
