"""Features that are kept: complete, resumed, and computed anew where something changed."""

import logging
import os

import numpy as np
import pytest
import torch
from PIL import Image

from core import RequestError, VisionTransformer, ViTConfig, load_model
from core.records.runs import save_backbone
from train.data.sources import DataError, open_source
from train.dist import World
from train.evaluate.features import bank as module
from train.evaluate.features.bank import feature_bank
from train.evaluate.features.chunks import kept_chunks
from train.evaluate.features.crops import centre_crops, tokens_of


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    made = VisionTransformer(ViTConfig(width=48, depth=5, heads=3, image_size=56, layer_scale=1.0))
    made.initialise(torch.Generator().manual_seed(0))
    return load_model(save_backbone(made, tmp_path_factory.mktemp("model") / "tiny.safetensors"), "cpu")


@pytest.fixture
def source(tmp_path):
    random = np.random.default_rng(0)
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number in range(7):
        Image.fromarray(random.integers(0, 256, (60, 70, 3), dtype=np.uint8)).save(folder / f"{number}.png")
    (folder / "3.png").write_bytes(b"no picture")
    return open_source(folder)


def test_they_are_the_models_tokens(model, source, caplog):
    found = feature_bank(model, source, torch.arange(7), 56, precision="float32")
    assert found.kept.tolist() == [0, 1, 2, 4, 5, 6] and "3.png" in caplog.text
    (tokens,) = tokens_of(model, centre_crops(source, found.kept, 56).pixels)
    torch.testing.assert_close(found.cls[:, -1], tokens.cls, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(found.mean_patch, tokens.patches.mean(dim=1), atol=1e-5, rtol=1e-5)
    assert found.cls.shape == (6, 4, 48)


def test_a_picture_that_is_gone_is_left_out_as_a_damaged_one(model, source, caplog):
    damaged = feature_bank(model, source, torch.arange(7), 56)
    caplog.clear()
    source.files[3].unlink()
    gone = feature_bank(model, source, torch.arange(7), 56)
    assert all(torch.equal(*pair) for pair in zip(gone, damaged, strict=True))
    assert "1 image cannot be read and is left out" in caplog.text and "3.png' is not there" in caplog.text


def test_a_stopped_pass_goes_on_and_a_changed_picture_is_seen_anew(model, source, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "CHUNK", 3)
    places = torch.arange(7)
    whole = feature_bank(model, source, places, 56, tmp_path / "features")
    (folder,) = (tmp_path / "features").glob("*/*")
    assert [path.name for path in sorted(folder.iterdir())] == [f"chunk-0000{n}.safetensors" for n in range(3)]
    (folder / "chunk-00001.safetensors").unlink()
    seen = []
    chunk = module._chunk
    monkeypatch.setattr(module, "_chunk", lambda *given: seen.append(given[2].tolist()) or chunk(*given))
    again = feature_bank(model, source, places, 56, tmp_path / "features")
    assert seen == [[3, 4, 5]]
    assert all(torch.equal(*pair) for pair in zip(whole, again, strict=True))
    os.utime(source.files[0], (0, 0))
    feature_bank(model, source, places, 56, tmp_path / "features")
    assert len(seen) == 4


def test_processes_share_the_chunks(tmp_path):
    chunks, computed = torch.arange(10).split(2), {0: [], 1: []}
    for rank in (1, 0):
        kept_chunks(
            tmp_path, chunks, lambda chunk, rank=rank: computed[rank].append(chunk.tolist()) or {"x": chunk}, World(rank, 2, torch.device("cpu"))
        )  # fmt: skip
    assert computed[1] == [[2, 3], [6, 7]] and [0, 1] in computed[0]


def test_what_cannot_be_is_refused(model, source, caplog):
    caplog.set_level(logging.ERROR)
    with pytest.raises(RequestError, match="size is 60"):
        feature_bank(model, source, torch.arange(2), 60)
    with pytest.raises(DataError, match="None of the 1 images"):
        feature_bank(model, source, torch.tensor([3]), 56)
