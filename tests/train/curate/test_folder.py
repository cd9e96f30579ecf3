"""A curation's folder on a failing disk: what was written and changed since is said, and nothing is made of it."""

import json

import numpy as np
import pyarrow.parquet as pq
import pytest

from tests.train.curate.planted import unit
from train.curate.embeddings import open_embeddings
from train.curate.folder import CurationError, read_record, read_table, write_record
from train.curate.steps.embed import adopt

VECTORS = unit(np.random.default_rng(0).normal(size=(600, 8)).astype(np.float32))


@pytest.fixture
def root(tmp_path):
    adopt(tmp_path, {"pool": VECTORS})
    return tmp_path


def flip(path, place):
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize(("place", "part"), [(-1, 1), (-16 * 90, 0)])
def test_changed_vectors_are_noticed(root, place, part):
    """In either part, and also where they were read before in this process."""
    vectors = root / "embeddings" / "pool" / "vectors.npy"
    assert len(open_embeddings(root, "pool")) == 600
    before = vectors.stat()
    flip(vectors, place)
    assert vectors.stat().st_size == before.st_size
    with pytest.raises(CurationError, match=rf"pool is damaged \(the vectors of part {part} do not agree"):
        open_embeddings(root, "pool")


def test_vectors_of_earlier_versions_are_taken_as_they_are(root):
    for path in (root / "embeddings" / "pool" / "images").iterdir():
        pq.write_table(pq.read_table(path).replace_schema_metadata(None), path)
    flip(root / "embeddings" / "pool" / "vectors.npy", -1)
    assert len(open_embeddings(root, "pool")) == 600


@pytest.mark.parametrize("content", ["", "[]", "{", "[" * 100_000, '{"part": 512}', '{"part": 0}'])
@pytest.mark.parametrize("name", ["steps/embed.json", "embeddings/pool/settings.json"])
def test_records_that_are_none_are_named(root, name, content):
    (root / name).write_text(content)
    if content == '{"part": 512}' and "settings" in name:
        assert len(open_embeddings(root, "pool")) == 600
        return
    with pytest.raises(CurationError, match="is damaged"):
        open_embeddings(root, "pool")


def test_changed_records_are_noticed(root):
    write_record(root, "other", "key", {"images": 5})
    path = root / "steps" / "other.json"
    assert read_record(root, "other")["images"] == 5
    path.write_text(json.dumps(json.loads(path.read_text()), indent=5))
    assert read_record(root, "other")["images"] == 5, "the form does not matter"
    path.write_text(path.read_text().replace('"images": 5', '"images": 7'))
    with pytest.raises(CurationError, match=r"other\.json is damaged \(its values do not agree"):
        read_record(root, "other")


def test_changed_tables_are_noticed(root):
    path = root / "embeddings" / "pool" / "images" / "00000.parquet"
    flip(path, path.read_bytes().find(b"pool-17"))
    with pytest.raises(CurationError, match=r"00000\.parquet is damaged \("):
        read_table(path)


def test_vectors_that_are_no_numbers_are_not_kept(tmp_path):
    broken = VECTORS.copy()
    broken[3, 3] = np.nan
    with pytest.raises(CurationError, match="The vectors of pool hold NaN"):
        adopt(tmp_path, {"pool": broken})
