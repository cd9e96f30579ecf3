import subprocess
import sys
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch

from app.match import handlers
from app.match.events import MatchEvents
from app.match.handlers import MatchSettings, Region
from app.server.engine import Engine
from app.server.session import NOTHING_SENT, Pin, Tray
from app.server.trays import open_tray
from app.server.uploads import add_bytes
from core import RequestError
from tests.app.small import SIZE, photograph

USUAL = MatchSettings(size=SIZE, density=1)


@pytest.fixture
def tray(engine: Engine) -> Tray:
    tray = Tray("ada")
    for seed, (width, height) in enumerate([(160, 120), (90, 150), (160, 120)]):
        tray = add_bytes(engine.library, tray, photograph(seed, width, height), f"{seed}.png")
    return tray


@pytest.fixture
def model(engine: Engine):
    return engine.models.get("small")


def test_the_reference_is_matched_with_every_other_picture(engine, tray, model):
    screen = handlers.show(engine, tray, model, USUAL)
    assert screen.reference == 0 and list(screen.pairs) == [1, 2]
    for other, found in screen.pairs.items():
        width, height = screen.encoded.items[other].image.size
        assert (found.points_b >= 0).all() and (found.points_b <= torch.tensor([width, height])).all()
    assert f"Matches of 0.png: {len(screen.pairs[1])} in 1.png, {len(screen.pairs[2])} in 2.png." in screen.facts
    turned = handlers.show(engine, tray, model, USUAL, reference="p1")
    assert turned.reference == 1 and list(turned.pairs) == [0, 2]
    assert handlers.show(engine, tray, model, USUAL, reference="gone").reference == 0


def test_a_stage_that_appears_late_is_whole(engine, tray):
    """Of updates that come before a component is there, Gradio keeps the last alone."""
    events = MatchEvents(SimpleNamespace(engine=engine), None, None)
    *_, last = events.paint(tray, "small", "", None, NOTHING_SENT, size=SIZE)
    props = last["stage"].props
    assert props["pictures"]["pictures"] and props["features"]["grids"] and props["matches"]
    assert props["busy"] is False


def test_no_control_runs_the_model_and_a_pair_is_compared_once(engine, tray, model):
    first = handlers.show(engine, tray, model, USUAL)
    before = engine.forwards
    for settings in (
        MatchSettings(size=SIZE, density=0.5),
        MatchSettings(size=SIZE, mutual=False, inside=False, smoothing=2),
        MatchSettings(size=SIZE, show="Parts", parts=3),
    ):
        handlers.show(engine, tray, model, settings)
    assert engine.forwards == before == 3
    again = handlers.show(engine, tray, model, USUAL, sent=first.sent)
    assert again.pairs[1] is first.pairs[1]
    assert not again.new_pictures and not again.new_features
    fewer = handlers.show(engine, tray.select("p2", False), model, USUAL, sent=first.sent)
    assert fewer.new_pictures and fewer.new_features


def test_controls_do_what_they_say(engine, tray, model):
    def count(**values) -> int:
        return len(handlers.show(engine, tray, model, MatchSettings(size=SIZE, **values)).pairs[2])

    assert count(density=0.25, inside=False) < count(density=1, inside=False)
    assert count(density=1, inside=False) <= count(density=1, inside=False, mutual=False)
    assert count(density=1) < count(density=1, inside=False)


def test_parts_are_shared_and_leave_the_ground_out(engine, tray, model):
    screen = handlers.show(engine, tray, model, MatchSettings(size=SIZE, show="Parts", parts=3))
    assert [label.shape for label in screen.labels] == [one.patches.shape[:2] for one in screen.encoded.maps]
    labels = torch.cat([label.flatten() for label in screen.labels])
    assert set(labels.tolist()) == {-1, 0, 1, 2}
    assert screen.facts.startswith("Sizes of the parts: ") and screen.facts.count("%") == 3
    everywhere = handlers.show(engine, tray, model, MatchSettings(size=SIZE, show="Parts", parts=3, inside=False))
    assert all((label >= 0).all() for label in everywhere.labels)


def test_a_region_is_carried_and_lines_start_in_it(engine, tray, model):
    square = ((0.25, 0.25), (0.75, 0.25), (0.75, 0.75), (0.25, 0.75))
    screen = handlers.show(engine, tray, model, USUAL, region=Region("p0", square))
    assert screen.carried.source == 0 and screen.region == Region("p0", square)
    mask = screen.carried.masks[0]
    assert mask[2:4, 2:6].all() and not mask[0].any() and not mask[:, 0].any()
    assert [one.shape for one in screen.carried.masks] == [one.patches.shape[:2] for one in screen.encoded.maps]
    rows, columns = screen.pairs[1].patches_a.T
    assert mask[rows, columns].all()
    assert len(screen.pairs[1]) < len(handlers.show(engine, tray, model, USUAL).pairs[1])
    elsewhere = handlers.show(engine, tray, model, USUAL, region=Region("p1", square))
    assert elsewhere.carried.source == 1
    assert len(elsewhere.pairs[1]) == len(handlers.show(engine, tray, model, USUAL).pairs[1])
    assert handlers.show(engine, tray.select("p1", False), model, USUAL, region=Region("p1", square)).carried is None
    whole = handlers.show(engine, tray, model, USUAL, region=Region("p0", ((-1, -1), (2, -1), (2, 2), (-1, 2))))
    assert all(one.all() for one in whole.carried.masks)


def test_six_are_matched_and_what_is_left_out_is_said(engine, model):
    tray = Tray("ada")
    for seed in range(8):
        tray = add_bytes(engine.library, tray, photograph(seed), f"{seed}.png")
    screen = handlers.show(engine, tray, model, MatchSettings(size=SIZE))
    assert len(screen.encoded.ids) == 6
    assert screen.facts.endswith("6 pictures are matched at most: 6.png, 7.png left out.")


def test_examples_select_their_pictures_and_keep_the_others(engine):
    tray = add_bytes(engine.library, Tray("ada"), photograph(1), "mine.png")
    offered = handlers.PHOTOGRAPHS | handlers.WORLD
    assert handlers.examples() == list(offered)
    for name, pictures in offered.items():
        tray = handlers.open_example(engine, tray, name)
        assert sorted(picture.name for picture in tray.chosen) == sorted(pictures)
        assert len(engine.items(tray)) == len(pictures)
    assert "mine.png" in [picture.name for picture in tray.pictures]
    with pytest.raises(RequestError, match="no example 'Dogs'"):
        handlers.open_example(engine, tray, "Dogs")


def test_an_example_whose_pictures_are_not_here_is_not_offered(engine, monkeypatch):
    monkeypatch.setattr(handlers, "rendered", list)
    assert handlers.examples() == list(handlers.PHOTOGRAPHS)
    with pytest.raises(RequestError, match="no example 'Elephants, as photographs and drawn'"):
        handlers.open_example(engine, Tray("ada"), "Elephants, as photographs and drawn")


def test_who_has_chosen_nothing_sees_the_first_example_and_keeps_their_tray(engine):
    opened = open_tray(engine, "ada")
    shown = handlers.matched(engine, opened)
    assert {picture.name for picture in shown.chosen} == set(handlers.PHOTOGRAPHS[handlers.examples()[0]])
    assert len(engine.items(shown)) == 2 and shown == handlers.matched(engine, opened)
    later = add_bytes(engine.library, opened, photograph(1), "mine.png")
    assert not {picture.id for picture in shown.pictures} & {picture.id for picture in later.pictures}
    again = opened.select("p0", False).select("p0", True)
    example = handlers.open_example(engine, opened, handlers.examples()[0])
    by_hand = replace(opened, untouched=False)
    for chosen in (later, again, example, by_hand, opened.remove("p1"), opened.add("x", "digest")):
        assert handlers.matched(engine, chosen) is chosen
    assert handlers.matched(engine, opened, Pin("p0", 1, 1)) is opened


def test_what_is_too_little_or_no_outline_is_refused(engine, tray, model):
    one = tray.select("p1", False).select("p2", False)
    with pytest.raises(RequestError, match="select a second"):
        handlers.show(engine, one, model, USUAL)
    for outline in ([1, 2], ["<b>"], [[0.1, float("nan")]], [[0.1, 10**400]], [[0.1]], [{}]):
        with pytest.raises(RequestError, match="no outline"):
            handlers.region_from("p0", outline)
    with pytest.raises(RequestError, match="show is 'Stripes'"):
        MatchSettings(show="Stripes")


def test_handlers_and_files_need_no_gradio():
    code = "import sys, app.match.handlers, app.match.files; print('gradio' in sys.modules, 'train' in sys.modules)"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True)
    assert result.stdout.split() == ["False", "False"]
