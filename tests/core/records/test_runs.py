"""The format of a run folder: what is written comes back, what is half-written is left out."""

import dataclasses
import json

import pytest
import torch

from core import ModelError, RequestError, VisionTransformer, ViTConfig, load_model
from core.records import runs

CONFIG = ViTConfig(width=24, depth=1, heads=2, image_size=28)


def test_a_backbone_comes_back_with_its_configuration(tmp_path):
    model = VisionTransformer(CONFIG)
    runs.save_backbone(model, tmp_path / runs.BACKBONE, {"step": "3"})
    again = load_model(tmp_path, device="cpu")
    assert again.config == CONFIG and runs.stored_config(tmp_path / runs.BACKBONE) == CONFIG
    for name, tensor in model.state_dict().items():
        assert torch.equal(again.state_dict()[name], tensor)
    assert again.source.title.endswith("/backbone.safetensors, step 3") and again.source.trained_by == "Dinoscope"
    assert not list(tmp_path.glob("*.part"))


def test_a_snapshot_in_half_precision_takes_half_the_room_and_opens_in_float32(tmp_path):
    model = VisionTransformer(CONFIG)
    whole = runs.save_backbone(model, runs.snapshot_path(tmp_path, 1))
    half = runs.save_backbone(model, runs.snapshot_path(tmp_path, 2), dtype=torch.float16)
    assert half.stat().st_size < 0.7 * whole.stat().st_size
    again = load_model(half, device="cpu")
    assert again.norm.weight.dtype == torch.float32
    torch.testing.assert_close(again.blocks[0].mlp.fc1.weight, model.blocks[0].mlp.fc1.weight, rtol=1e-3, atol=1e-4)


def test_the_size_that_a_model_is_best_at_comes_back_rounded_to_the_patch(tmp_path):
    model = VisionTransformer(CONFIG)
    for size, stored in ((42, 42), (345, 350), (4096, 4088)):
        model.default_size = size
        path = runs.save_backbone(model, tmp_path / runs.BACKBONE)
        assert runs.stored_size(path, 14) == load_model(tmp_path, device="cpu").default_size == stored


@pytest.mark.parametrize(("learned_on", "size"), [(28, 336), (112, 336), (224, 336), (420, 420), (518, 518)])
def test_a_file_that_says_no_size_has_that_of_its_position_embedding_but_24_patches_at_least(
    tmp_path, learned_on, size
):
    model = VisionTransformer(dataclasses.replace(CONFIG, image_size=learned_on))
    assert model.default_size == size
    described = {"vit_config": json.dumps(dataclasses.asdict(model.config))}
    path = runs.save_tensors(model.state_dict(), tmp_path / runs.BACKBONE, described)
    assert runs.stored_size(path, 14) is None and load_model(path, device="cpu").default_size == size


@pytest.mark.parametrize("text", ["", "wide", "336.5", "1e3", "nan", "0", "13", "-336", "4097"])
def test_a_stored_size_that_no_picture_can_have_is_refused(tmp_path, text):
    model = VisionTransformer(CONFIG)
    described = {"vit_config": json.dumps(dataclasses.asdict(CONFIG)), "default_size": text}
    path = runs.save_tensors(model.state_dict(), tmp_path / runs.BACKBONE, described)
    with pytest.raises(ModelError, match=rf"best at '{text}' pixels; .* from 14 \(one patch\) to 4096"):
        load_model(path)


@pytest.mark.parametrize("size", [0, 5000, 336.5, None])
def test_a_size_that_could_not_be_read_again_is_not_written(tmp_path, size):
    model = VisionTransformer(CONFIG)
    model.default_size = size
    with pytest.raises(RequestError, match="size is"):
        runs.save_backbone(model, tmp_path / runs.BACKBONE)
    assert list(tmp_path.iterdir()) == []


def test_snapshots_and_pictures_are_listed_by_step_and_nothing_else_is(tmp_path):
    for step in (16, 2, 0):
        for path in (runs.snapshot_path(tmp_path, step), runs.picture_path(tmp_path, step)):
            path.parent.mkdir(exist_ok=True)
            path.touch()
            path.with_suffix(".part").touch()
    (tmp_path / runs.SNAPSHOTS / "notes.safetensors").touch()
    assert list(runs.snapshots(tmp_path)) == list(runs.pictures(tmp_path)) == [0, 2, 16]
    assert runs.snapshots(tmp_path / "nowhere") == {}


def test_a_line_that_is_being_written_is_left_out_and_later_steps_can_be_dropped(tmp_path):
    assert runs.read_metrics(tmp_path) == []
    for step in (1, 2, 3):
        runs.append_metrics(tmp_path, step, {"loss": 1 / step})
    with (tmp_path / runs.METRICS).open("a") as file:
        file.write('{"step": 4, "lo')
    assert [line["step"] for line in runs.read_metrics(tmp_path)] == [1, 2, 3]
    runs.drop_metrics_after(tmp_path, 2)
    runs.append_metrics(tmp_path, 3, {"loss": 0.5})
    assert runs.read_metrics(tmp_path)[-1] == {"step": 3, "loss": 0.5}


def test_a_folder_without_a_backbone_is_named(tmp_path):
    with pytest.raises(ModelError, match=r"holds no backbone.safetensors"):
        runs.find_backbone(tmp_path)


def test_changed_bytes_of_a_backbone_are_noticed(tmp_path):
    """Of its weights, and of the description that says how to compute with them."""
    path = runs.save_backbone(VisionTransformer(CONFIG), tmp_path / runs.BACKBONE)
    content = path.read_bytes()
    path.write_bytes(content[:-5] + bytes([content[-5] ^ 1]) + content[-4:])
    with pytest.raises(ModelError, match=r"backbone\.safetensors is damaged \(its tensors do not agree"):
        load_model(tmp_path)
    path.write_bytes(content.replace(b'\\"heads\\": 2', b'\\"heads\\": 3'))
    assert path.read_bytes() != content
    with pytest.raises(ModelError, match=r"backbone\.safetensors is damaged \(its metadata do not agree"):
        load_model(tmp_path)
    path.write_bytes(content[:-100])
    with pytest.raises(ModelError, match=r"backbone\.safetensors is damaged"):
        load_model(tmp_path)


def test_lines_of_a_log_that_are_none_and_values_that_are_no_numbers_are_left_out(tmp_path, caplog):
    lines = [
        '{"step": 1, "loss": 2.5, "lr": NaN, "clip": Infinity, "note": "words", "on": true, "none": null}',
        '{"step": 2, "lo{"step": 3, "loss": 2.0}',
        "[1, 2]", "3", "", "[" * 100_000, '{"loss": 1.0}', '{"step": "4"}', '{"step": -1}', '{"step": 1e999}',
        '{"step": 5, "loss": 1e400, "dino": 1' + "0" * 400 + "}",
        '{"step": 6, "loss": 1}',
    ]  # fmt: skip
    (tmp_path / runs.METRICS).write_bytes("\n".join([*lines, '{"step": 7, "lo']).encode() + b"\xff")
    for _ in range(2):
        assert runs.read_metrics(tmp_path) == [{"step": 1, "loss": 2.5}, {"step": 5}, {"step": 6, "loss": 1}]
    assert caplog.text.count("left out damaged lines (9) and values that are no finite numbers (7)") == 1
    runs.drop_metrics_after(tmp_path, 5)
    assert (tmp_path / runs.METRICS).read_text() == '{"step": 1, "loss": 2.5}\n{"step": 5}\n'
