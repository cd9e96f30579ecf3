"""Every way of naming a model, strictly and without running code."""

import json
import logging
import os
import pickle

import pytest
import torch
from safetensors.torch import save, save_file

import core
from core.records import runs
from core.weights import layouts
from core.weights.load import PUBLISHED
from core.weights.wrapping import unwrapped
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


def test_what_others_trained_is_best_at_the_size_it_learned_on(model, tmp_path):
    """Where nothing else is said: their files may hold smaller grids than are good for our own models."""
    torch.save(model.state_dict(), tmp_path / "official.pth")
    assert core.load_model(tmp_path / "official.pth", device="cpu").default_size == 70
    folder = tmp_path / "theirs"
    folder.mkdir()
    save_file(layouts.to_hugging_face(model.state_dict(), model.config), folder / "model.safetensors")
    described = layouts.config_to_hugging_face(model.config)
    (folder / "config.json").write_text(json.dumps(described))
    assert core.load_model(folder, device="cpu").default_size == 70
    (folder / "config.json").write_text(json.dumps(described | {"default_size": 160}))
    assert core.load_model(folder, device="cpu").default_size == 154
    for size in (5, 5000, "large", 70.5, None):
        (folder / "config.json").write_text(json.dumps(described | {"default_size": size}))
        with pytest.raises(core.ModelError, match=r"config\.json.*size is"):
            core.load_model(folder)


def test_heads_follow_the_published_width():
    with torch.device("meta"):
        for name, config in core.BACKBONES.items():
            if config.positions == "rope":  # in `test_dinov3`
                continue
            state = core.VisionTransformer(config).state_dict()
            assert layouts.infer_config(state) == config, name
            assert config.default_size == 518, name


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


def test_embedded_without_a_checkpoint_says_what_it_gives_instead(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr("core.weights.load.SHIPPED", tmp_path / runs.BACKBONE)
    with caplog.at_level(logging.WARNING):
        source = core.load_model("embedded", device="cpu").source
    assert source.name == "untrained" and "No trained checkpoint is shipped" in source.note
    assert len(caplog.records) == 1


def test_embedded_is_the_shipped_file_where_there_is_one(tmp_path, monkeypatch):
    model = data.model("vit_plain")
    monkeypatch.setattr("core.weights.load.SHIPPED", runs.save_backbone(model, tmp_path / runs.BACKBONE))
    loaded = core.load_model("embedded", device="cpu")
    assert_same(loaded, model)
    assert loaded.source.name == "embedded" and loaded.source.title == "Dinoscope ViT 48×3/14"


def test_every_published_model_is_pinned_to_a_commit():
    assert PUBLISHED.keys() == core.BACKBONES.keys()
    for name, (repository, revision) in PUBLISHED.items():
        assert ("with-registers" in repository) == name.endswith("-reg")
        assert len(revision) == 40 and set(revision) <= set("0123456789abcdef"), name


def test_blocks_that_training_numbered_by_chunk(tmp_path):
    model = data.model("vit_plain")
    chunked = {f"backbone.{key.replace('blocks.', 'blocks.0.')}": value for key, value in model.state_dict().items()}
    torch.save({"teacher": chunked}, tmp_path / "teacher_checkpoint.pth")
    assert_same(core.load_model(tmp_path / "teacher_checkpoint.pth", device="cpu"), model)


def test_torchs_older_file_format(tmp_path):
    model = data.model("vit_plain")
    torch.save(model.state_dict(), tmp_path / "old.pth", _use_new_zipfile_serialization=False)
    assert_same(core.load_model(tmp_path / "old.pth", device="cpu"), model)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([torch.zeros(1)], "a list"),
        ({3: torch.zeros(1)}, "not weights by name"),
        ({"optimizer": {"lr": 1.0}, "step": 3}, "optimizer, step: no tensors"),
        ({"conv1.weight": torch.zeros(2, 2)}, r"not the weights of a DINOv2 or DINOv3 ViT.*conv1\.weight"),
        ({"patch_embed.proj.weight": torch.zeros(2, 2)}, "not the weights of a DINOv2 or DINOv3 ViT"),
    ],
)
def test_other_contents_are_named(tmp_path, content, message):
    torch.save(content, tmp_path / "other.pth")
    with pytest.raises(core.ModelError, match=f"other.pth.*{message}"):
        core.load_model(tmp_path / "other.pth")


def test_what_had_to_be_assumed_is_said(tmp_path):
    model = data.model("vit_plain")
    save_file(model.state_dict(), tmp_path / "bare.safetensors")
    assert "3 were assumed" in core.load_model(tmp_path / "bare.safetensors", device="cpu").source.note
    folder = tmp_path / "theirs"
    folder.mkdir()
    save_file(layouts.to_hugging_face(model.state_dict(), model.config), folder / "model.safetensors")
    described = layouts.config_to_hugging_face(model.config)
    (folder / "config.json").write_text(json.dumps(described))
    assert core.load_model(folder, device="cpu").source.note == ""
    del described["pos_offset"]
    (folder / "config.json").write_text(json.dumps(described))
    loaded = core.load_model(folder, device="cpu")
    assert loaded.config.pos_offset == 0 and "as transformers does" in loaded.source.note


@pytest.mark.parametrize("text", ["{", "[]", '{"model_type": "dinov2", "hidden_size": "wide"}',
                                  '{"model_type": "dinov2", "hidden_act": "relu"}'])  # fmt: skip
def test_a_damaged_description_is_a_model_error(tmp_path, text):
    save_file({"a": torch.zeros(1)}, tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(core.ModelError, match=r"config\.json"):
        core.load_model(tmp_path)


def test_a_run_that_fails_to_write_leaves_the_earlier_backbone(tmp_path, monkeypatch):
    path = runs.save_backbone(data.model("vit_plain"), tmp_path / runs.BACKBONE)
    before = path.read_bytes()

    def full(state, target, metadata):
        target.write_bytes(b"half")
        raise OSError("no space left")

    monkeypatch.setattr("core.tensor_files.save_file", full)
    with pytest.raises(OSError, match="no space"):
        runs.save_backbone(data.model("vit_swiglu"), path)
    assert path.read_bytes() == before and [file.name for file in tmp_path.iterdir()] == [runs.BACKBONE]


@pytest.fixture
def hub(tmp_path, monkeypatch):
    files = {}
    for name in ("vit_plain", "vit_registers"):
        made = data.model(name)
        files[f"owner/{name}"] = {
            "model.safetensors": save(layouts.to_hugging_face(made.state_dict(), made.config)),
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
    repository, config = PUBLISHED["dinov2-small"], core.BACKBONES["dinov2-small"]
    with torch.device("meta"):
        shapes = layouts.to_hugging_face(core.VisionTransformer(config).state_dict(), config)
    hub.files[repository.name] = {"model.safetensors": save({k: torch.zeros(v.shape) for k, v in shapes.items()})}
    loaded = core.load_model("dinov2-small", device="cpu")
    assert loaded.config == config and loaded.source.trained_by == "Meta AI"
    assert loaded.default_size == 518
    assert hub.requests[0][1] == f"/{repository.name}/resolve/{repository.revision}/model.safetensors"
    assert len(repository.revision) == 40


def test_a_published_repository_keeps_its_convention_by_either_name(hub):
    """Its config.json leaves out the offset of 0.1 that it was trained with."""
    repository, config = PUBLISHED["dinov2-small"].name, core.BACKBONES["dinov2-small"]
    described = layouts.config_to_hugging_face(config)
    del described["pos_offset"], described["pos_antialias"]
    with torch.device("meta"):
        shapes = layouts.to_hugging_face(core.VisionTransformer(config).state_dict(), config)
    weights = save({key: torch.zeros(value.shape) for key, value in shapes.items()})
    hub.files[repository] = {"model.safetensors": weights, "config.json": json.dumps(described).encode()}
    loaded = core.load_model(f"hf:{repository}", device="cpu")
    assert loaded.config == config and loaded.source.note == "" and loaded.default_size == 518


def test_another_kind_of_model_is_refused(hub):
    hub.files["owner/bert"] = {"config.json": b'{"model_type": "bert"}', "model.safetensors": b""}
    with pytest.raises(core.ModelError, match="'bert'"):
        core.load_model("hf:owner/bert")


def test_what_is_no_tensor_is_named_as_the_file_names_it():
    query = "encoder.layer.0.attention.attention.query.weight"
    with pytest.raises(core.ModelError, match=rf"^{query}: no tensors"):
        unwrapped({"embeddings.cls_token": torch.zeros(1, 1, 4), query: "nothing"})


def test_web_dino_resizes_its_positions_as_dinov2_does(hub):
    """Which its descriptions do not say, being transformers'."""
    files = dict(hub.files["owner/vit_plain"])
    described = json.loads(files["config.json"])
    del described["pos_offset"], described["pos_antialias"]
    files["config.json"] = json.dumps(described).encode()
    hub.files |= {"owner/copy": files, "facebook/webssl-dino1-small": files}
    assert core.load_model("hf:owner/copy", device="cpu").config.pos_offset == 0
    loaded = core.load_model("hf:facebook/webssl-dino1-small", device="cpu")
    assert loaded.config.pos_offset == 0.1 and "resized" not in loaded.source.note
