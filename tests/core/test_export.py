"""`python -m core.export` on real photographs with a small model, interrupted in every way."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch

import core
from core import export
from core.pictures.gallery import samples
from core.pictures.listing import find_pictures
from core.records import runs
from core.records.feature_files import read_features
from core.tensor_files import read_metadata

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def model_path(tmp_path_factory):
    config = core.ViTConfig(width=32, depth=2, heads=2, image_size=70, layer_scale=1.0)
    model = core.VisionTransformer(config)
    model.initialise(torch.Generator().manual_seed(0))
    return str(runs.save_backbone(model, tmp_path_factory.mktemp("model") / "tiny.safetensors"))


@pytest.fixture
def photos(tmp_path):
    """Three photographs, two of them in folders below, one under two names, and a file that is none."""
    folder = tmp_path / "photos"
    (folder / "cats/wild").mkdir(parents=True)
    places = {"cheetah": "cats/wild/cheetah.jpg", "lion": "cats/lion.jpg", "tower": "tower.jpg"}
    for sample in samples():
        if sample.name in places:
            shutil.copy(sample.path, folder / places[sample.name])
    shutil.copy(folder / "tower.jpg", folder / "cats/tower.jpg")
    (folder / "broken.png").write_bytes(b"no picture at all")
    return folder


def run(model_path, *arguments, size=112):
    return export.main([*map(str, arguments), "--model", model_path, "--size", str(size), "--precision", "float32"])


def files(out):
    return sorted(path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file())


def test_a_folder_is_mirrored(photos, model_path, tmp_path, capsys):
    out = tmp_path / "out"
    assert run(model_path, photos, "--out", out, "--dtype", "float32") == 0
    assert files(out) == [
        f"{name}.safetensors" for name in ("cats/lion.jpg", "cats/tower.jpg", "cats/wild/cheetah.jpg", "tower.jpg")
    ]
    printed = capsys.readouterr()
    assert "4 pictures" in printed.out
    assert "broken.png' is text" in printed.err
    model = core.load_model(model_path, "cpu")
    image = core.load_image(photos / "tower.jpg")
    expected = core.extract(model, image, 112, precision="float32")
    back = read_features(out / "tower.jpg.safetensors")
    torch.testing.assert_close(back.patches, expected.patches, rtol=0, atol=1e-5)
    torch.testing.assert_close(back.cls, expected.cls, rtol=0, atol=1e-5)
    assert back.geometry == expected.geometry
    assert back.origin == expected.origin
    metadata = read_metadata(out / "tower.jpg.safetensors")
    assert metadata["path"] == str(photos / "tower.jpg")
    assert metadata["weights"] == model.source.sha256


def test_parquet(photos, model_path, tmp_path):
    out = tmp_path / "out"
    arguments = (photos, "--out", out, "--format", "parquet", "--features", "cls", "--dtype", "float32")
    assert run(model_path, *arguments, "--layer", "0") == 0
    assert files(out) == ["features.parquet"]
    rows = pq.read_table(out / "features.parquet").to_pylist()
    assert len(rows) == 4
    model = core.load_model(model_path, "cpu")
    for row in rows:
        expected = core.extract(model, core.load_image(row["path"]), 112, layer=0, precision="float32")
        assert np.abs(np.array(row["cls"]) - expected.cls.numpy()).max() < 1e-5
        assert (row["rows"], row["columns"]) == expected.grid


def test_a_second_run_computes_only_what_differs(photos, model_path, tmp_path, capsys):
    out = tmp_path / "out"
    assert run(model_path, photos, "--out", out) == 0
    times = {path: path.stat().st_mtime_ns for path in out.rglob("*.safetensors")}
    shutil.copy(photos / "tower.jpg", photos / "new.jpg")
    shutil.copy(photos / "cats/lion.jpg", photos / "cats/tower.jpg")
    capsys.readouterr()
    assert run(model_path, photos, "--out", out) == 0
    assert "2 pictures" in (printed := capsys.readouterr().out)
    assert "3 were there already" in printed
    changed = {path.relative_to(out).as_posix() for path, before in times.items() if path.stat().st_mtime_ns != before}
    assert changed == {"cats/tower.jpg.safetensors"}
    assert run(model_path, photos, "--out", out, size=126) == 0
    assert "5 pictures" in capsys.readouterr().out
    assert run(model_path, photos, "--out", out, size=126) == 0
    assert "0 pictures" in capsys.readouterr().out


def test_without_a_size_it_is_the_models_own(photos, model_path, tmp_path, capsys):
    own = core.load_model(model_path, "cpu").default_size
    command = [str(photos / "cats"), "--model", model_path, "--out", str(tmp_path / "out")]
    assert export.main(command) == 0
    assert read_features(tmp_path / "out/lion.jpg.safetensors").origin.size == own == 336
    assert export.main([*command, "--size", "336"]) == 0
    assert "3 were there already" in capsys.readouterr().out


def test_a_list_and_single_files(photos, model_path, tmp_path, monkeypatch):
    monkeypatch.chdir(photos)
    (tmp_path / "list.txt").write_text("photos/cats/lion.jpg\nphotos/cats/wild\n", encoding="utf-8")
    assert run(model_path, "tower.jpg", "--list", tmp_path / "list.txt", "--out", tmp_path / "out") == 0
    expected = ["cheetah.jpg.safetensors", "photos/cats/lion.jpg.safetensors", "tower.jpg.safetensors"]
    assert files(tmp_path / "out") == expected


def test_status_is_1_only_when_there_is_nothing(photos, model_path, tmp_path, capsys):
    assert run(model_path, photos / "broken.png", photos / "gone.jpg", "--out", tmp_path / "a") == 1
    assert "2 could not be used" in (said := capsys.readouterr().err)
    assert "gone.jpg' does not exist" in said
    assert run(model_path, photos / "broken.png", photos / "tower.jpg", "--out", tmp_path / "b") == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "No pictures are given"),
        (["{photos}", "--layer", "2"], "layer is 2; this model has blocks 0 to 1"),
        (["{photos}", "--model", "/no/such/model"], "There is no model"),
        (["@none.txt"], "'none.txt' cannot be read"),
        (["{photos}/empty"], "has no pictures in it"),
        (["{photos}", "--out", "{photos}/tower.jpg"], "is a file, and a folder is to be written"),
    ],
)
def test_requests_that_cannot_be_met(arguments, said, photos, model_path, tmp_path, capsys):
    (photos / "empty").mkdir()
    given = [argument.format(photos=photos) for argument in arguments]
    options = ["--out", str(tmp_path / "out"), "--model", model_path, "--size", "112"]
    assert export.main([*options, *given]) == 2
    assert said in capsys.readouterr().err


def test_a_full_disk(photos, model_path, tmp_path, capsys, monkeypatch):

    def full(number):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("core.records.feature_files.os.fsync", full)
    assert run(model_path, photos, "--out", tmp_path / "out") == 1
    assert "No space left" in capsys.readouterr().err


def many(photos, count):
    folder = photos / "many"
    folder.mkdir()
    for number in range(count):
        shutil.copy(photos / "tower.jpg", folder / f"{number}.jpg")
    return folder


def started(model_path, folder, out, *options):
    command = [
        sys.executable,
        "-m",
        "core.export",
        folder,
        "--out",
        out,
        "--model",
        model_path,
        "--size",
        "224",
        *options,
    ]
    return subprocess.Popen([*map(str, command)], cwd=ROOT, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def wait_for(condition, process, seconds=60):
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "nothing was written in time"
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.005)


@pytest.mark.slow
@pytest.mark.parametrize("format", ["safetensors", "parquet"])
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_a_stopped_run_is_consistent_and_goes_on(how, format, photos, model_path, tmp_path):
    folder, out, count = many(photos, 150), tmp_path / "out", 150
    options = ("--format", format, "--threads", "1")
    process = started(model_path, folder, out, *options)
    # a table has its first part late, so its run is stopped by the clock of its folder alone
    wait_for(lambda: any(out.glob("*.safetensors")) if format == "safetensors" else out.exists(), process)
    time.sleep(0.3 if format == "parquet" else 0)
    process.send_signal(how)
    _, said = process.communicate(timeout=120)
    assert process.returncode == {signal.SIGINT: 130, signal.SIGKILL: -signal.SIGKILL}[how]
    if how == signal.SIGINT:
        assert "Run the same command again" in said
    whole = list(out.glob("*.safetensors"))
    assert len(whole) < count
    for path in whole:
        assert read_features(path).patches.isfinite().all()
    assert not (out / "features.parquet").exists()
    assert export.main([str(folder), "--out", str(out), "--model", model_path, "--size", "224", *options]) == 0
    if format == "parquet":
        assert files(out) == ["features.parquet"]
        assert len(set(pq.read_table(out / "features.parquet")["path"].to_pylist())) == count
    else:
        assert len([path for path in files(out) if path.endswith(".safetensors")]) == count


@pytest.mark.slow
def test_help_explains_itself():
    command = [sys.executable, "-m", "core.export", "--help"]
    environment = os.environ | {"COLUMNS": "100"}
    said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, env=environment).stdout
    for word in ("IMAGES", "--out", "--model", "--layer", "--size", "--format", "dinov2-", "goes on where it stopped"):
        assert word in said


def test_suffixes_cover_every_sample():
    names = {sample.path.name for sample in samples()}
    found = {picture.path.name for sample in samples() for picture in find_pictures([str(sample.path.parent)])[0]}
    assert names <= found


def test_a_model_of_other_pictures_is_refused_before_anything_is_written(photos, tmp_path, capsys):
    model = core.VisionTransformer(core.ViTConfig(width=32, depth=2, heads=2, image_size=70, channels=4))
    path = runs.save_backbone(model, tmp_path / "four.safetensors")
    assert run(str(path), photos, "--out", tmp_path / "out") == 2
    said = capsys.readouterr().err
    assert "takes pictures of 4 channels" in said and "core.extract prepares" not in said
    assert not (tmp_path / "out").exists()
    with pytest.raises(core.ModelError, match="4 channels"):
        core.extract(model, core.load_image(photos / "tower.jpg"), 112)
    with pytest.raises(core.RequestError, match=r"takes \[B, 4, H, W\] with H and W multiples of 14\.$"):
        model(torch.zeros(1, 3, 70, 70))


@pytest.mark.parametrize("form", ["safetensors", "parquet"])
def test_pictures_whose_features_are_no_numbers_are_named_and_not_written(photos, model_path, tmp_path, capsys, form):
    model = core.load_model(model_path, device="cpu")
    model.norm.bias.data[0] = 1e5  # beyond float16
    path = runs.save_backbone(model, tmp_path / "huge.safetensors")
    assert run(str(path), photos, "--out", tmp_path / "out", "--format", form) == 1
    said = capsys.readouterr().err
    assert "tower.jpg: " in said and "are NaN or infinite; they are not kept" in said
    assert files(tmp_path / "out") == []
    assert run(str(path), photos, "--out", tmp_path / "out", "--format", form, "--dtype", "float32") == 0
