"""All blocks and heads of one picture: as many tiles as the model has, each what the stage would show."""

from dataclasses import replace

import numpy as np
import pytest

from app.explore import handlers
from app.explore.multiples import alike, multiples
from app.explore.settings import Settings
from app.explore.views import attention
from app.server.session import Pin, Tray
from app.server.uploads import add_bytes
from core import RequestError
from tests.app.small import SIZE, photograph


@pytest.fixture
def tray(engine) -> Tray:
    tray = add_bytes(engine.library, Tray("ada"), photograph(0), "0.png")
    return add_bytes(engine.library, tray, photograph(1, 90, 150), "1.png")


def told(engine, tray, settings, pin=None) -> dict:
    *_, last = multiples(engine, tray, engine.models.get("small"), settings, pin)
    return last["multiples"].props["multiples"]


@pytest.mark.parametrize("view", ["PCA", "Foreground", "Norms", "Segments"])
def test_every_block_has_a_tile_and_the_one_on_the_stage_is_marked(engine, tray, view):
    prop = told(engine, tray, Settings(view, size=SIZE, block=2))
    (group,) = prop["groups"]
    assert prop["name"] == "0.png" and group["title"] == "All blocks"
    assert [tile["number"] for tile in group["tiles"] if tile["shown"]] == [2]
    if view in ("PCA", "Norms"):  # blocks that nobody trained change little: groups and objects stay
        assert len({tile["uri"] for tile in group["tiles"]}) == 3
    (group,) = told(engine, tray, Settings(view, size=SIZE))["groups"]
    assert [tile["shown"] for tile in group["tiles"]] == [False, False, True]


def test_attention_has_its_heads_too(engine, tray):
    blocks, heads = told(engine, tray, Settings("Attention", size=SIZE, options=attention.Options(head="2")))["groups"]
    assert (blocks["title"], heads["title"]) == ("All blocks, head 2", "All heads of block 3")
    assert [tile["shown"] for tile in heads["tiles"]] == [False, True]
    assert heads["tiles"][1]["uri"] == blocks["tiles"][2]["uri"] != heads["tiles"][0]["uri"]


def test_the_picture_with_the_pin_is_the_one(engine, tray):
    assert told(engine, tray, Settings("Norms", size=SIZE), Pin("p1", 10, 10))["name"] == "1.png"


def test_colours_of_a_block_are_turned_to_the_next_ones(engine, tray):
    model, alone = engine.models.get("small"), tray.select("p1", False)
    screens = [handlers.show(engine, alone, model, Settings("PCA", size=SIZE, block=block)) for block in (1, 2, 3)]
    mirrored = [255 - layer for layer in screens[1].painted.layers]
    screens[1] = replace(screens[1], painted=replace(screens[1].painted, layers=mirrored))
    made = alike(screens, Settings("PCA").shown)
    assert made[-1] is screens[-1]

    def likeness(one, other) -> float:
        pairs = ((screen.painted.layers[0][..., k].ravel() for screen in (one, other)) for k in range(3))
        return sum(np.corrcoef(*pair)[0, 1] for pair in pairs)

    assert likeness(screens[1], screens[2]) < 0 < 2 < likeness(made[1], made[2])
    norms = [handlers.show(engine, alone, model, Settings("Norms", size=SIZE))]
    assert alike(norms, Settings("Norms").shown) == norms


def test_nothing_selected_is_said(engine):
    with pytest.raises(RequestError, match="No picture is selected"):
        told(engine, Tray("ada"), Settings("PCA", size=SIZE))
