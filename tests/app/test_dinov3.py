"""A model of DINOv3's kind, with patches of 16 pixels, through everything that the page and the commands do with one."""

import pytest
import torch

from app.explore import handlers as exploring
from app.explore.settings import Settings
from app.match import handlers as matching
from app.match.handlers import MatchSettings
from app.server.access import Access
from app.server.encode import resolution
from app.server.engine import Engine
from app.server.session import Tray
from app.server.uploads import add_bytes
from core import ModelError, RequestError, export, load_image
from core.records.runs import save_backbone
from core.tensor_files import read_tensors
from tests.app.small import photograph, small_model

SIZE = 200
"""Asked for; of patches of 16 pixels 12 or 13 are nearest: 12.5 is rounded up."""
SIZES = [(160, 120), (90, 150)]
GRIDS = [(10, 13), (13, 8)]


@pytest.fixture
def model(engine: Engine):
    return engine.models.get("dinov3")


@pytest.fixture
def tray(engine: Engine) -> Tray:
    tray = Tray("ada")
    for seed, (width, height) in enumerate(SIZES):
        tray = add_bytes(engine.library, tray, photograph(seed, width, height), f"{seed}.png")
    return tray


def test_resolutions_are_multiples_of_16_and_a_collection_takes_all_that_are_offered(engine, model):
    offered = resolution(model, 518, 518)
    assert (offered.least, offered.most, offered.step, offered.value) == (64, 1184, 16, 512)
    assert resolution(model, 336, 518).value == 336 and resolution(model, 350, 518).value == 352
    assert engine.shelf.create("Fine", model, offered.most)
    with pytest.raises(RequestError, match="from 16 to 1184 pixels"):
        engine.shelf.create("Finer", model, offered.most + 16)


@pytest.mark.parametrize("view", ["PCA", "Foreground", "Attention", "Norms", "Segments"])
def test_every_view_is_painted_on_the_grid_of_its_patches(engine, tray, model, view):
    screen = exploring.show(engine, tray, model, Settings(view=view, size=SIZE))
    assert [values.shape[:2] for values in screen.painted.values] == GRIDS
    assert [one.grid for one in screen.encoded.maps] == GRIDS
    assert all(one.registers.shape == (4, 48) for one in screen.encoded.maps)


def test_pictures_are_matched(engine, tray, model):
    screen = matching.show(engine, tray, model, MatchSettings(size=SIZE, density=1, inside=False))
    found = screen.pairs[1]
    assert len(found.scores) and (found.points_b <= torch.tensor(SIZES[1])).all()


def test_a_collection_finds_a_picture_by_itself(engine, model):
    collection = engine.shelf.open(engine.shelf.create("Mine", model, SIZE), model)
    collection.add([photograph(seed, *size) for seed, size in enumerate(SIZES)])
    first, _ = collection.search(load_image(photograph(1, *SIZES[1])), 2)
    assert first.score == pytest.approx(1, abs=0.01) and first.record.height == SIZES[1][1]


def test_features_are_exported(tmp_path):
    path = save_backbone(small_model("dinov3"), tmp_path / "tiny.safetensors")
    picture, out = tmp_path / "one.png", tmp_path / "out"
    picture.write_bytes(photograph(0))
    assert export.main([str(picture), "--model", str(path), "--out", str(out), "--size", str(SIZE)]) == 0
    (file,) = out.rglob("*.safetensors")
    assert read_tensors(file)[0]["patches"].shape == (10, 13, 48)


def test_strangers_cannot_fill_the_server_with_a_model_of_27_gigabytes():
    access = Access(loopback=False, password=False)
    access.check("dinov3-large")
    with pytest.raises(ModelError, match="Own paths"):
        access.check("dinov3-7b")
    Access(loopback=True, password=False).check("dinov3-7b")
