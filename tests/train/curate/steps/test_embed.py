"""Images of any source become vectors; what cannot be read keeps its row; nothing given is changed."""

import hashlib
import io
import resource
import shutil
import tarfile

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from PIL import Image

from core import VisionTransformer, ViTConfig, extract, load_image, load_model
from core.records.runs import save_backbone
from tests.train.curate.planted import ALONE
from train.curate.config import EmbedConfig
from train.curate.embeddings import open_embeddings
from train.curate.folder import CurationError
from train.curate.steps import embed as embedding
from train.curate.steps.embed import embed
from train.data.sources import DataError, open_source


def encoded(value: int) -> bytes:
    file = io.BytesIO()
    pixels = np.random.default_rng(value).integers(0, 256, (30 + value % 3 * 10, 40, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


@pytest.fixture(scope="module")
def given(tmp_path_factory):
    """A tiny model; a folder, a tar shard and a Parquet file of pictures, two of which are none."""
    root = tmp_path_factory.mktemp("given")
    model = VisionTransformer(ViTConfig(width=48, depth=2, heads=3, image_size=56, layer_scale=1.0))
    model.initialise(torch.Generator().manual_seed(0))
    save_backbone(model, root / "tiny.safetensors")
    (root / "folder" / "cat").mkdir(parents=True)
    for number in range(9):
        (root / "folder" / "cat" / f"{number}.png").write_bytes(encoded(number))
    (root / "folder" / "broken.jpg").write_bytes(b"not a picture")
    with tarfile.open(root / "shard.tar", "w") as archive:
        for number in range(9, 13):
            member = tarfile.TarInfo(f"{number}.png")
            member.size = len(encoded(number))
            archive.addfile(member, io.BytesIO(encoded(number)))
    images = [encoded(number) for number in range(13, 18)] + [b""]
    pq.write_table(pa.table({"image": images, "label": ["a"] * 6}), root / "part.parquet")
    return root


@pytest.fixture
def config(given):
    return EmbedConfig(model=str(given / "tiny.safetensors"), size=56, precision="float32", threads=2)


def paths(given):
    return [given / "folder", given / "shard.tar", given / "part.parquet"]


def state_of(folder):
    return {path: (hashlib.sha256(path.read_bytes()).digest(), path.stat().st_mtime_ns) for path in folder.rglob("*.*")}


def test_mixed_sources_become_the_models_cls_tokens(given, config, tmp_path):
    before = state_of(given)
    record = embed(tmp_path, {"pool": paths(given), "curated": [given / "folder"]}, config, ALONE)
    assert state_of(given) == before
    assert record["sets"]["pool"]["images"] == 20 and not record["files"]
    pool = open_embeddings(tmp_path, "pool")
    rows = pool.rows(np.arange(20))
    unreadable = [place for place, row in enumerate(rows) if row.problem]
    assert len(unreadable) == 2 and not pool.vectors[unreadable].any()
    assert pool.readable.tolist() == [place for place in range(20) if place not in unreadable]
    assert [row.path for row in rows] == [0] * 10 + [1] * 4 + [2] * 6
    model, source = load_model(config.model), open_source(*paths(given))
    for place in (0, 9, 12, 15):
        if place in unreadable:
            continue
        image = load_image(source.read(place).data)
        cls = extract(model, image, 56, precision="float32").cls
        np.testing.assert_allclose(pool.vectors[place], cls / cls.norm(), atol=2e-3)
        assert (rows[place].height, rows[place].width) == (image.height, image.width)
    listed = (tmp_path / "embeddings" / "unreadable.txt").read_text(encoding="utf-8")
    assert listed.count("broken.jpg") == 2 and "part.parquet:5" in listed


def test_pictures_that_are_gone_keep_their_rows_as_damaged_ones_do(given, config, tmp_path):
    names = ["0.png", "tab\there.png", "line\nend.png", "3.png"]
    (tmp_path / "list.csv").write_text("".join(f'"{name}"\n' for name in names))
    shutil.copy(given / "folder" / "cat" / "0.png", tmp_path)
    embed(tmp_path / "out", {"pool": [tmp_path / "list.csv"]}, config, ALONE)
    pool = open_embeddings(tmp_path / "out", "pool")
    assert pool.readable.tolist() == [0] and not pool.vectors[1:].any() and pool.vectors[0].any()
    lines = (tmp_path / "out" / "embeddings" / "unreadable.txt").read_text(encoding="utf-8").splitlines()
    assert [line.split("\t")[1] for line in lines] == [
        str(tmp_path / name) for name in (r"tab\there.png", r"line\nend.png", "3.png")
    ]
    assert all(line.startswith("pool\t") and "is not there" in line.split("\t")[2] for line in lines)


def test_a_set_of_which_nothing_can_be_read_is_refused(given, config, tmp_path):
    (tmp_path / "list.txt").write_text("1.png\n2.png\n")
    sets = {"curated": [given / "folder"], "pool": [tmp_path / "list.txt"]}
    for _ in range(2):  # also where it has been embedded before
        with pytest.raises(DataError, match=r"None of the 2 images of the set pool can be read(.|\n)*put it back"):
            embed(tmp_path / "out", sets, config, ALONE)


def test_every_write_may_be_the_last(given, config, tmp_path, monkeypatch):
    """Stopped after each file that is written in turn, it goes on and ends the same."""
    monkeypatch.setattr("train.curate.embeddings.part_size", lambda images: 4)
    monkeypatch.setattr(embedding, "part_size", lambda images: 4)
    sets = {"pool": [given / "folder"], "curated": [given / "shard.tar"]}
    embed(tmp_path / "whole", sets, config, ALONE)
    replace, allowed = embedding.write_part, [0]

    def stopping(*part):
        if not allowed[0]:
            raise KeyboardInterrupt
        allowed[0] -= 1
        replace(*part)

    monkeypatch.setattr(embedding, "write_part", stopping)
    stops = 0
    while True:
        allowed[0] = 1
        try:
            embed(tmp_path / "stopped", sets, config, ALONE)
            break
        except KeyboardInterrupt:
            stops += 1
    assert stops == 3  # four parts in all
    for name in ("pool", "curated"):
        a, b = (open_embeddings(tmp_path / run, name) for run in ("whole", "stopped"))
        assert np.array_equal(a.vectors, b.vectors) and a.rows(np.arange(4)) == b.rows(np.arange(4))


def test_vectors_of_other_images_are_refused(given, config, tmp_path):
    folder = tmp_path / "folder"
    shutil.copytree(given / "folder", folder)
    embed(tmp_path / "out", {"pool": [folder]}, config, ALONE)
    embed(tmp_path / "out", {"pool": [folder]}, config, ALONE)  # again: nothing to do
    (folder / "another.png").write_bytes(encoded(77))
    with pytest.raises(CurationError, match=r"holds vectors, made otherwise \(images, files differ\)"):
        embed(tmp_path / "out", {"pool": [folder]}, config, ALONE)
    assert len(open_embeddings(tmp_path / "out", "pool").vectors) == 10


def test_a_full_disk_is_an_error_before_the_work(given, config, tmp_path):
    """By a limit on the size of files, which the system reports as it reports a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (600, hard))
    try:
        with pytest.raises(OSError, match="File too large"):
            embed(tmp_path, {"pool": [given / "folder"]}, config, ALONE)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert not (tmp_path / "embeddings" / "pool" / "vectors.npy").exists()
    embed(tmp_path, {"pool": [given / "folder"]}, config, ALONE)
    assert len(open_embeddings(tmp_path, "pool").readable) == 9


@pytest.mark.parametrize("damage", ["truncated.parquet", "group.parquet", "truncated.tar"])
def test_a_damaged_shard_is_named(given, config, tmp_path, damage):
    path = tmp_path / "pool" / damage
    path.parent.mkdir()
    data = bytearray((given / ("shard.tar" if damage.endswith("tar") else "part.parquet")).read_bytes())
    if damage == "group.parquet":
        data[4:60] = bytes(56)  # the footer stays whole
    lost = {"truncated.parquet": 50, "group.parquet": 0, "truncated.tar": len(data) - 2000}[damage]
    path.write_bytes(data[: len(data) - lost])
    with pytest.raises(DataError, match=damage):
        embed(tmp_path / "out", {"pool": [path]}, config, ALONE)
