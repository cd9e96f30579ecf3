"""The format of a run folder: what is written comes back, what is half-written is left out."""

import pytest
import torch

from core import ModelError, VisionTransformer, ViTConfig, load_model, runs

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
