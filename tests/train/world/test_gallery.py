"""The gallery: every category in every domain, and a table that says what each picture is."""

import json

import pytest
from PIL import Image

from core import RequestError
from train.world import CATEGORIES, DOMAINS
from train.world.gallery import main, write_gallery


@pytest.mark.slow
def test_every_category_stands_there_in_every_domain(tmp_path):
    count = write_gallery(tmp_path / "gallery", each=1)
    rows = json.loads((tmp_path / "gallery" / "table.json").read_text("utf-8"))
    assert count == len(rows) == len(CATEGORIES) * len(DOMAINS)
    assert {(row["category"], row["domain"]) for row in rows} == {(c, d) for c in CATEGORIES for d in DOMAINS}
    for row in rows:
        assert row["family"] == CATEGORIES[row["category"]]
        with Image.open(tmp_path / "gallery" / row["file"]) as image:
            assert image.format == "WEBP" and image.size == (224, 224)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["gallery"], "nothing is left beside it"


def test_nothing_is_written_over(tmp_path, capsys):
    (tmp_path / "mine.txt").write_text("kept")
    with pytest.raises(RequestError, match="not an empty folder"):
        write_gallery(tmp_path)
    assert main(["--out", str(tmp_path)]) == 2 and "not an empty folder" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]
