"""DINOv3 in its two layouts: the numbers of transformers, those of an independent reference, and the way back."""

import dataclasses
import json
import math

import pytest
import torch
from safetensors.torch import save, save_file

import core
from core import exchange
from core.records import runs
from core.weights import dinov3, layouts
from core.weights.names import PUBLISHED, SATELLITE
from tests.data.dinov3 import SHAPES, TINY, is_factor, made
from tests.hub_server import Hub

EXACT = {"rtol": 0.0, "atol": 1e-5}
SIZES = [(64, 64), (96, 160), (16, 48), (512, 384)]


@pytest.fixture(params=SHAPES)
def model(request):
    return made(SHAPES[request.param])


def everything(tokens):
    return torch.cat([tokens.cls.unsqueeze(1), tokens.registers, tokens.patches], dim=1)


def pixels(height, width, count=2):
    return torch.randn(count, 3, height, width, generator=torch.Generator().manual_seed(1))


@torch.no_grad()
def reference(state, x, heads, patch=16, eps=1e-5):
    """All tokens of pictures, from weights under official names, by loops over heads and complex numbers."""
    prefix = [state["cls_token"][0], *([state["storage_tokens"][0]] if "storage_tokens" in state else [])]
    width, depth = prefix[0].shape[1], sum(key.endswith("norm1.weight") for key in state)
    half = width // heads // 2
    outputs = []
    for picture in x:
        grid = torch.nn.functional.conv2d(
            picture[None], state["patch_embed.proj.weight"], state["patch_embed.proj.bias"], stride=patch
        )[0]
        rows, columns = grid.shape[1:]
        tokens = torch.cat([*prefix, grid.reshape(width, -1).T])
        angles = torch.zeros(len(tokens), half)
        for n in range(rows * columns):
            y, x_ = 2 * ((n // columns) + 0.5) / rows - 1, 2 * ((n % columns) + 0.5) / columns - 1
            for i, period in enumerate(state["rope_embed.periods"].float().tolist()):
                angles[len(tokens) - rows * columns + n, i] = 2 * math.pi * y / period
                angles[len(tokens) - rows * columns + n, half // 2 + i] = 2 * math.pi * x_ / period
        turn = torch.polar(torch.ones_like(angles), angles)

        def norm(z, name):
            centred = z - z.mean(1, keepdim=True)
            spread = (centred.square().mean(1, keepdim=True) + eps).sqrt()
            return centred / spread * state[f"{name}.weight"] + state[f"{name}.bias"]

        for i in range(depth):
            weights = {
                key.removeprefix(f"blocks.{i}."): v for key, v in state.items() if key.startswith(f"blocks.{i}.")
            }
            qkv = norm(tokens, f"blocks.{i}.norm1") @ weights["attn.qkv.weight"].T
            if "attn.qkv.bias" in weights:
                qkv = qkv + weights["attn.qkv.bias"] * weights.get("attn.qkv.bias_mask", 1)
            mixed = []
            for head in range(heads):
                q, k, v = (part[:, head * 2 * half : (head + 1) * 2 * half] for part in qkv.split(width, dim=1))
                q, k = (torch.complex(z[:, :half], z[:, half:]) * turn for z in (q, k))
                scores = (q @ k.conj().T).real / math.sqrt(2 * half)
                mixed.append(scores.softmax(dim=1) @ v)
            attended = torch.cat(mixed, 1) @ weights["attn.proj.weight"].T + weights["attn.proj.bias"]
            tokens = tokens + attended * weights["ls1.gamma"]
            z = norm(tokens, f"blocks.{i}.norm2")
            if "mlp.w1.weight" in weights:
                gate, value = (z @ weights[f"mlp.w{j}.weight"].T + weights[f"mlp.w{j}.bias"] for j in (1, 2))
                z, last = gate * gate.sigmoid() * value, "w3"
            else:
                z = z @ weights["mlp.fc1.weight"].T + weights["mlp.fc1.bias"]
                z, last = z * (1 + torch.erf(z / math.sqrt(2))) / 2, "fc2"
            tokens = tokens + (z @ weights[f"mlp.{last}.weight"].T + weights[f"mlp.{last}.bias"]) * weights["ls2.gamma"]
        outputs.append(norm(tokens, "norm"))
    return torch.stack(outputs)


@torch.no_grad()
def test_an_official_file_computes_what_an_independent_reference_does(model, tmp_path):
    """With periods in bfloat16, as the published files hold them, and a bias of keys that is stored and does not count."""
    state = layouts.to_official(model.state_dict(), model.config)
    state["rope_embed.periods"] = state["rope_embed.periods"].bfloat16()
    state |= {"local_cls_norm.weight": torch.ones(48), "local_cls_norm.bias": torch.zeros(48)}
    for key, value in state.items():
        if key.endswith("qkv.bias") and model.config.qkv_bias == "no_key":
            value.chunk(3)[1].fill_(5.0)
    torch.save(state, tmp_path / "official.pth")
    loaded = core.load_model(tmp_path / "official.pth", device="cpu")
    assert loaded.config == dataclasses.replace(model.config, rope_rounded=True)
    assert loaded.default_size == 512 and "assumed" not in loaded.source.note
    for height, width in SIZES[:3]:
        x = pixels(height, width)
        torch.testing.assert_close(everything(loaded(x)), reference(state, x, 3), **EXACT)


@torch.no_grad()
def test_the_rounding_of_periods_counts(tmp_path):
    """Or the test above could not tell rounded periods, or any positions, from others."""
    exact = made(TINY)
    rounded = core.VisionTransformer(dataclasses.replace(TINY, rope_rounded=True)).eval()
    rounded.load_state_dict(exact.state_dict())
    assert (exact(pixels(64, 64)).patches - rounded(pixels(64, 64)).patches).abs().max() > 1e-4


def test_official_names_go_there_and_back(model):
    """The names are the published ones, and reading them changes nothing."""
    state = model.state_dict()
    official = layouts.to_official(state, model.config)
    assert "storage_tokens" in official or not model.config.registers
    assert ("blocks.0.mlp.w1.weight" in official) == (model.config.ffn == "swiglu")
    assert ("blocks.2.attn.qkv.bias_mask" in official) == (model.config.qkv_bias == "no_key")
    back = layouts.to_ours(official)
    assert layouts.infer_config(back) == model.config
    del back[dinov3.PERIODS]
    assert back.keys() == state.keys() and all(torch.equal(back[key], state[key]) for key in state)


def theirs_like(config):
    from transformers import AutoModel, DINOv3ViTConfig

    described = layouts.config_to_hugging_face(config)
    torch.manual_seed(0)
    model = AutoModel.from_config(DINOv3ViTConfig(**described)).eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.normal_(mean=float(is_factor(name)), std=0.12)
    return model


@pytest.mark.parametrize("name", SHAPES)
@torch.no_grad()
def test_transformers_models_load_and_compute_the_same(name, tmp_path):
    theirs = theirs_like(SHAPES[name])
    theirs.save_pretrained(tmp_path / "theirs")
    ours = core.load_model(tmp_path / "theirs", device="cpu")
    assert ours.config == SHAPES[name] and ours.default_size == 512 and not ours.source.note
    for height, width in SIZES:
        x = pixels(height, width)
        torch.testing.assert_close(everything(ours(x)), theirs(pixel_values=x).last_hidden_state, **EXACT)
    mask = torch.rand(2, 60, generator=torch.Generator().manual_seed(2)) < 0.4
    x = pixels(96, 160)
    expected = theirs(pixel_values=x, bool_masked_pos=mask).last_hidden_state
    torch.testing.assert_close(everything(ours(x, mask)), expected, **EXACT)


@torch.no_grad()
def test_our_models_load_in_transformers_and_compute_the_same(model, tmp_path):
    from transformers import AutoModel

    folder = exchange.to_hugging_face(model, tmp_path / "ours")
    theirs, report = AutoModel.from_pretrained(folder, output_loading_info=True)
    assert not report["missing_keys"] and not report["unexpected_keys"] and not report["mismatched_keys"]
    for height, width in SIZES:
        x = pixels(height, width)
        torch.testing.assert_close(everything(model(x)), theirs.eval()(pixel_values=x).last_hidden_state, **EXACT)
    again = core.load_model(folder, device="cpu")
    assert again.config == model.config and again.default_size == model.default_size
    assert all(torch.equal(again.state_dict()[key], value) for key, value in model.state_dict().items())


def test_the_export_of_rounded_periods_says_that_transformers_differs(tmp_path, caplog):
    rounded = made(dataclasses.replace(TINY, rope_rounded=True))
    folder = exchange.to_hugging_face(rounded, tmp_path / "ours")
    assert "transformers computes the periods of RoPE in float32" in caplog.text
    assert core.load_model(folder, device="cpu").config == rounded.config


def test_a_run_of_ours_comes_back_exactly(model, tmp_path):
    loaded = core.load_model(runs.save_backbone(model, tmp_path / "run" / runs.BACKBONE), device="cpu")
    assert loaded.config == model.config
    assert all(torch.equal(loaded.state_dict()[key], value) for key, value in model.state_dict().items())


def test_weights_alone_tell_the_published_shapes():
    """`model.safetensors` fetched by hand says nothing else; head widths of 64, and 128 in 7B, follow from the width."""
    for name, config in core.BACKBONES.items():
        if config.positions == "rope":
            with torch.device("meta"):
                state = core.VisionTransformer(config).state_dict()
            if config.qkv_bias != "none":
                state["blocks.0.attn.qkv.bias"] = torch.zeros(3 * config.width)
            assert layouts.infer_config(state) == config, name
            assert config.default_size == 512


def test_a_file_of_transformers_without_its_description_opens(tmp_path):
    shape = dataclasses.replace(TINY, width=128, heads=2, depth=1)
    model = made(shape)
    save_file(layouts.to_hugging_face(model.state_dict(), shape), tmp_path / "model.safetensors")
    loaded = core.load_model(tmp_path / "model.safetensors", device="cpu")
    assert loaded.config == shape and torch.equal(loaded(pixels(64, 64)).cls, model(pixels(64, 64)).cls)


@pytest.mark.parametrize(
    ("periods", "message"),
    [
        (torch.tensor([1.0, 7.0, 8.0, 30.0]), "does not follow from a base"),
        (torch.ones(5), "5 periods, which no heads of a width of 48"),
        (torch.ones(0), "0 periods"),
        (torch.tensor([1.0, 2.0, float("nan"), 3.0]), "does not follow from a base"),
        (torch.tensor([1.0, 2.0, 3.0, float("inf")]), "rope_base"),
    ],
)
def test_other_periods_are_refused(tmp_path, periods, message):
    torch.save(layouts.to_official(made(TINY).state_dict(), TINY) | {dinov3.PERIODS: periods}, tmp_path / "odd.pth")
    with pytest.raises(core.ModelError, match=message):
        core.load_model(tmp_path / "odd.pth", device="cpu")


def test_norms_of_cls_tokens_apart_are_refused_by_name(tmp_path):
    state = layouts.to_official(made(TINY).state_dict(), TINY)
    torch.save(state | {"cls_norm.weight": torch.ones(48), "cls_norm.bias": torch.zeros(48)}, tmp_path / "untied.pth")
    with pytest.raises(core.ModelError, match=r"unexpected cls_norm\.bias, cls_norm\.weight"):
        core.load_model(tmp_path / "untied.pth", device="cpu")


@pytest.mark.parametrize("lost", ["layer.1.attention.v_proj.weight", "layer.1.mlp.gate_proj.bias", "norm.weight"])
def test_an_incomplete_file_says_what_it_lacks(tmp_path, lost):
    shape = SHAPES["plus"]
    state = layouts.to_hugging_face(made(shape).state_dict(), shape)
    del state[lost]
    save_file(state, tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_text(json.dumps(layouts.config_to_hugging_face(shape)))
    with pytest.raises(core.ModelError, match=r"lacks its (v|gate_proj)|missing norm.weight"):
        core.load_model(tmp_path, device="cpu")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"hidden_act": "silu"}, "only 'gelu'"),
        ({"use_gated_mlp": True}, "only 'silu'"),
        ({"proj_bias": False}, "proj_bias to False"),
        ({"value_bias": False}, "supported are all, all but key_bias, and none"),
        ({"query_bias": "yes"}, "give true or false"),
        ({"use_gated_mlp": True, "hidden_act": "silu", "intermediate_size": 100}, "multiples of 8"),
        ({"num_attention_heads": 8}, "multiple of 4 wide"),
        ({"rope_theta": float("nan")}, "rope_base"),
        ({"hidden_size": 0}, "ViTConfig.width"),
        ({"intermediate_size": "many"}, "config.json does not describe"),
        ({"patch_size": [16, 16]}, "config.json does not describe"),
        ({"pos_embed_rescale": 1e9}, "rope_rescale"),
    ],
    ids=str,
)
def test_a_description_that_is_not_supported_is_refused_in_a_sentence(tmp_path, values, message):
    (tmp_path / "config.json").write_text(json.dumps(layouts.config_to_hugging_face(TINY) | values))
    with pytest.raises(core.ModelError, match=message):
        layouts.read_hugging_face_config(tmp_path / "config.json")


@pytest.fixture
def hub(tmp_path, monkeypatch):
    server = Hub({})
    monkeypatch.setenv("HF_ENDPOINT", server.url)
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    yield server
    server.shutdown()


def test_a_gated_model_says_what_to_accept_where_and_which_token_to_set(hub, monkeypatch):
    """Nobody can guess it. With a token it also says why that may not do."""
    repository = PUBLISHED["dinov3-base"].name
    hub.files[repository], hub.fault = {"model.safetensors": b""}, "gated"
    with pytest.raises(core.HubError) as error:
        core.load_model("dinov3-base")
    assert f"accept its terms at {hub.url}/{repository}" in str(error.value)
    assert "HF_TOKEN" in str(error.value) and str(error.value).endswith("`hf auth login`.")
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    with pytest.raises(core.HubError, match=r"`hf auth login`. The token in use was refused.*right to read gated"):
        core.load_model("dinov3-base")


def test_published_models_come_from_one_file_or_from_several(hub, monkeypatch):
    """As the hub has them: small in one file, 7B in several that an index names."""
    shape = dataclasses.replace(core.BACKBONES["dinov3-7b"], width=128, heads=1, depth=1)
    monkeypatch.setitem(core.BACKBONES, "dinov3-7b", shape)
    state = layouts.to_hugging_face(made(shape).state_dict(), shape)
    parts = {"a.safetensors": dict(list(state.items())[:9]), "b.safetensors": dict(list(state.items())[9:])}
    index = {"weight_map": {key: file for file, part in parts.items() for key in part}}
    files = {file: save(part) for file, part in parts.items()} | {
        "model.safetensors.index.json": json.dumps(index).encode()
    }
    hub.files[PUBLISHED["dinov3-7b"].name] = files
    loaded = core.load_model("dinov3-7b", device="cpu")
    assert torch.equal(loaded(pixels(32, 64)).cls, made(shape)(pixels(32, 64)).cls)
    source = loaded.source
    assert (source.title, source.licence) == ("DINOv3 ViT-7B/16", "DINOv3 License") and len(source.sha256) == 64
    assert loaded.default_size == 512


def test_models_of_satellite_pictures_say_that_pictures_are_prepared_otherwise(hub):
    for repository, said in ((SATELLITE[0], "satellite pictures, normalised by their own"), ("owner/tiny", "")):
        hub.files[repository] = {
            "model.safetensors": save(layouts.to_hugging_face(made(TINY).state_dict(), TINY)),
            "config.json": json.dumps(layouts.config_to_hugging_face(TINY)).encode(),
        }
        note = core.load_model(f"hf:{repository}", device="cpu").source.note
        assert said in note and bool(note) == bool(said)
