"""Figures hold the numbers they were given, show names as they are, and make pages that ask nobody for anything."""

import json
import re

import numpy as np
import pytest

from core.analysis.render import label_colours
from core.figures import as_json, explained_variance, group_sizes, histogram, patches_in_space, run_figures, save_page
from core.records.scores import Curve, Reading

EVIL = "</script><b>bold</b>"


def titles(figures) -> list[str]:
    return [one.layout.title.text for one in figures]


def test_a_run_has_its_losses_in_one_figure_then_scores_then_the_rest():
    lines = [
        {"step": 10, "loss": 9.0, "ibot": 4.0, "lr": 0.1},
        {"step": 15, "knn": 0.5},
        {"step": 20, "loss": 8.0, "ibot": 3.0, "lr": 0.2},
    ]
    points = {0: Reading(0.1, 0.05, 0.2), 8: Reading(0.4, 0.3, 0.5)}
    curve = Curve("depth", "depth RMSE", "", False, 1.4, None, points, {"colour": 0.9})
    figures = run_figures([curve], lines)
    assert titles(figures) == ["Losses", "depth RMSE (less is better)", "lr", "knn"]
    assert {trace.name: (trace.x, trace.y) for trace in figures[0].data} == {
        "loss": ((10, 20), (9.0, 8.0)),
        "ibot": ((10, 20), (4.0, 3.0)),
    }
    score = {trace.name: trace for trace in figures[1].data if trace.name}
    assert score["this run"].x == (0, pytest.approx(np.log2(9))) and score["this run"].y == (0.1, 0.4)
    assert score["chance"].y == (1.4, 1.4) and score["colour"].y == (0.9, 0.9)
    assert figures[1].layout.xaxis.ticktext == ("0", "8")
    assert figures[3].data[0].x == (15,)
    assert run_figures([], []) == []


def test_explained_variance_adds_up():
    made = explained_variance([0.5, 0.25, 0.125])
    assert made.data[0].y == (0.5, 0.25, 0.125) and made.data[1].y == (0.5, 0.75, 0.875)


def test_a_histogram_counts_every_patch_in_the_same_bins():
    values = {"a": np.linspace(0, 1, 12).reshape(3, 4), EVIL: np.full((2, 2), 4.0)}
    made = histogram("Norms", values, {"median": 0.5})
    assert [sum(trace.y) for trace in made.data] == [12, 4]
    assert np.array_equal(made.data[0].x, made.data[1].x) and made.data[1].y[-1] == 4
    assert made.data[1].name == "&lt;/script&gt;&lt;b&gt;bold&lt;/b&gt;"
    assert made.layout.annotations[0].text == "median 0.50" and made.layout.shapes[0].x0 == 0.5


def test_groups_of_a_picture_add_up_to_one():
    made = group_sizes({"a": np.array([[0, 0, 1, 2]]), "b": np.array([[1, 1]])}, label_colours(3))
    assert [trace.x for trace in made.data] == [(0.5, 0), (0.25, 1), (0.25, 0)]
    assert made.data[0].marker.color == "#e69f00"


def test_patches_lie_where_they_are_and_have_their_colours():
    places = np.arange(18, dtype=np.float32).reshape(2, 3, 3)
    colours = np.zeros((2, 3, 3), np.uint8)
    colours[1, 2] = 255, 0, 16
    made = patches_in_space(["a", EVIL], ["p0", "p4"], [places, places + 1], [colours, colours], [0.5, 0.3, 0.1])
    first, second = made.data
    assert (first.meta, second.meta) == ("p0", "p4") and first.marker.symbol != second.marker.symbol
    assert (first.x[4], first.y[4], first.z[4]) == tuple(places[1, 1])
    assert first.customdata[5].tolist() == [2, 3] and first.marker.color[5] == "#ff0010"
    assert made.layout.scene.zaxis.title.text == "component 3 (10%)"
    assert "<b>" not in second.name + second.hovertemplate


def test_a_page_holds_its_script_and_no_name_ends_it(tmp_path):
    made = explained_variance([0.5])
    made.data[0].name = EVIL
    path = save_page(tmp_path / "deep" / "figures.html", EVIL, [made], "a <note>")
    text = path.read_text(encoding="utf-8")
    assert len(text) > 10**6 and "plotly.js v" in text
    assert not re.search(
        r"<(script|link|img)[^>]*(src|href)=",
        text.replace(text[text.index("/**") : text.rindex("</script>\n<script>")], ""),
    )
    assert EVIL not in text and "a &lt;note&gt;" in text
    figures = re.search(r"^const figures = (\[.*\]);$", text, re.MULTILINE)[1]
    assert json.loads(figures)[0]["data"][0]["name"] == EVIL


def test_figures_are_never_sent_anywhere_by_a_button():
    config = json.loads(as_json(explained_variance([0.5])))["config"]
    assert config["modeBarButtonsToRemove"] == ["sendChartToCloud"] and not config["displaylogo"]
