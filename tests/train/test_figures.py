"""Curves of a run and of grids as pages: what is in them, and what is said where there is nothing to draw."""

import json
import re

import pytest

from core.records.runs import append_metrics
from train.ablate.figures import draw_grid, draw_scaling
from train.ablate.grids import Cell, Row
from train.config import RunConfig
from train.figures import main


def drawn(path) -> list[dict]:
    """The figures in a page: by trace name, x and y."""
    figures = json.loads(re.search(r"^const figures = (\[.*\]);$", path.read_text(encoding="utf-8"), re.MULTILINE)[1])
    return [
        {"title": one["layout"]["title"]["text"]} | {trace["name"]: trace for trace in one["data"]} for one in figures
    ]


def rows(sizes, counts) -> list[Row]:
    places = enumerate((size, images) for size in sizes for images in counts)
    return [
        Row(Cell(f"{size}, {images}", RunConfig(), ()), [{"k-NN": 0.1 * at}, {"k-NN": 0.1 * at + 0.02}], size, images)
        for at, (size, images) in places
    ]


def test_scaling_is_drawn_over_images_and_over_parameters(tmp_path):
    path = draw_scaling(rows((10**5, 10**6), (100, 1000)), ["k-NN"], tmp_path)
    assert path == tmp_path / "scaling.html"
    by_images, by_size = drawn(path)
    assert by_images["100 K parameters"]["x"] == [100, 1000]
    assert by_images["1.0 M parameters"]["y"] == pytest.approx([0.21, 0.31])
    assert by_size["1,000 images"]["x"] == [10**5, 10**6]
    assert by_size["1,000 images"]["error_y"]["array"] == pytest.approx([0.0141, 0.0141], abs=1e-4)


def test_what_does_not_vary_has_no_figure_unless_nothing_does(tmp_path):
    assert len(drawn(draw_scaling(rows((10**5,), (100, 1000)), ["k-NN"], tmp_path))) == 1
    assert len(drawn(draw_scaling(rows((10**5,), (100,)), ["k-NN"], tmp_path))) == 2


def test_a_grid_is_drawn_cell_by_cell_and_seed_by_seed(tmp_path):
    (figure,) = drawn(draw_grid(rows((1, 2), (5,)), ["k-NN"], tmp_path))
    assert figure["mean of the seeds"]["y"] == ["1, 5", "2, 5"]
    assert figure["mean of the seeds"]["x"] == pytest.approx([0.01, 0.11])
    assert figure["each seed"]["x"] == pytest.approx([0.0, 0.02, 0.1, 0.12])


def test_a_run_is_drawn_by_the_command_and_a_folder_without_one_is_refused(tmp_path, capsys):
    run = tmp_path / "run"
    run.mkdir()
    assert main([str(run)]) == 2
    assert "holds no log and no scores" in capsys.readouterr().err
    for step in (10, 20):
        append_metrics(run, step, {"loss": 10.0 / step, "lr": 0.1})
    assert main([str(run)]) == 0
    assert str(run / "figures.html") in capsys.readouterr().out
    losses, rate = drawn(run / "figures.html")
    assert losses["loss"]["y"] == [1.0, 0.5] and rate["title"] == "lr"
    with pytest.raises(SystemExit):
        main(["--help"])
    assert "no network" in " ".join(capsys.readouterr().out.split())
