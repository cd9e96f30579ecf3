"""A collection is embedded again from its originals, as if it had been made with the other model, and what is lost is named."""

import shutil

import numpy as np
import pytest

from core.collection.collection import Collection
from core.collection.reembedding import reembed
from core.errors import RequestError
from tests.app.small import photograph, small_model

SIZE = 112


@pytest.fixture(scope="module")
def model():
    return small_model("other")


@pytest.fixture
def photos(tmp_path):
    for number in range(4):
        folder = tmp_path / "photos" / "ab"[number % 2]
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{number}.png").write_bytes(photograph(number))
    return tmp_path / "photos"


@pytest.fixture
def old(tmp_path, photos) -> Collection:
    made = Collection(tmp_path / "old", small_model("small"), title="Old", size=SIZE)
    made.add(photos, tags=["all"])
    made.tag([1], ["first"])
    return made


def test_the_new_collection_is_as_if_it_had_been_made_with_that_model(old, model, photos, tmp_path):
    direct = Collection(tmp_path / "direct", model, size=56)
    direct.add(photos)
    (photos / "a").rename(photos / "renamed")  # where a file lies by now means nothing
    (photos / "renamed" / "stranger.png").write_bytes(photograph(99))
    before, told = old.records(), []
    done = reembed(old, tmp_path / "new", model, photos, size=56, progress=lambda *counts: told.append(counts))
    assert (done.count, done.missing, done.refused, done.cancelled) == (4, [], [], False)
    assert told[0] == (0, 4) and told[-1] == (4, 4)
    new = Collection(tmp_path / "new", model)
    assert new.title == "Old" and new.about.size == 56
    found = {record.digest: record for record in new.records()}
    for record in before:
        same = found[record.digest]
        carried = ("name", "label", "tags", "added", "height", "width")
        assert all(getattr(same, name) == getattr(record, name) for name in carried)
        twin = next(one for one in direct.records() if one.digest == record.digest)
        vectors = [one.kept(it).cls for one, it in ((new, same.id), (direct, twin.id))]
        np.testing.assert_allclose(*vectors, atol=2e-3)
    assert old.records() == before, "the old one stays as it is"


def test_what_has_no_original_is_named_and_the_same_call_with_others_adds_it(old, model, photos, tmp_path):
    kept = photos / "a" / "0.png"
    elsewhere = tmp_path / "elsewhere.png"
    kept.rename(elsewhere)
    (photos / "b" / "1.png").write_bytes(b"overwritten")
    done = reembed(old, tmp_path / "new", model, photos, size=SIZE)
    assert done.count == 2 and sorted(done.missing) == ["a/0.png", "b/1.png"]
    done = reembed(old, tmp_path / "new", model, [elsewhere, photos], size=SIZE)
    assert done.count == 3 and done.missing == ["b/1.png"]


def test_a_stop_leaves_whole_pictures_and_it_goes_on_from_there(old, model, photos, tmp_path, monkeypatch):
    monkeypatch.setattr("core.collection.adding.batch_patches", lambda model: 1)  # a picture at a time
    done = reembed(
        old, tmp_path / "new", model, photos, size=SIZE,
        cancelled=lambda: len(Collection(tmp_path / "new")) >= 2,
    )  # fmt: skip
    assert done.cancelled and done.count == 2 and len(done.missing) == 2
    assert Collection(tmp_path / "new").verify() == []
    assert reembed(old, tmp_path / "new", model, photos, size=SIZE).count == 4
    none = reembed(old, tmp_path / "stopped", model, photos, size=SIZE, cancelled=lambda: True)
    assert none.cancelled and none.count == 0 and not (tmp_path / "stopped").exists()


def test_where_nothing_can_come_of_it_nothing_is_made(old, model, photos, tmp_path):
    with pytest.raises(RequestError, match="choose another model or resolution"):
        reembed(old, tmp_path / "new", small_model("small"), photos, size=SIZE)
    with pytest.raises(RequestError, match="another folder"):
        reembed(old, old.folder, model, photos, size=SIZE)
    shutil.rmtree(photos)
    photos.mkdir()
    with pytest.raises(RequestError, match="None of the 4 pictures was found there"):
        reembed(old, tmp_path / "new", model, photos, size=SIZE)
    assert not (tmp_path / "new").exists()
    reembed_at = tmp_path / "taken"
    Collection(reembed_at, model, size=56)
    with pytest.raises(RequestError, match="at 56 px"):
        reembed(old, reembed_at, model, photos, size=SIZE)
