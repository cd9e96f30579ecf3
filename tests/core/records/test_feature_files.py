"""Features that went to disk come back, and nothing half-written or foreign is taken for them."""

import dataclasses

import pytest
import torch

import core
from core.features import FeatureMap, Origin
from core.pictures.geometry import Geometry
from core.pictures.listing import Picture
from core.records.feature_files import LONGEST_NAME, FeatureFolder, Settings, read_features
from core.tensor_files import read_metadata

SETTINGS = Settings(weights="abc", layer=-1, size=56, dtype="float32")
MAP = FeatureMap(torch.rand(3, 4, 8), torch.rand(8), Geometry(30, 40, 3, 4, 14), origin=Origin("tiny", "abc", -1, 56))


def picture(tmp_path, name="a/b.jpg", data=b"x"):
    path = tmp_path / "in" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    state = path.stat()
    return Picture(path, name, state.st_size, state.st_mtime_ns)


def filled(tmp_path, *pictures, settings=SETTINGS):
    folder = FeatureFolder(tmp_path / "out", settings)
    for one in folder.pending(pictures):
        folder.write(one, MAP)


def pending(tmp_path, *pictures, settings=SETTINGS):
    return FeatureFolder(tmp_path / "out", settings).pending(pictures)


@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_a_map_comes_back(tmp_path, dtype):
    filled(tmp_path, picture(tmp_path), settings=dataclasses.replace(SETTINGS, dtype=dtype))
    back = read_features(tmp_path / "out/a/b.jpg.safetensors")
    torch.testing.assert_close(back.patches, MAP.patches.to(getattr(torch, dtype)).float(), rtol=0, atol=0)
    torch.testing.assert_close(back.cls, MAP.cls.to(getattr(torch, dtype)).float(), rtol=0, atol=0)
    assert back.geometry == MAP.geometry
    assert back.origin == MAP.origin


def test_parts_of_a_map(tmp_path):
    filled(tmp_path, picture(tmp_path), settings=dataclasses.replace(SETTINGS, features="patch"))
    assert read_features(tmp_path / "out/a/b.jpg.safetensors").cls.shape == (0,)
    filled(tmp_path, picture(tmp_path), settings=dataclasses.replace(SETTINGS, features="cls"))
    with pytest.raises(core.RequestError, match="cls features only"):
        read_features(tmp_path / "out/a/b.jpg.safetensors")


def test_files_that_are_none(tmp_path):
    other = tmp_path / "x.safetensors"
    other.write_bytes(b"nothing")
    with pytest.raises(core.RequestError, match="is no file of features"):
        read_features(other)


def test_what_is_done_is_not_pending(tmp_path):
    one, two = picture(tmp_path), picture(tmp_path, "c.jpg")
    filled(tmp_path, one)
    assert pending(tmp_path, one, two) == [two]


@pytest.mark.parametrize("change", [{"weights": "z"}, {"layer": -2}, {"size": 70}, {"features": "cls"},
                                    {"dtype": "float16"}, {"alpha": "black"}, {"precision": "float32"}])  # fmt: skip
def test_other_settings_are_pending(tmp_path, change):
    one = picture(tmp_path)
    filled(tmp_path, one)
    assert pending(tmp_path, one, settings=dataclasses.replace(SETTINGS, **change)) == [one]


def test_a_changed_picture_is_pending(tmp_path):
    filled(tmp_path, picture(tmp_path))
    changed = picture(tmp_path, data=b"longer")
    assert pending(tmp_path, changed) == [changed]


@pytest.mark.parametrize("share", [0.0, 0.05, 0.5, 0.999])
def test_a_file_cut_short_is_pending(tmp_path, share):
    one = picture(tmp_path)
    filled(tmp_path, one)
    target = tmp_path / "out/a/b.jpg.safetensors"
    data = target.read_bytes()
    target.write_bytes(data[: int(share * len(data))])
    assert pending(tmp_path, one) == [one]


def test_pictures_of_one_name_do_not_meet(tmp_path):
    one = picture(tmp_path, "a/b.jpg")
    other = dataclasses.replace(picture(tmp_path, "other.jpg"), name="a/B.jpg")
    filled(tmp_path, one, other)
    assert len(list((tmp_path / "out/a").iterdir())) == 2
    assert pending(tmp_path, one, other) == []
    assert pending(tmp_path, other) == pending(tmp_path, one) == []


def test_a_second_folder_does_not_overwrite_the_first(tmp_path):
    one = picture(tmp_path, "first/b.jpg")
    other = picture(tmp_path, "second/b.jpg", b"other")
    for each in (one, other):
        filled(tmp_path, dataclasses.replace(each, name="b.jpg"))
    paths = {read_metadata(file)["path"] for file in (tmp_path / "out").iterdir()}
    assert paths == {str(one.path), str(other.path)}


def test_pictures_that_have_moved_are_found_again(tmp_path):
    one = picture(tmp_path)
    filled(tmp_path, one)
    moved = tmp_path / "in/elsewhere.jpg"
    one.path.rename(moved)
    assert pending(tmp_path, dataclasses.replace(one, path=moved)) == []


def test_very_long_names(tmp_path):
    one = dataclasses.replace(picture(tmp_path), name="a/" + "ü" * 120 + ".jpg")
    filled(tmp_path, one)
    (file,) = (tmp_path / "out/a").iterdir()
    assert len(file.name.encode()) <= LONGEST_NAME + len(".safetensors")
    assert pending(tmp_path, one) == []


def test_changed_bytes_are_noticed(tmp_path, caplog):
    """In the numbers when they are read, in how they were made when it is looked at."""
    one = picture(tmp_path)
    filled(tmp_path, one)
    target = tmp_path / "out/a/b.jpg.safetensors"
    content = target.read_bytes()
    flipped = bytearray(content)
    flipped[content.find(MAP.patches.numpy().tobytes()) + 5] ^= 1
    target.write_bytes(flipped)
    with pytest.raises(core.RequestError, match="do not agree with their checksum"):
        read_features(target)
    target.write_bytes(content.replace(b'"layer":"-1"', b'"layer":"-2"'))
    assert pending(tmp_path, one) == [one] and "Computed anew" in caplog.text
    with pytest.raises(core.RequestError, match="metadata do not agree"):
        read_features(target)


@pytest.mark.parametrize(("dtype", "value"), [("float32", torch.nan), ("float32", torch.inf), ("float16", 1e5)])
def test_features_that_are_no_numbers_are_not_kept(tmp_path, dtype, value):
    """Nor those that are none in the format of the file."""
    broken = dataclasses.replace(MAP, patches=MAP.patches.clone())
    broken.patches[1, 2, :3] = value
    folder = FeatureFolder(tmp_path / "out", dataclasses.replace(SETTINGS, dtype=dtype))
    (one,) = folder.pending([picture(tmp_path)])
    with pytest.raises(core.DinoError, match="3 of 96 numbers of its features are NaN or infinite"):
        folder.write(one, broken)
    assert not (tmp_path / "out").exists()
