"""A grid of tiny runs: the cells differ in what they name, and finished runs are not run again."""

import json
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from core import RequestError, load_model
from tests.train.small_run import CONFIG, last_weights, logged
from train.ablate import __main__ as module
from train.ablate.__main__ import Command, ablate, as_text, main
from train.ablate.grids import GRIDS, Cell, Row, data_cells, distillation_cells, named_cells, scaling_cells
from train.ablate.scores import ScoreConfig
from train.pretrain import pretrain

SHORT = replace(
    CONFIG,
    optim=replace(CONFIG.optim, steps=2, warmup_steps=1, temperature_warmup_steps=1),
    log=replace(CONFIG.log, snapshots=False),
)


@pytest.fixture(scope="module")
def labelled(tmp_path_factory):
    root, random = tmp_path_factory.mktemp("labelled"), np.random.default_rng(0)
    for number in range(12):
        label, colour = (("sky", (40, 90, 220)), ("leaf", (60, 180, 40)))[number % 2]
        (root / label).mkdir(exist_ok=True)
        pixels = np.clip(np.array(colour) + random.normal(0, 20, (60, 60, 3)), 0, 255).astype(np.uint8)
        Image.fromarray(pixels).save(root / label / f"{number}.png")
    return root


def command(photographs, labelled, out, **more) -> Command:
    return Command((photographs,), out, seeds=(0, 1), scoring=ScoreConfig((labelled,)), config=SHORT, **more)


def test_a_grid_is_run_once_and_told(photographs, labelled, tmp_path, monkeypatch):
    runs = []
    train = pretrain
    monkeypatch.setattr(module, "pretrain", lambda *given, **more: runs.append(given[2].name) or train(*given, **more))
    given = command(photographs, labelled, tmp_path, grid="koleo")
    rows = ablate(given)
    assert runs == [f"{cell}-seed{seed}" for cell in ("without-KoLeo", "with-KoLeo") for seed in (0, 1)]
    again = ablate(given)
    assert len(runs) == 4 and [row.scores for row in again] == [row.scores for row in rows]
    written = json.loads((tmp_path / "results.json").read_text())
    assert [row["cell"] for row in written["rows"]] == ["without KoLeo", "with KoLeo"]
    assert written["rows"][0]["means"]["linear"] == pytest.approx(np.mean([one["linear"] for one in rows[0].scores]))
    assert given.shown(rows) == list(rows[0].scores[0]) and replace(given, show=("linear",)).shown(rows) == ["linear"]
    with pytest.raises(RequestError, match="no score 'depth'"):
        replace(given, show=("depth",)).shown(rows)
    load_model(tmp_path / "runs" / "with-KoLeo-seed1", device="cpu")
    losses = {name: logged(tmp_path / "runs" / f"{name}-seed0")[-1][-1] for name in ("without-KoLeo", "with-KoLeo")}
    assert losses["without-KoLeo"] == 0 != losses["with-KoLeo"]
    (tmp_path / "runs" / "with-KoLeo-seed0" / "scores.json").unlink()  # stopped before it was judged
    assert [row.scores for row in ablate(given)] == [row.scores for row in rows] and len(runs) == 4
    other = replace(given, config=replace(SHORT, optim=replace(SHORT.optim, steps=3)))
    with pytest.raises(RequestError, match="other values"):
        ablate(other)


def test_the_named_grids_differ_in_what_they_name():
    for grid in GRIDS:
        cells = named_cells(grid, SHORT, [])
        assert len({cell.folder for cell in cells}) == len(cells)
        assert len({str(cell.config) for cell in cells}) == len(cells), grid
    first, *_, last = named_cells("components", SHORT, [])
    assert first.config.heads.tied and first.config.objective.centring == "softmax"
    assert last.config == SHORT


def test_tied_heads_are_one(photographs, tmp_path):
    tied = replace(SHORT, heads=replace(SHORT.heads, tied=True, dino_prototypes=48))
    run = pretrain(tied, [photographs], tmp_path / "run")
    names = [name for name in last_weights(run) if "ibot_head" in name]
    assert not names and last_weights(run)["patch_centring.centre"].shape == (1, 48)
    assert all(np.isfinite(row).all() for row in np.array(logged(run)))


def test_a_share_of_the_images_is_spread_over_them(photographs, tmp_path):
    run = pretrain(replace(SHORT, images=3), [photographs], tmp_path / "run")
    assert json.loads((run / "config.json").read_text())["images"] == 3
    with pytest.raises(Exception, match="99 images are asked for"):
        pretrain(replace(SHORT, images=99), [photographs], tmp_path / "other")


def test_sources_and_sizes(tmp_path):
    cells = data_cells(SHORT, [tmp_path / "a", tmp_path / "b"])
    assert [(cell.name, cell.data) for cell in cells] == [("a", (tmp_path / "a",)), ("b", (tmp_path / "b",))]
    with pytest.raises(RequestError, match="two or more"):
        data_cells(SHORT, [tmp_path / "a"])
    cells = scaling_cells(SHORT, [], ["24x1x2", "48x1x3"], [5, 0])
    assert [cell.name for cell in cells][:2] == ["24x1x2, 5 images", "24x1x2, all images"]
    assert cells[2].config.model.width == 48 and cells[2].config.images == 5
    with pytest.raises(RequestError, match="WIDTHxDEPTHxHEADS"):
        scaling_cells(SHORT, [], ["small"], [])


def test_a_teacher_is_compared_with_none():
    scratch, taught = distillation_cells(SHORT, [], "embedded")
    assert scratch.config == SHORT and taught.config.distillation.teacher == "embedded"
    assert taught.config.optim == SHORT.optim and taught.config.masks.probability == 0
    with pytest.raises(RequestError, match="--teacher"):
        distillation_cells(SHORT, [], "")


def test_the_longer_side_of_a_table_goes_down():
    rows = [
        Row(Cell(name, SHORT, ()), [{"a": 0.1, "b": 0.2, "c": 0.3}, {"a": 0.3, "b": 0.2, "c": 0.3}], 1, 1)
        for name in "xy"
    ]
    head, first, *_ = as_text(rows, ["a", "b"], 2).splitlines()
    assert head.split() == ["a", "b"] and first.split() == ["x", "0.200", "±0.141", "0.200", "±0.000"]
    lines = as_text(rows, ["a", "b", "c"], 2).splitlines()
    assert [line.split()[0] for line in lines[:4]] == ["x", "a", "b", "c"]


@pytest.mark.parametrize(("grid", "drawn"), [("koleo", "ablation.html"), ("scaling", "scaling.html")])
def test_the_command_draws_what_it_prints(grid, drawn, tmp_path, monkeypatch, capsys):
    rows = [Row(Cell("a cell", SHORT, ()), [{"k-NN": 0.1}], 1, 1)]
    monkeypatch.setattr(module, "ablate", lambda command: rows)
    assert main(["--grid", grid, "--data", str(tmp_path), "--out", str(tmp_path), "--seeds", "0"]) == 0
    assert f"drawn into {tmp_path / drawn}." in capsys.readouterr().out and (tmp_path / drawn).is_file()


def test_nothing_asked_and_mistakes_end_with_a_sentence(photographs, tmp_path, capsys):
    assert main(["--data", str(photographs), "--out", str(tmp_path)]) == 2
    assert "--labelled" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["--help"])
    assert "components" in capsys.readouterr().out
