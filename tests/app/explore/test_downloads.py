import io
import json
import zipfile

import numpy as np
import pytest
from PIL import Image
from safetensors import safe_open

from app.explore import downloads, handlers
from app.explore.settings import Settings
from app.explore.views import foreground
from app.server.session import Tray
from app.server.uploads import add_bytes
from core import RequestError
from tests.app.small import SIZE, photograph


@pytest.fixture
def shown(engine):
    """A function: settings → (screen, settings, model)."""
    tray = add_bytes(engine.library, Tray("ada"), photograph(1), "../../up <b>:одна.png")
    tray = add_bytes(engine.library, tray, photograph(2, 90, 150), "two.jpg")
    model = engine.models.get("small")
    return lambda settings: (handlers.show(engine, tray, model, settings), settings, model)


@pytest.mark.parametrize("view", ["PCA", "Foreground", "Attention", "Norms", "Segments"])
def test_pictures_come_at_their_own_resolution(shown, tmp_path, view):
    path = downloads.pictures(tmp_path, *shown(Settings(view=view, size=SIZE)))
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        sizes = [Image.open(io.BytesIO(archive.read(name))).size for name in names]
    assert sizes == [(160, 120), (90, 150)]
    assert names[1] == f"2-two-{view.lower()}.png"
    assert "/" not in names[0] and "<" not in names[0] and "одна" in names[0]


def test_a_large_picture_is_looked_at_and_painted_smaller_with_its_own_places(engine, tmp_path):
    tray = add_bytes(engine.library, Tray("ada"), photograph(1, 4200, 60), "wide.png")
    model = engine.models.get("small")
    for settings in (Settings(view="Foreground", size=SIZE), Settings(view="PCA", size=SIZE)):
        screen = handlers.show(engine, tray, model, settings)
        geometry = screen.encoded.maps[0].geometry
        assert (geometry.width, geometry.height) == (4200, 60)
        with zipfile.ZipFile(downloads.pictures(tmp_path, screen, settings, model)) as archive:
            (name,) = archive.namelist()
            assert Image.open(io.BytesIO(archive.read(name))).size == (2100, 30)
    screen = handlers.show(engine, tray, model, Settings(view="Foreground", size=SIZE))
    assert Image.open(downloads.cut_outs(tmp_path, screen, Settings(view="Foreground"), model)).size == (2100, 30)


def test_a_cut_out_is_opaque_where_the_object_is(shown, tmp_path):
    screen, settings, model = shown(Settings(view="Foreground", size=SIZE, options=foreground.Options(threshold=0.5)))
    with zipfile.ZipFile(downloads.cut_outs(tmp_path, screen, settings, model)) as archive:
        image = Image.open(io.BytesIO(archive.read(archive.namelist()[1])))
    assert image.mode == "RGBA" and image.size == (90, 150)
    alpha = np.asarray(image)[..., 3]
    assert alpha.min() == 0 and alpha.max() == 255


def test_a_mask_is_a_ramp_about_the_threshold_and_inverts():
    mask = np.array([[0.0, 0.5, 1.0]], np.float32)
    assert downloads.soft_mask(mask, 0.5, False).tolist() == [[0.0, 0.5, 1.0]]
    assert downloads.soft_mask(mask, 0.5, True).tolist() == [[1.0, 0.5, 0.0]]


def test_arrays_carry_the_features_and_where_they_came_from(shown, tmp_path):
    screen, settings, model = shown(Settings(view="Segments", size=SIZE, block=2))
    arrays = np.load(downloads.npz(tmp_path, screen, settings, model))
    origin = json.loads(str(arrays["provenance"]))
    assert origin["model"] == "small" and origin["weights_sha256"] == "sha of small" and origin["layer"] == -2
    assert origin["settings"]["segments"] == 6
    assert origin["pictures"][1]["geometry"]["rows"] == 8
    assert np.array_equal(arrays["2-two.patches"], screen.encoded.maps[1].patches.numpy())
    with safe_open(downloads.safetensors(tmp_path, screen, settings, model), "np") as file:
        assert json.loads(file.metadata()["provenance"]) == origin
        assert np.array_equal(file.get_tensor("2-two.view"), screen.painted.values[1])


def test_every_download_lies_in_a_folder_that_cannot_be_guessed(shown, tmp_path):
    arguments = shown(Settings(size=SIZE))
    folders = {downloads.npz(tmp_path, *arguments).parent.name for _ in range(3)}
    assert len(folders) == 3 and all(len(name) == 32 for name in folders)


def test_a_basis_goes_out_and_comes_back(shown, tmp_path):
    screen, settings, model = shown(Settings(size=SIZE))
    basis = handlers.read_basis(downloads.basis(tmp_path, screen, settings, model))
    assert all(
        np.allclose(again, values, atol=1e-6)
        for again, values in zip(basis.basis.apply(screen.encoded.maps), screen.painted.values, strict=True)
    )


def test_a_file_that_is_no_basis_is_named_without_its_place(tmp_path):
    path = tmp_path / "notes.safetensors"
    path.write_bytes(b"nothing of the kind")
    with pytest.raises(RequestError, match=r"^notes\.safetensors is not"):
        handlers.read_basis(path)
