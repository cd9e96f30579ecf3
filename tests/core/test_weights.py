"""Every way of naming a model, strictly and without running code."""

import os
import pickle

import pytest
import torch
from safetensors.torch import save, save_file

import core
from core import layouts, runs
from core.weights import PUBLISHED
from tests import data
from tests.hub_server import COMMIT, Hub

MODELS = list(data.NAMES)


def assert_same(loaded, model):
    assert loaded.config == model.config and not loaded.training
    for name, tensor in model.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], tensor), name


@pytest.fixture(params=MODELS)
def model(request):
    return data.model(request.param)


def test_a_run_folder_and_its_file_come_back_exactly(model, tmp_path):
    path = runs.save_backbone(model, tmp_path / "run" / runs.BACKBONE, {"step": "12"})
    for name in (path, tmp_path / "run"):
        loaded = core.load_model(name, device="cpu")
        assert_same(loaded, model)
        assert loaded.source.parameters == sum(p.numel() for p in model.parameters())
        assert len(loaded.source.sha256) == 64
    assert [file.name for file in path.parent.iterdir()] == [runs.BACKBONE]


def test_an_official_file_and_a_training_checkpoint_are_read_by_their_keys(model, tmp_path):
    """Three heads are what a width of 48 is taken to have; published widths tell theirs."""
    state = model.state_dict()
    torch.save(state, tmp_path / "official.pth")
    wrapped = {f"backbone.{key}": value for key, value in state.items()}
    torch.save({"teacher": wrapped | {"dino_head.mlp.0.weight": torch.zeros(3)}, "step": 5}, tmp_path / "training.pth")
    save_file(state, tmp_path / "bare.safetensors")
    for file in ("official.pth", "training.pth", "bare.safetensors"):
        assert_same(core.load_model(tmp_path / file, device="cpu"), model)


def test_heads_follow_the_published_width():
    with torch.device("meta"):
        for name, config in core.BACKBONES.items():
            state = core.VisionTransformer(config).state_dict()
            assert layouts.infer_config(state) == config, name


def test_pickled_code_is_refused_unopened(tmp_path):
    class Trap:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "ran"),)

    (tmp_path / "trap.pth").write_bytes(pickle.dumps(Trap()))
    torch.save({"weights": Trap()}, tmp_path / "trap2.pth")
    for file in ("trap.pth", "trap2.pth"):
        with pytest.raises(core.ModelError, match=file):
            core.load_model(tmp_path / file)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("content", [b"", b"hello", b"PK\x03\x04 not really"])
@pytest.mark.parametrize("name", ["a.safetensors", "a.pth"])
def test_a_damaged_file_is_named(tmp_path, content, name):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(core.ModelError, match=name):
        core.load_model(tmp_path / name)


def test_each_missing_unexpected_and_misshapen_key_is_named(tmp_path):
    state = data.model("vit_plain").state_dict()
    del state["norm.bias"]
    state["head.weight"] = torch.zeros(3)
    state["cls_token"] = torch.zeros(1, 1, 7)
    save_file(state, tmp_path / "odd.safetensors")
    with pytest.raises(core.ModelError) as error:
        core.load_model(tmp_path / "odd.safetensors")
    for part in (
        "missing norm.bias",
        "unexpected head.weight",
        "cls_token (1, 1, 7) instead of (1, 1, 48)",
        "odd.safetensors",
    ):
        assert part in str(error.value)


def test_many_wrong_keys_are_counted(tmp_path):
    state = data.model("vit_plain").state_dict() | {f"extra.{i:03}": torch.zeros(1) for i in range(200)}
    save_file(state, tmp_path / "odd.safetensors")
    with pytest.raises(core.ModelError, match="and 190 more"):
        core.load_model(tmp_path / "odd.safetensors")


@pytest.mark.parametrize("name", ["dinov3-small", "nowhere/at/all", "hf:owner", ""])
def test_an_unknown_name_lists_what_there_is(name):
    with pytest.raises(core.ModelError):
        core.load_model(name or "nothing")


def test_a_folder_without_a_backbone_says_so(tmp_path):
    with pytest.raises(core.ModelError, match=runs.BACKBONE):
        core.load_model(tmp_path)


def test_untrained_is_the_same_everywhere_and_says_what_it_is():
    first, again = core.load_model("untrained", device="cpu"), core.load_model("untrained", device="cpu")
    assert first.source == again.source and "untrained" in first.source.note.lower()
    assert first.config.width == 384 and all((block.ls1.gamma == 1).all() for block in first.blocks)
    tokens = first(torch.zeros(1, 3, 28, 28))
    assert tokens.patches.isfinite().all()


def test_embedded_always_works_and_never_pretends():
    source = core.load_model("embedded", device="cpu").source
    assert source.name == "embedded" or "No trained checkpoint is shipped" in source.note


@pytest.fixture
def hub(tmp_path, monkeypatch):
    import json

    files = {}
    for name in ("vit_plain", "vit_registers"):
        made = data.model(name)
        files[f"owner/{name}"] = {
            "model.safetensors": save(layouts.to_hugging_face(made.state_dict())),
            "config.json": json.dumps(layouts.config_to_hugging_face(made.config)).encode(),
        }
    server = Hub(files)
    monkeypatch.setenv("HF_ENDPOINT", server.url)
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    yield server
    server.shutdown()


@pytest.mark.parametrize("name", ["vit_plain", "vit_registers"])
def test_a_repository_of_the_hub(hub, name):
    for suffix in ("", f"@{COMMIT}"):
        loaded = core.load_model(f"hf:owner/{name}{suffix}", device="cpu")
        assert_same(loaded, data.model(name))
        assert loaded.source.revision == COMMIT


def test_a_published_name_asks_for_its_pinned_revision(hub):
    repository = PUBLISHED["dinov2-small"]
    with torch.device("meta"):
        shapes = layouts.to_hugging_face(core.VisionTransformer(core.BACKBONES["dinov2-small"]).state_dict())
    hub.files[repository.name] = {"model.safetensors": save({k: torch.zeros(v.shape) for k, v in shapes.items()})}
    loaded = core.load_model("dinov2-small", device="cpu")
    assert loaded.config == core.BACKBONES["dinov2-small"] and loaded.source.trained_by == "Meta AI"
    assert hub.requests[0][1] == f"/{repository.name}/resolve/{repository.revision}/model.safetensors"
    assert len(repository.revision) == 40


def test_another_kind_of_model_is_refused(hub):
    hub.files["owner/bert"] = {"config.json": b'{"model_type": "bert"}', "model.safetensors": b""}
    with pytest.raises(core.ModelError, match="'bert'"):
        core.load_model("hf:owner/bert")
