"""Folders in the layout of transformers, in each of the forms its users have, and what they may lack."""

import json
import shutil

import pytest
import torch
from safetensors.torch import save, save_file

import core
from core import ModelError
from core.weights import layouts
from tests import data
from tests.core.weights.test_load import assert_same, hub  # noqa: F401  a fixture

MODEL = data.model("vit_plain")
THEIRS = layouts.to_hugging_face(MODEL.state_dict(), MODEL.config)
DESCRIBED = json.dumps(layouts.config_to_hugging_face(MODEL.config))


def shards():
    """The weights in two files, and the index of them."""
    names = sorted(THEIRS)
    halves = {"model-00001-of-00002": names[::2], "model-00002-of-00002": names[1::2]}
    return {file: {name: THEIRS[name] for name in half} for file, half in halves.items()}


def index(suffix):
    where = {name: f"{file}{suffix}" for file, half in shards().items() for name in half}
    return json.dumps({"metadata": {"total_size": 1}, "weight_map": where})


def write(folder, form):
    folder.mkdir()
    if form == "model.safetensors":
        save_file(THEIRS, folder / form)
    elif form == "pytorch_model.bin":
        torch.save(THEIRS, folder / form)
    elif form == "model.safetensors.index.json":
        for file, half in shards().items():
            save_file(half, folder / f"{file}.safetensors")
        (folder / form).write_text(index(".safetensors"))
    else:
        for file, half in shards().items():
            torch.save(half, folder / f"{file}.bin")
        (folder / form).write_text(index(".bin"))
    return folder


@pytest.mark.parametrize(
    "form",
    ["model.safetensors", "pytorch_model.bin", "model.safetensors.index.json", "pytorch_model.bin.index.json"],
)
def test_every_form_loads_with_its_description_and_without(tmp_path, form):
    folder = write(tmp_path / "theirs", form)
    bare = core.load_model(folder, device="cpu")
    assert_same(bare, MODEL)
    assert "No config.json lies beside the weights" in bare.source.note
    (folder / "config.json").write_text(DESCRIBED)
    described = core.load_model(folder, device="cpu")
    assert_same(described, MODEL)
    assert described.source.note == "" and described.source.sha256 == bare.source.sha256
    assert len(described.source.sha256) == 64


def test_what_transformers_shards_itself_loads(tmp_path):
    from transformers import AutoModel
    from transformers import Dinov2Config as Config

    shape = {"hidden_size": 48, "num_hidden_layers": 2, "num_attention_heads": 3, "image_size": 70, "patch_size": 14}
    AutoModel.from_config(Config(**shape)).save_pretrained(tmp_path / "theirs", max_shard_size="50KB")
    assert (tmp_path / "theirs" / "model.safetensors.index.json").is_file()
    assert core.load_model(tmp_path / "theirs", device="cpu").config.depth == 2


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (DESCRIBED.replace('"hidden_size": 48', '"hidden_size": 96'), "does not fit a ViT of width 96"),
        (DESCRIBED.replace('"dinov2"', '"bert"'), r"config\.json does not describe .* 'bert' model"),
        (DESCRIBED.replace('"model_type"', '"architecture"'), r"config\.json does not describe .* no model_type"),
        ("", r"config\.json does not describe"),
    ],
)
def test_a_description_that_cannot_be_is_refused_in_words(tmp_path, text, said):
    folder = write(tmp_path / "theirs", "pytorch_model.bin")
    (folder / "config.json").write_text(text)
    with pytest.raises(ModelError, match=said):
        core.load_model(folder)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{", "no index"),
        ("[]", "no index"),
        ("[" * 100_000, "no index"),
        ('{"weight_map": {}}', "names no file"),
        ('{"weight_map": {"a": 3}}', "no index"),
        ('{"weight_map": {"a": "../secret.safetensors"}}', "no file beside it"),
        ('{"weight_map": {"a": "absent.safetensors"}}', "absent.safetensors, which is not there"),
        (json.dumps({"weight_map": {"a": "model-00001-of-00002.safetensors"}}), "lacks a, which"),
    ],
)
def test_a_wrong_index_is_refused_in_a_sentence(tmp_path, content, said):
    folder = write(tmp_path / "theirs", "model.safetensors.index.json")
    (folder / "model.safetensors.index.json").write_text(content)
    with pytest.raises(ModelError, match=said):
        core.load_model(folder)


def test_a_file_missing_of_several_is_named(tmp_path):
    folder = write(tmp_path / "theirs", "model.safetensors.index.json")
    (folder / "model-00002-of-00002.safetensors").unlink()
    with pytest.raises(ModelError, match=r"model-00002-of-00002\.safetensors, which is not there"):
        core.load_model(folder)


def test_a_folder_of_other_files_names_them(tmp_path):
    torch.save(MODEL.state_dict(), tmp_path / "dinov2_tiny.pth")
    with pytest.raises(ModelError, match=r"holds dinov2_tiny\.pth; give one of these by its path"):
        core.load_model(tmp_path)
    assert_same(core.load_model(tmp_path / "dinov2_tiny.pth", device="cpu"), MODEL)


@pytest.mark.parametrize("form", ["pytorch_model.bin", "model.safetensors.index.json"])
def test_repositories_of_the_hub_come_in_these_forms_too(tmp_path, hub, form):  # noqa: F811
    folder = write(tmp_path / "theirs", form)
    hub.files["owner/other"] = {path.name: path.read_bytes() for path in folder.iterdir()} | {
        "config.json": DESCRIBED.encode()
    }
    shutil.rmtree(folder)
    assert_same(core.load_model("hf:owner/other", device="cpu"), MODEL)
    hub.files["owner/none"] = {"config.json": DESCRIBED.encode(), "other.safetensors": save(THEIRS)}
    with pytest.raises(core.HubError, match=r"owner/none has no model\.safetensors"):
        core.load_model("hf:owner/none")
