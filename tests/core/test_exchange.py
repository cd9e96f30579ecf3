"""transformers and ONNX compute with our weights what we compute, and we with theirs."""

import dataclasses
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import core
from core import exchange
from core.exchange import ExportError, to_hugging_face, to_onnx
from core.records import runs
from core.weights import layouts
from tests import data
from tests.data.dinov3 import TINY, made

ROOT = Path(__file__).parents[2]
SIZES = [(70, 70), (126, 98), (42, 56)]
EXACT = {"rtol": 0.0, "atol": 1e-5}


def their_config(name):
    from transformers import Dinov2Config, Dinov2WithRegistersConfig

    kind = Dinov2WithRegistersConfig if name == "registers" else Dinov2Config
    return kind(
        hidden_size=48, num_hidden_layers=2, num_attention_heads=3, image_size=70, patch_size=14,
        use_swiglu_ffn=name == "swiglu", **({"num_register_tokens": 4} if name == "registers" else {}),
    )  # fmt: skip


def their_model(name):
    from transformers import AutoModel

    torch.manual_seed(0)
    model = AutoModel.from_config(their_config(name)).eval()
    with torch.no_grad():
        for parameter_name, parameter in model.named_parameters():
            parameter.normal_(mean=float("lambda" in parameter_name), std=0.2)  # LayerScale of 1, so that blocks count
    return model


@torch.no_grad()
def assert_equal_outputs(ours, theirs, sizes=SIZES):
    for height, width in sizes:
        pixels = torch.randn(2, 3, height, width, generator=torch.Generator().manual_seed(1))
        hidden = theirs(pixel_values=pixels).last_hidden_state
        tokens = ours(pixels)
        everything = torch.cat([tokens.cls.unsqueeze(1), tokens.registers, tokens.patches], dim=1)
        torch.testing.assert_close(everything, hidden, **EXACT)


@pytest.mark.parametrize("name", ["plain", "registers", "swiglu"])
def test_their_models_load_and_compute_the_same(name, tmp_path):
    theirs = their_model(name)
    theirs.save_pretrained(tmp_path / "theirs")
    ours = core.load_model(tmp_path / "theirs", device="cpu")
    assert_equal_outputs(ours, theirs)


@pytest.mark.parametrize("name", ["plain", "registers"])
def test_the_backbone_of_their_classifier_loads(name, tmp_path):
    """Facebook publishes the models with linear heads so; the head is left out."""
    from transformers import AutoModelForImageClassification

    torch.manual_seed(0)
    theirs = AutoModelForImageClassification.from_config(their_config(name)).eval()
    theirs.save_pretrained(tmp_path / "theirs")
    ours = core.load_model(tmp_path / "theirs", device="cpu")
    assert_equal_outputs(ours, theirs.base_model)


@pytest.mark.parametrize("name", data.NAMES)
def test_our_models_load_there_and_compute_the_same(name, tmp_path):
    from transformers import AutoModel

    ours = data.model(name)
    if not ours.config.registers:  # transformers has no offset: equal at every size without ours
        ours = _with_config(ours, pos_offset=0.0)
    folder = to_hugging_face(ours, tmp_path / "ours")
    theirs, report = AutoModel.from_pretrained(folder, output_loading_info=True)
    assert not report["missing_keys"] and not report["unexpected_keys"] and not report["mismatched_keys"]
    assert_equal_outputs(ours, theirs.eval())


@torch.no_grad()
def test_published_convention_agrees_there_at_its_own_size_and_differs_elsewhere(tmp_path, caplog):
    """The truth that `to_hugging_face` logs: transformers knows no offset of 0.1."""
    from transformers import AutoModel

    ours = data.model("vit_plain")
    theirs = AutoModel.from_pretrained(to_hugging_face(ours, tmp_path / "ours")).eval()
    assert "at 70×70 only" in caplog.text
    assert_equal_outputs(ours, theirs, sizes=[(70, 70)])
    pixels = torch.randn(1, 3, 126, 98, generator=torch.Generator().manual_seed(1))
    difference = (ours(pixels).patches - theirs(pixel_values=pixels).last_hidden_state[:, 1:]).abs().max()
    assert 1e-4 < difference < 1


def test_the_command_writes_what_it_says(tmp_path):
    made = data.model("vit_registers")
    made.default_size = 154
    path = runs.save_backbone(made, tmp_path / runs.BACKBONE)
    command = [sys.executable, "-m", "core.exchange", "--to", "huggingface"]
    done = subprocess.run(
        [*command, "--model", str(path), "--out", str(tmp_path / "theirs")],
        capture_output=True,
        text=True,
        timeout=120,
        cwd=ROOT,
    )
    assert done.returncode == 0 and "Wrote" in done.stdout, done.stderr
    again = core.load_model(tmp_path / "theirs", device="cpu")
    assert again.config == made.config and again.default_size == 154
    failed = subprocess.run(
        [*command, "--model", "nothing", "--out", "x"], capture_output=True, text=True, timeout=120, cwd=ROOT
    )
    assert failed.returncode == 2
    assert failed.stderr.strip().startswith("python -m core.exchange: There is no model 'nothing'")


def test_missing_onnx_packages_are_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(ExportError, match="pip install onnx onnxscript onnxruntime"):
        to_onnx(data.model("vit_plain"), tmp_path / "model.onnx", (70, 70))


def test_a_model_too_large_for_one_onnx_file_is_refused_at_once(tmp_path):
    with torch.device("meta"):
        giant = core.VisionTransformer(core.BACKBONES["dinov2-giant"])
    with pytest.raises(ExportError, match=r"4\.2 GiB"):
        to_onnx(giant, tmp_path / "giant.onnx")


def test_an_exported_folder_comes_back_with_its_own_convention(tmp_path):
    ours = data.model("vit_plain")
    again = core.load_model(to_hugging_face(ours, tmp_path / "ours"), device="cpu")
    assert again.config == ours.config
    for key, value in ours.state_dict().items():
        assert torch.equal(again.state_dict()[key], value), key


def test_names_go_there_and_back():
    for name in data.NAMES:
        model = data.model(name)
        state = model.state_dict()
        back = layouts.to_ours(layouts.to_hugging_face(state, model.config))
        assert back.keys() == state.keys() and all(torch.equal(back[key], state[key]) for key in state)


def test_a_shape_that_transformers_cannot_describe_is_refused(tmp_path):
    model = core.VisionTransformer(core.ViTConfig(width=48, depth=1, heads=3, image_size=70, mlp_ratio=3.5))
    with pytest.raises(ExportError, match=r"mlp_ratio of 3\.5.*whole"):
        to_hugging_face(model, tmp_path / "ours")
    assert list(tmp_path.iterdir()) == []


def test_dinov2_with_dinov3s_norms_and_biases_cannot_be_described_there():
    with pytest.raises(ExportError, match="norm_eps and qkv_bias"):
        layouts.config_to_hugging_face(core.ViTConfig(norm_eps=1e-5))


def test_nothing_is_overwritten(tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("dear")
    with pytest.raises(core.RequestError, match="not an empty folder"):
        to_hugging_face(data.model("vit_plain"), tmp_path / "mine")


@pytest.mark.slow
@pytest.mark.parametrize("name", data.NAMES)
def test_onnx_computes_the_same_for_any_batch(name, tmp_path):
    import onnxruntime

    model = data.model(name)
    path = to_onnx(model, tmp_path / "model.onnx", (70, 98))
    pixels = torch.randn(3, 3, 70, 98, generator=torch.Generator().manual_seed(2))
    cls, patches = onnxruntime.InferenceSession(path).run(None, {"pixels": pixels.numpy()})
    with torch.no_grad():
        tokens = model(pixels)
    torch.testing.assert_close(torch.from_numpy(cls), tokens.cls, rtol=0, atol=1e-4)
    torch.testing.assert_close(torch.from_numpy(patches), tokens.patches, rtol=0, atol=1e-4)
    assert [file.name for file in tmp_path.iterdir()] == ["model.onnx"]


def test_onnx_rotates_patches_by_their_places_too(tmp_path):
    """`to_onnx` compares the two itself, for a batch and a single picture."""
    path = to_onnx(made(TINY), tmp_path / "model.onnx", (32, 64))
    assert path.stat().st_size > 100_000


def test_an_official_file_comes_back_and_the_authors_names_are_in_it(tmp_path):
    path = runs.save_backbone(made(TINY), tmp_path / "run" / runs.BACKBONE)
    exchange.exchange(exchange.Exchange(model=str(path), to="official", out=tmp_path / "tiny.pth"))
    assert "storage_tokens" in torch.load(tmp_path / "tiny.pth", weights_only=True)
    again = core.load_model(tmp_path / "tiny.pth", device="cpu")
    assert again.config == TINY
    with pytest.raises(core.RequestError, match="leave out --to official"):
        exchange.exchange(exchange.Exchange(model=str(path), to="official", push="owner/name"))
    plain = data.model("vit_plain")
    assert layouts.to_official(plain.state_dict(), plain.config).keys() == plain.state_dict().keys()


@pytest.mark.slow
def test_without_a_size_an_onnx_file_takes_squares_of_the_models_own(tmp_path):
    import onnxruntime

    model = data.model("vit_plain")
    model.default_size = 84
    session = onnxruntime.InferenceSession(to_onnx(model, tmp_path / "model.onnx"))
    assert session.get_inputs()[0].shape[1:] == [3, 84, 84]


@pytest.mark.slow
def test_an_onnx_file_that_computes_something_else_is_not_kept(tmp_path, monkeypatch):
    monkeypatch.setattr("core.exchange.TOLERANCE", 0.0)
    with pytest.raises(ExportError, match="was not kept"):
        to_onnx(data.model("vit_plain"), tmp_path / "model.onnx", (70, 70))
    assert list(tmp_path.iterdir()) == []


def test_a_size_between_patches_is_refused(tmp_path):
    with pytest.raises(core.RequestError, match="multiples of the patch"):
        to_onnx(data.model("vit_plain"), tmp_path / "model.onnx", (70, 71))


def _with_config(model, **changes):
    made = core.VisionTransformer(dataclasses.replace(model.config, **changes)).eval()
    made.load_state_dict(model.state_dict())
    return made


def test_their_image_processor_prepares_pictures_for_our_models(tmp_path):
    """Of a square it makes the pixels that `core.extract` shows the model."""
    from PIL import Image
    from transformers import AutoImageProcessor

    from core.features import preprocess

    model = data.model("vit_plain")
    model.default_size = 56
    folder = to_hugging_face(model, tmp_path / "ours")
    processor = AutoImageProcessor.from_pretrained(folder)
    picture = Image.effect_noise((90, 90), 80).convert("RGB")
    pixels = processor(picture, return_tensors="pt")["pixel_values"]
    ours, _ = preprocess(picture, 56, 14)
    assert pixels.shape == (1, 3, 56, 56)
    torch.testing.assert_close(pixels[0], ours, rtol=0, atol=0.05)  # a level of 256, where they round otherwise
    wide = processor(picture.resize((200, 90)), return_tensors="pt")["pixel_values"]
    assert wide.shape == (1, 3, 56, 56)


def test_no_processor_is_written_for_pictures_it_does_not_know(tmp_path, caplog):
    model = core.VisionTransformer(dataclasses.replace(data.model("vit_plain").config, channels=4))
    folder = to_hugging_face(model, tmp_path / "ours")
    assert {path.name for path in folder.iterdir()} == {"config.json", "model.safetensors"}
    assert "pictures of 4 channels" in caplog.text
