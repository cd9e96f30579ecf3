"""What can be browsed of a curation's dropped images: the right ones, in order, each beside the one that decided."""

import io

import numpy as np
import pytest
from PIL import Image

from core.records.curation import PAGE, open_curation
from tests.train.curate.planted import ALONE
from train.curate.config import DeduplicateConfig, RetrieveConfig
from train.curate.embeddings import SETS
from train.curate.folder import read_found, step_path, write_found
from train.curate.steps import embed as embedding
from train.curate.steps.deduplicate import deduplicate
from train.curate.steps.dropped import write_browsed
from train.curate.steps.embed import open_given
from train.curate.steps.fates import write_fates
from train.curate.steps.retrieve import retrieve

COPIES = 30


def at(degrees: float) -> list[float]:
    return [np.cos(np.radians(degrees)), np.sin(np.radians(degrees))]


@pytest.fixture
def root(tmp_path):
    """Pictures whose vectors are directions of a plane: each of the pool's copies further from the image at 0°.

    The pool's picture n is of the grey n. Of the last three one resembles the curated image, the others are too close
    to it or to the evaluation image.
    """
    angles = {"pool": [0.0, *np.linspace(1, 20, COPIES), 60.0, 100.0, 180.0], "curated": [110.0], "evaluation": [190.0]}
    for name, directions in angles.items():
        folder = tmp_path / name
        folder.mkdir()
        for place in range(len(directions)):
            side = 40 - (place > 0)  # of the copies the first has most pixels
            Image.new("RGB", (side, side), (place, place, place)).save(folder / f"{place:03}.png")
    out = tmp_path / "out"
    embedding.adopt(out, {name: np.array([at(one) for one in given]) for name, given in angles.items()})
    record = read_found(step_path(out, "embed"))
    for name in SETS:
        record["sets"][name]["paths"] = [str(tmp_path / name)]
        assert len(open_given([tmp_path / name]).source) == record["sets"][name]["images"]
    write_found(step_path(out, "embed"), record.key, record)
    deduplicate(out, DeduplicateConfig(threshold=0.93, evaluation_threshold=0.98), 4, ALONE)
    write_fates(out)
    return out


def grey(picture: bytes) -> int:
    return round(np.asarray(Image.open(io.BytesIO(picture)).convert("RGB")).mean())


def test_copies_stand_beside_what_is_kept_the_least_similar_first(root):
    write_browsed(root)
    curation = open_curation(root)
    kind = curation.kinds[0]
    assert (kind.key, kind.images, kind.shown, kind.pages) == ("near-duplicate", COPIES, COPIES, 2)
    shown = curation.page("near-duplicate", 0) + curation.page("near-duplicate", 1)
    assert len(shown) == COPIES and len(curation.page("near-duplicate", 0)) == PAGE
    cosines = [one.cosine for one in shown]
    assert cosines == sorted(cosines)
    np.testing.assert_allclose(cosines, np.cos(np.radians(np.linspace(20, 1, COPIES))), atol=2e-3)
    assert [grey(one.picture) for one in shown] == pytest.approx(range(COPIES, 0, -1), abs=2)
    assert {one.because for one in shown} == {"pool-0"} and grey(shown[0].because_picture) <= 2


def test_what_decided_stands_beside_every_kind(root):
    retrieve(root, RetrieveConfig(k=1), 4, ALONE)
    write_browsed(root)
    curation, shown = open_curation(root), []
    for kind in curation.kinds[1:]:
        shown += [
            (kind.key, *(getattr(one, name) for name in ("name", "because"))) for one in curation.page(kind.key, 0)
        ]
    assert shown == [
        ("evaluation", f"pool-{COPIES + 3}", "evaluation-0"),
        ("curated", f"pool-{COPIES + 2}", "curated-0"),
        ("not-retrieved", "pool-0", "curated-0"),
    ]
    cosines = [curation.page(key, 0)[0].cosine for key, *_ in shown]
    np.testing.assert_allclose(cosines, np.cos(np.radians([10, 10, 110])), atol=2e-3)
    assert curation.steps[-1].images == 2


def test_more_than_are_wanted_are_taken_evenly(root):
    write_browsed(root, 5)
    curation = open_curation(root)
    assert (curation.kinds[0].images, curation.kinds[0].shown) == (COPIES, 5)
    cosines = [one.cosine for one in curation.page("near-duplicate", 0)]
    np.testing.assert_allclose(cosines, np.cos(np.radians(np.linspace(20, 1, 5))), atol=0.01)


def test_a_picture_that_is_gone_is_left_out_and_its_row_stays(root):
    (root.parent / "pool" / "003.png").write_bytes(b"gone")
    write_browsed(root)
    lost = [one for page in (0, 1) for one in open_curation(root).page("near-duplicate", page) if one.picture is None]
    assert [one.name for one in lost] == ["pool-3"] and lost[0].cosine is not None
