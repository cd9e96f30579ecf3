import csv
import json
import re

import pytest

from app.map import files
from app.map.colours import coloured
from core import RequestError
from core.projection.components import project
from tests.app.map.made import NAMES, made_atlas

ATLAS = made_atlas(12)
PLACES = project(ATLAS.vectors).coordinates


def test_the_table_has_every_point_and_no_formula(tmp_path):
    found = coloured(ATLAS, PLACES, "cluster", groups=3)
    path = files.table(tmp_path, ATLAS, PLACES, found.clusters, chosen=(3, 5))
    rows = list(csv.DictReader(path.read_text("utf-8-sig").splitlines()))
    assert len(rows) == 12
    assert rows[0]["name"] == "'=HYPERLINK(1)" and rows[2]["name"] == "снимок.png"
    assert [row["label"] for row in rows] == list("abc" * 4)
    assert {row["cluster"] for row in rows} == {"1", "2", "3"}
    assert sum(int(row["medoid"]) for row in rows) == 3
    assert [point for point, row in enumerate(rows) if row["chosen"] == "1"] == [3, 5]
    assert [float(row["x"]) for row in rows] == pytest.approx(PLACES[:, 0], abs=1e-5) and min(PLACES[:, 0]) < 0
    assert rows[1]["date"] == "2023-11-15"


def test_the_page_holds_its_points_and_takes_no_name_for_html(tmp_path):
    path = files.page(tmp_path, ATLAS, PLACES, coloured(ATLAS, PLACES, "cluster", groups=3), "read it so")
    page = path.read_text("utf-8")
    assert "<img src=x" not in page and "<title>Made &lt;b&gt;, a map</title>" in page
    props = json.loads(re.search(r"^const props = (.*);$", page, re.MULTILINE)[1])
    assert props["inline"]["1"]["name"] == NAMES[1] and len(props["inline"]) == 12
    assert not re.search(r"(src|href)=[\"']?https?:", page)


def test_a_page_of_too_many_points_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "MOST_INLINE", 5)
    with pytest.raises(RequestError, match="5 points at most"):
        files.page(tmp_path, ATLAS, PLACES, coloured(ATLAS, PLACES, "nothing"), "")
