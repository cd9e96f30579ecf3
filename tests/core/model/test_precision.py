"""The bfloat16 twin: close to float32 on real photographs, never stale, and without a trace on the model."""

import gc
import threading
import weakref

import pytest
import torch
from torch.nn.functional import cosine_similarity

import core
from core.model.precision import _can_pack, has_fast_bfloat16, inference
from core.pictures.gallery import samples


def rough_model(seed: int = 0) -> core.VisionTransformer:
    """ViT-S of 6 blocks with what makes trained weights hard to round: strong LayerScale, uneven and huge channels."""
    generator = torch.Generator().manual_seed(seed)
    model = core.VisionTransformer(core.ViTConfig(depth=6, layer_scale=0.5)).eval()
    model.initialise(generator)
    with torch.no_grad():
        for block in model.blocks:
            for norm in (block.norm1, block.norm2):
                norm.weight.copy_(torch.rand(384, generator=generator) * 2)
                norm.bias.normal_(std=0.1, generator=generator)
            block.attn.qkv.weight.mul_(2.5)
            block.mlp.fc2.weight[7] *= 30  # a channel of massive activations, of either sign
    return model


@pytest.fixture(scope="module")
def photographs():
    return [core.load_image(sample.path) for sample in samples()[:3]]


def test_float32_gives_the_models_own_numbers(photographs):
    model = rough_model()
    feature_map = core.extract(model, photographs[0], size=224, precision="float32")
    pixels, _ = core.features.preprocess(photographs[0], 224, 14)
    with torch.no_grad():
        tokens = model(pixels[None])
    torch.testing.assert_close(feature_map.patches.flatten(0, 1), tokens.patches[0], rtol=0, atol=1e-5)
    torch.testing.assert_close(feature_map.cls, tokens.cls[0], rtol=0, atol=1e-5)


def test_bfloat16_stays_close_on_photographs(photographs):
    model = rough_model()
    exact = core.extract(model, photographs, size=322, precision="float32")
    rounded = core.extract(model, photographs, size=322, precision="bfloat16")
    cosines = torch.cat(
        [cosine_similarity(a.patches, b.patches, dim=-1).flatten() for a, b in zip(exact, rounded, strict=True)]
    )
    assert cosines.median() >= 0.999 and cosines.quantile(0.01) >= 0.995
    assert not torch.equal(exact[0].patches, rounded[0].patches)
    assert rounded[0].patches.dtype == torch.float32


def test_auto_follows_the_processor(photographs):
    model = rough_model()
    fast = has_fast_bfloat16(torch.device("cpu"))
    expected = core.extract(model, photographs[0], size=98, precision="bfloat16" if fast else "float32")
    assert torch.equal(core.extract(model, photographs[0], size=98).patches, expected.patches)


@torch.no_grad()
def test_the_twin_is_kept_until_the_weights_change():
    model, pixels = rough_model(), torch.randn(1, 3, 56, 56, generator=torch.Generator().manual_seed(1))

    def tokens():
        with inference(model, "bfloat16") as twin:
            return twin(pixels).cls

    with inference(model, "bfloat16") as first, inference(model, "bfloat16") as second:
        assert first is second is not model
    before = tokens()
    model.blocks[0].mlp.fc1.weight.mul_(1.5)
    changed = tokens()
    assert not torch.equal(before, changed)
    model.load_state_dict(rough_model(seed=3).state_dict())
    assert not torch.equal(changed, tokens())


def test_the_model_itself_is_left_alone():
    model = rough_model()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    with inference(model, "bfloat16") as twin:
        twin(torch.randn(1, 3, 28, 28))
    assert all(torch.equal(model.state_dict()[name], tensor) for name, tensor in before.items())
    assert all(parameter.dtype == torch.float32 and parameter.requires_grad for parameter in model.parameters())


def test_the_twin_goes_with_its_model():
    model = rough_model()
    with inference(model, "bfloat16") as twin:
        gone = weakref.ref(twin)
    del model, twin
    gc.collect()
    assert gone() is None


def test_threads_share_one_twin():
    model, twins = rough_model(), []

    def work():
        with inference(model, "bfloat16") as twin:
            twins.append(twin)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({id(twin) for twin in twins}) == 1


def test_a_swiglu_model_has_a_twin_too():
    config = core.ViTConfig(width=64, depth=2, heads=2, image_size=56, ffn="swiglu", layer_scale=1.0, registers=4)
    model = core.VisionTransformer(config).eval()
    pixels = torch.randn(1, 3, 56, 42, generator=torch.Generator().manual_seed(0))
    with torch.no_grad(), inference(model, "bfloat16") as twin:
        assert cosine_similarity(twin(pixels).patches, model(pixels).patches, dim=-1).min() > 0.99


def test_another_precision_is_refused(photographs):
    with pytest.raises(core.RequestError, match="bfloat16"):
        core.extract(rough_model(), photographs[0], size=56, precision="int4")


def test_without_the_packed_operator_layers_stay_as_they_are_and_a_line_says_so(monkeypatch, caplog):
    def missing(*_):
        raise RuntimeError("no such operator")

    _can_pack.cache_clear()
    monkeypatch.setattr("core.model.precision._PackedLinear", missing)
    try:
        assert not _can_pack() and not _can_pack()
        assert [record.message for record in caplog.records].count(caplog.records[0].message) == 1
        assert "not packed" in caplog.text
    finally:
        _can_pack.cache_clear()
