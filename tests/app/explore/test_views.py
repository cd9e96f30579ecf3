"""A view is one object: a toy, registered like the others, is on the page, in the API and among what is taken away."""

import json
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, fields
from types import SimpleNamespace
from typing import Annotated

import numpy as np
import pytest
from gradio_client import Client, handle_file
from playwright.sync_api import expect

import core
from app.build import build, launch
from app.compare.columns import Column
from app.compare.handlers import compare
from app.explore import controls, downloads, handlers, views
from app.explore.controls import Menu, Slider
from app.explore.events import ExploreEvents
from app.explore.settings import Settings
from app.explore.view import Code, Endpoint, Painted, Program, Scene, View
from app.page.files import provenance
from app.server.access import Access
from app.server.engine import Engine
from app.server.models import Models
from app.server.session import NOTHING_SENT, Tray
from app.server.uploads import add_bytes
from core.analysis.render import colourise
from tests.app.browsing import opened
from tests.app.conftest import unused_port
from tests.app.small import SIZE, photograph, small_model


@dataclass(frozen=True)
class Options:
    channel: int = 1
    power: float = 1.0


def paint(scene: Scene) -> Painted:
    chosen = scene.options
    values = [one.patches[..., chosen.channel - 1].sigmoid().numpy() ** chosen.power for one in scene.maps]
    layers = [colourise(value, "viridis", 0, 1) for value in values]
    return Painted(layers, values, facts=f"Channel {chosen.channel}.")


def program(code: Code) -> Program:
    chosen = code.options
    return ["from core.analysis.render import colourise"], [
        code.extract,
        f"values = [m.patches[..., {chosen.channel - 1}].sigmoid().numpy() ** {chosen.power} for m in maps]",
        "colours = [colourise(value, 'viridis', 0, 1) for value in values]",
    ]


def asked(channel: Annotated[int, "channel, from 1"] = 1) -> Options:
    """One number of the features.

    channel: which.
    """
    return Options(channel)


TOY = View(
    "Channel",
    "One number of each patch's features.",
    "A lesson about channels.",
    paint,
    program,
    Options,
    (Slider("channel", "Channel", 1, 48), Menu("power", "Power", [1.0, 2.0])),
    Endpoint(asked, lambda painted: {"largest": float(painted.values[0].max())}, digits=2),
    blend=0.5,
    smooth=False,
    compared="One number for each model.",
)


@pytest.fixture
def registered(monkeypatch) -> None:
    monkeypatch.setattr(views, "VIEWS", (*views.VIEWS, TOY))


@pytest.fixture
def tray(engine: Engine) -> Tray:
    tray = add_bytes(engine.library, Tray("ada"), photograph(0), "0.png")
    return add_bytes(engine.library, tray, photograph(1, 90, 150), "1.png")


def test_the_pages_handlers_paint_it_with_its_own_controls(registered, engine, tray):
    events = ExploreEvents(SimpleNamespace(engine=engine), None, None)
    others = {"red": 1.0, "segments": 6.0, "asking": "cls"}  # of the other views' controls
    widgets = others | {"view": "Channel", "size": float(SIZE), "block": 2.0, "channel": 7.0, "power": 2.0}
    *_, last = events.paint(tray, "small", None, None, None, NOTHING_SENT, **widgets)
    sent = last["stage"].props["view"]
    assert (sent["kind"], sent["blend"], sent["smooth"], sent["scores"]) == ("channel", 0.5, False, False)
    assert sent["caption"] == TOY.caption and set(sent["layers"]) == {"p0", "p1"}
    assert last["facts"] == "Channel 7." and "histogram" not in last
    assert "patches[..., 6]" in last["program"]


def test_its_code_reproduces_it_and_its_files_carry_its_name_and_options(
    registered, engine, tray, tmp_path, monkeypatch
):
    for name in ("0.png", "1.png"):
        (tmp_path / name).write_bytes(
            engine.library.read("ada", next(p for p in tray.pictures if p.name == name).digest)
        )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(core, "load_model", small_model)
    model, settings = engine.models.get("small"), Settings("Channel", size=SIZE, options=Options(3))
    screen = handlers.show(engine, tray, model, settings)
    scope: dict = {}
    exec(screen.program, scope)
    for value, expected in zip(scope["values"], screen.painted.values, strict=True):
        assert np.allclose(value, expected, atol=1e-6)
    with zipfile.ZipFile(downloads.pictures(tmp_path, screen, settings, model)) as archive:
        assert archive.namelist() == ["1-0-channel.png", "2-1-channel.png"]
    assert provenance(screen.encoded, settings.as_dict(), model)["settings"] == {
        "view": "Channel", "size": SIZE, "block": 0, "channel": 3, "power": 1.0,
    }  # fmt: skip


def test_models_are_compared_by_it(registered, engine, tray):
    models = [engine.models.get(name) for name in ("small", "a third")]
    asked = [Column(model, Settings("Channel", size=SIZE)) for model in models]
    columns = compare(engine, tray, asked)["columns"]
    assert [column["view"]["caption"] for column in columns] == [TOY.compared] * 2
    json.dumps(columns)


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    engine = Engine("small", models=Models("small", load=small_model))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(views, "VIEWS", (*views.VIEWS, TOY))
        blocks = build(engine, Access(loopback=True, password=False, default="small"))
        yield launch(blocks, "127.0.0.1", unused_port(), wait=False)
        blocks.close(verbose=False)


def test_programs_ask_for_it(address, tmp_path):
    (tmp_path / "disc.png").write_bytes(photograph(3))
    client = Client(address, verbose=False)
    described = client.view_api(return_format="dict")["named_endpoints"]["/channel"]
    assert described["description"].startswith("One number of the features.")
    assert [one["parameter_name"] for one in described["parameters"]] == ["image", "size", "layer", "channel"]
    assert described["parameters"][3]["label"] == "channel, from 1"
    file = handle_file(str(tmp_path / "disc.png"))
    told = [client.predict(image=file, size=SIZE, **more, api_name="/channel")[1] for more in ({}, {"channel": 5})]
    assert told[0]["grid"] == [6, 8] and told[0]["values"] != told[1]["values"]
    assert told[0]["largest"] == pytest.approx(np.max(told[0]["values"]), abs=0.005)


@pytest.mark.slow
def test_its_key_chooses_it_and_its_control_paints_it_anew(browser, address):
    with opened(browser, address) as page:
        expect(page.locator("#facts")).to_contain_text("Explained variance")
        page.keyboard.press(str(len(views.VIEWS)))
        expect(page.locator("#facts")).to_have_text("Channel 1.")
        expect(page.locator("#controls-channel")).to_be_visible()
        expect(page.locator("#controls-pca")).to_be_hidden()
        page.locator("#channel input[type=number]").fill("9")
        page.keyboard.press("Enter")
        expect(page.locator("#facts")).to_have_text("Channel 9.")
        assert (
            page.locator("#stage .dino-stage").evaluate("node => node.style.getPropertyValue('--dino-blend')") == "0.5"
        )


def named(specified: controls.Controls) -> Iterator[str]:
    for one in specified:
        if isinstance(one, controls.Row | controls.Fold):
            yield from named(one.inside)
        elif not isinstance(one, controls.Hint | controls.Part):
            yield one.name


def test_controls_set_options_of_their_own_view_and_no_two_share_a_name():
    """Widgets are known by these names alone."""
    assert len({view.key for view in views.VIEWS}) == len(views.VIEWS)
    seen = []
    for view in views.VIEWS:
        own = list(named(view.controls))
        assert set(own) <= {field.name for field in fields(view.options)}
        seen += own
    assert len(seen) == len(set(seen)) and not {"view", "size", "block"} & set(seen)
