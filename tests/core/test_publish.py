"""A model put into a repository of a loopback hub, and loaded back from there."""

import dataclasses
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
import yaml
from huggingface_hub import constants

import core
from core import exchange, publish
from core.records import runs
from tests import data
from tests.hub_server import Hub

ROOT = Path(__file__).parents[2]


@pytest.fixture
def hub(tmp_path, monkeypatch):
    server = Hub({"other/taken": {}, "owner/taken": {}})
    monkeypatch.setenv("HF_ENDPOINT", server.url)
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "token"))
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)  # the loopback hub has no such storage
    yield server
    server.shutdown()


@pytest.fixture
def run(tmp_path):
    made = data.model("vit_registers")
    made.default_size = 154
    runs.save_backbone(made, tmp_path / "run" / runs.BACKBONE, {"step": "1200"})
    return tmp_path / "run"


def exchanged(model, **more):
    exchange.exchange(exchange.Exchange(model=model, **more))


def metadata(card):
    return yaml.safe_load(card.split("---")[1])


def test_a_pushed_run_loads_back_by_its_name(hub, run, capsys):
    exchanged(str(run), push="owner/new")
    assert f"Pushed to {hub.url}/owner/new" in capsys.readouterr().out
    assert hub.files["owner/new"].keys() == {
        "README.md",
        "config.json",
        "model.safetensors",
        "preprocessor_config.json",
    }  # fmt: skip and not hub.private
    ours = core.load_model(run, device="cpu")
    for name in ("owner/new", "hf:owner/new", "owner/new@main"):
        loaded = core.load_model(name, device="cpu")
        assert loaded.config == ours.config and loaded.default_size == 154
        for key, value in ours.state_dict().items():
            assert torch.equal(loaded.state_dict()[key], value), key


def test_transformers_opens_what_was_pushed(hub, run):
    from transformers import AutoModel

    exchanged(str(run), push="owner/new")
    folder = core.weights.hub.fetch("owner/new", "config.json", "main").path.parent
    core.weights.hub.fetch("owner/new", "model.safetensors", "main")
    theirs = AutoModel.from_pretrained(folder).eval()
    pixels = torch.randn(1, 3, 70, 70, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        cls = core.load_model(run, device="cpu")(pixels).cls
        torch.testing.assert_close(theirs(pixel_values=pixels).last_hidden_state[:, 0], cls, rtol=0, atol=1e-5)


def test_the_card_says_what_the_model_is(hub, run):
    exchanged(str(run), push="owner/new", license="mit", datasets=("owner/pictures",))
    card = hub.files["owner/new"]["README.md"].decode()
    said = metadata(card)
    assert said["license"] == "mit" and said["datasets"] == ["owner/pictures"] and "dinov2" in said["tags"]
    assert (said["library_name"], said["pipeline_tag"]) == ("transformers", "image-feature-extraction")
    source = core.load_model(run, device="cpu").source
    assert "for 1,200 steps" in card and "Best at 154 pixels" in card and source.sha256 in card
    assert f"{source.parameters:,} parameters" in card and str(run) not in card


def test_the_card_says_where_transformers_differs(tmp_path):
    cards = {}
    for name in ("vit_registers", "vit_plain"):
        saved = runs.save_backbone(data.model(name), tmp_path / name / runs.BACKBONE)
        cards[name] = publish.card(core.load_model(saved, device="cpu"), "owner/new")
    assert "equal ours at 70×70 only" in cards["vit_plain"] and "differently" not in cards["vit_registers"]


def test_a_licence_that_nobody_named_is_unknown_and_a_known_one_is_kept(run):
    assert metadata(publish.card(core.load_model(run, device="cpu"), "owner/new"))["license"] == "unknown"
    said = metadata(publish.card(core.load_model("embedded", device="cpu"), "owner/new"))
    assert said["license"] == "apache-2.0" and "datasets" not in said and "base_model" not in said


def test_dinov3s_own_licence_is_named_as_the_hub_has_others_named(run):
    model = core.load_model(run, device="cpu")
    model.source = dataclasses.replace(model.source, licence="DINOv3 License")
    said = metadata(publish.card(model, "owner/new"))
    assert (said["license"], said["license_name"]) == ("other", "dinov3-license") and "dinov3" in said["license_link"]
    assert metadata(publish.card(model, "owner/new", "mit"))["license"] == "mit"


def test_a_model_of_the_hub_is_named_as_the_base_of_what_is_pushed_from_it(hub, run):
    exchanged(str(run), push="owner/new")
    exchanged("owner/new", push="owner/again")
    assert metadata(hub.files["owner/again"]["README.md"].decode())["base_model"] == "owner/new"


def test_a_second_push_replaces_the_first(hub, run):
    exchanged("untrained", push="owner/taken")
    exchanged(str(run), push="owner/taken")
    assert core.load_model("owner/taken", device="cpu").config == core.load_model(run, device="cpu").config


def test_private_makes_it_so_and_never_pushes_to_a_public_one(hub, run):
    exchanged(str(run), push="owner/new", private=True)
    assert hub.private == {"owner/new"}
    with pytest.raises(core.HubError, match=r"owner/taken is there already, and public.*leave out --private"):
        exchanged(str(run), push="owner/taken", private=True)
    assert hub.files["owner/taken"] == {}


def test_the_folder_is_kept_where_it_is_asked_for(hub, run, tmp_path):
    exchanged(str(run), out=tmp_path / "folder", push="owner/new")
    assert {path.name: path.read_bytes() for path in (tmp_path / "folder").iterdir()} == hub.files["owner/new"]


def test_without_a_token_nothing_is_sent(hub, run, monkeypatch):
    monkeypatch.delenv("HF_TOKEN")
    with pytest.raises(core.HubError, match=r"needs an access token.*HF_TOKEN.*hf auth login"):
        exchanged(str(run), push="owner/new")
    assert hub.requests == []


def test_a_token_that_the_hub_does_not_know_is_said_to_be_one(hub, run):
    hub.fault = "stranger"
    with pytest.raises(core.HubError, match=r"does not know the access token; set HF_TOKEN") as error:
        exchanged(str(run), push="owner/new")
    assert "hf_secret" not in str(error.value)


@pytest.mark.parametrize(
    ("name", "fault"), [("other/new", "none"), ("other/taken", "none"), ("owner/new", "forbidden")]
)
def test_a_token_without_the_right_to_write_is_told_so(hub, run, name, fault):
    hub.fault = fault
    with pytest.raises(core.HubError, match=f"may not write to {name}"):
        exchanged(str(run), push=name)
    assert not hub.files.get(name)


def test_an_upload_that_arrives_damaged_changes_nothing(hub, run):
    hub.fault = "lost"
    with pytest.raises(core.HubError, match=r"push to owner/new stopped .*no file changed there; try again"):
        exchanged(str(run), push="owner/new")
    assert hub.files["owner/new"] == {}


@pytest.mark.slow
def test_a_silent_hub_is_given_up_within_five_seconds_and_before_the_export(hub, run, tmp_path):
    hub.fault = "silent"
    started = time.monotonic()
    with pytest.raises(core.HubError, match="cannot be reached"):
        exchanged(str(run), out=tmp_path / "folder", push="owner/new")
    assert time.monotonic() - started < 5 and not (tmp_path / "folder").exists()


def test_offline_says_so_without_asking(hub, run, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(core.HubError, match="HF_HUB_OFFLINE is set"):
        exchanged(str(run), push="owner/new")
    assert hub.requests == []


def test_what_cannot_be_done_is_refused_before_anything_is_asked(hub, run, tmp_path):
    with pytest.raises(core.RequestError, match="--out, --push"):
        exchanged(str(run))
    with pytest.raises(core.RequestError, match="leave out --to onnx"):
        exchanged(str(run), to="onnx", out=tmp_path / "x.onnx", push="owner/new")
    with pytest.raises(core.HubError, match="no name on the hub"):
        exchanged(str(run), push="new")
    assert hub.requests == []


def test_a_folder_that_is_not_there_is_named(hub, tmp_path):
    with pytest.raises(core.ModelError, match=r"There is no model .*nowhere"):
        exchanged(str(tmp_path / "nowhere"), push="owner/new")
    assert "owner/new" not in hub.files


def test_a_name_that_is_neither_a_path_nor_a_repository_says_both(hub):
    with pytest.raises(core.HubError, match=r"no path 'runs/first' here; as a repository of the hub: runs/first"):
        core.load_model("runs/first")
    asked = len(hub.requests)
    with pytest.raises(core.ModelError, match="There is no model"):
        core.load_model("runs/first.safetensors")
    assert len(hub.requests) == asked, "a file of weights is never looked for there"


def test_a_path_comes_before_a_repository_of_its_name(hub, run, tmp_path, monkeypatch):
    hub.files["run/pictures"] = {}
    runs.save_backbone(data.model("vit_plain"), run / "pictures" / runs.BACKBONE)
    monkeypatch.chdir(tmp_path)
    assert core.load_model("run/pictures", device="cpu").config == data.model("vit_plain").config
    assert hub.requests == []


def test_the_command_pushes_and_says_what_is_wrong(hub, run):
    command = [sys.executable, "-m", "core.exchange", "--model", str(run), "--private", "--push"]
    environment = {"HF_HUB_DISABLE_XET": "1", "HF_ENDPOINT": hub.url, "HF_TOKEN": "hf_secret", "PATH": ""}
    results = [
        subprocess.run([*command, name], capture_output=True, text=True, timeout=120, cwd=ROOT, env=environment)
        for name in ("owner/new", "other/new")
    ]
    assert results[0].returncode == 0 and results[0].stdout == f"Pushed to {hub.url}/owner/new\n", results[0].stderr
    assert results[1].returncode == 2
    assert "python -m core.exchange: The access token may not write to other/new" in results[1].stderr
    assert hub.private == {"owner/new"}


def test_a_model_made_in_memory_has_no_card():
    with pytest.raises(core.RequestError, match="made in memory"):
        publish.card(data.model("vit_registers"), "owner/new")
