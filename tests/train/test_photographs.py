"""The photographs that ship: chosen by the rule alone, small, with their notice beside them."""

import io
import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from core import RequestError
from core.encoding import picture_bytes
from core.pictures.gallery import PHOTOGRAPHS, photographs
from train.photographs import EACH, KINDS, RULE, SHORT_SIDE, Kind, Row, chosen, main, small, write_photographs


def rows(**counts: int) -> list[Row]:
    """So many photographs of each label, the last first."""
    return [Row(label, f"{label}/image_{n:04}.jpg", b"") for label, count in counts.items() for n in range(count)][::-1]


def test_the_largest_classes_of_a_kind_are_taken_and_photographs_at_equal_distances():
    kinds = (Kind("animal", 2, ("ant", "bee", "cat", "dog")), Kind("thing", 1, ("cup",)))
    found = list(chosen(rows(ant=4, bee=8, cat=5, dog=5, cup=4, face=90), kinds, each=4))
    assert [(kind.name, row.label) for kind, row in found[::4]] == [
        ("animal", "bee"),
        ("animal", "cat"),
        ("thing", "cup"),
    ]
    assert [row.path[-8:-4] for _, row in found[:4]] == ["0000", "0002", "0004", "0006"]
    with pytest.raises(RequestError, match=r"1 class of the kind 'animal' with 6 photographs .* 2 are needed"):
        list(chosen(rows(bee=8, cat=5, cup=6), kinds, each=6))


def test_they_are_made_small_and_never_larger():
    for size, expected in (((300, 170), (282, 160)), ((100, 80), (100, 80)), ((176, 275), (160, 250))):
        data = picture_bytes(Image.new("RGB", size, "teal"), "PNG")
        with Image.open(io.BytesIO(small(data))) as image:
            assert image.format == "WEBP" and image.size == expected and min(image.size) <= SHORT_SIDE


def test_a_folder_is_written_of_the_rows_that_may_ship(tmp_path, capsys):
    generator = np.random.default_rng(0)
    labels = [label for kind in KINDS for label in kind.classes[: kind.wanted]]
    picture = picture_bytes(generator.integers(0, 256, (20, 30, 3), np.uint8), "PNG")
    columns = [(label, f"x/{label}/image_{n:04}.png", "caltech101") for label in labels for n in range(EACH)]
    columns += [("ant", f"other/ant/image_{n:04}.png", "another") for n in range(50)]
    table = pa.table(
        {
            "image": [{"bytes": picture, "path": path} for _, path, _ in columns],
            "label": [label for label, _, _ in columns],
            "source": [source for _, _, source in columns],
        }
    )
    pq.write_table(table, tmp_path / "some.parquet")
    assert write_photographs([tmp_path / "some.parquet"], tmp_path / "made") == 300
    told = json.loads((tmp_path / "made" / "table.json").read_text("utf-8"))
    assert [one["label"] for one in told] == [label for label, _, source in columns if source == "caltech101"]
    assert told[0] == {"file": "Leopards/Leopards_0000.webp", "kind": "animal", "label": "Leopards"}
    assert all((tmp_path / "made" / one["file"]).is_file() for one in told)
    assert sorted(one.name for one in tmp_path.iterdir()) == ["made", "some.parquet"], "nothing is left beside it"
    assert main(["--data", str(tmp_path / "some.parquet"), "--out", str(tmp_path / "made")]) == 2
    assert "not an empty folder" in capsys.readouterr().err


def test_what_ships_is_what_the_rule_says_with_licence_and_names():
    here = photographs()
    assert len(here) == 300 and all(one.path.is_file() for one in here)
    assert {one.kind: len({other.label for other in here if other.kind == one.kind}) for one in here} == {
        kind.name: kind.wanted for kind in KINDS
    }
    assert len(list(PHOTOGRAPHS.rglob("*.webp"))) == 300
    assert sum(path.stat().st_size for path in PHOTOGRAPHS.rglob("*")) < 3e6
    notice = " ".join((PHOTOGRAPHS / "README.md").read_text("utf-8").split())
    for words in ("Creative Commons Attribution 4.0", "Ranzato", "Changed: made smaller", RULE, "trained on these"):
        assert words in notice
