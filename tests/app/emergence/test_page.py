"""The Emergence tab in a real browser: a timeline that is scrubbed, asked and swiped; a run folder; a refused path."""

import os
import time
from collections.abc import Iterator
from threading import Event
from types import SimpleNamespace

import gradio as gr
import pytest
import torch
from playwright.sync_api import Page, expect

from app.build import build, launch
from app.emergence import tab as emergence
from app.emergence import timelines
from app.emergence.training import Progress, Trainer
from app.server.access import Access
from app.server.engine import Engine
from app.server.models import Models
from app.server.trays import open_tray
from core import ModelError, VisionTransformer, ViTConfig, load_image
from core.records import runs
from core.records.moment import look, with_steady_colours
from core.records.scores import Curve, Reading
from core.records.timeline import Timeline, save_timeline, shown
from tests.app.browsing import DESKTOP, PHONE, fill, open_fold, opened, pick, typed
from tests.app.conftest import unused_port
from tests.app.small import photograph, small_model

pytestmark = pytest.mark.slow
CONFIG = ViTConfig(width=48, depth=2, heads=2, image_size=56, layer_scale=1.0)
STEPS = (0, 1, 2, 4, 8)
EVIL = '<img src=x onerror="window.hacked=1">'


def model(step: int) -> VisionTransformer:
    made = VisionTransformer(CONFIG)
    made.initialise(torch.Generator().manual_seed(step))
    return made.eval()


def made_timeline(path):
    images = [load_image(photograph(seed, 160, 120 + 40 * seed)) for seed in range(3)]
    pictures = tuple(shown(f"{EVIL}{place}", "a credit", one, 140, 14) for place, one in enumerate(images))
    moments = with_steady_colours([look(model(step), images, 140, 14, 24, step) for step in STEPS])
    points = {step: Reading(0.1 + 0.05 * step, 0.05 * step, 0.2 + 0.05 * step) for step in STEPS}
    knn = Curve("knn_category", "k-NN category", EVIL, True, 0.05, None, points, {"colour": 0.3})
    losses = tuple({"step": step, "loss": 9.0 - step / 2} for step in range(1, 9))
    return save_timeline(Timeline(f"A run {EVIL}", 140, pictures, tuple(moments), (knn,), losses), path)


@pytest.fixture(scope="module")
def address(tmp_path_factory) -> Iterator[str]:
    path = made_timeline(tmp_path_factory.mktemp("timeline") / "timeline.safetensors")
    engine = Engine("small", models=Models("small", load=small_model))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(timelines, "SHIPPED", path)
        blocks = build(engine, Access(loopback=True, password=False, default="small"))
        yield launch(blocks, "127.0.0.1", unused_port(), wait=False)
        blocks.close(verbose=False)


@pytest.fixture(params=[DESKTOP, PHONE], ids=["desktop", "phone"])
def page(browser, address, request) -> Iterator[Page]:
    """The tab with its timeline."""
    with opened(browser, f"{address}/#emergence", **request.param) as page:
        expect(page.locator("#timeline .dino-picture")).to_have_count(3)
        expect(step(page)).to_have_text("Step 8 of 8")
        yield page


def step(page: Page):
    return page.locator("#timeline .dino-step")


def view(page: Page, picture: int = 0) -> str:
    canvas = page.locator("#timeline .dino-picture").nth(picture).locator(".dino-view:not(.dino-first)")
    page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    return canvas.evaluate("canvas => canvas.toDataURL()")


def test_the_handle_by_keys_and_by_pointer(page):
    last = view(page)
    page.locator("#timeline .dino-knob").focus()
    page.keyboard.press("Home")
    expect(step(page)).to_have_text("Step 0 of 8")
    assert view(page) != last
    expect(page.locator("#timeline .dino-key", has_text="k-NN category")).to_contain_text("0.10")
    page.keyboard.press("ArrowRight")
    expect(step(page)).to_have_text("Step 1 of 8")
    expect(page.locator("#timeline .dino-knob")).to_have_attribute("aria-valuetext", "Step 1 of 8")
    box = page.locator("#timeline .dino-chart").bounding_box()
    page.mouse.click(box["x"] + box["width"] - 5, box["y"] + box["height"] / 2)
    expect(step(page)).to_have_text("Step 8 of 8")
    assert view(page) == last


def test_a_loss_fills_the_height_of_the_plot(page):
    points = page.locator('#timeline polyline[stroke-dasharray="3 4"]').get_attribute("points")
    heights = [float(point.split(",")[1]) for point in points.split()]
    assert heights == pytest.approx([22 + place * (126 - 22) / 7 for place in range(8)], abs=0.1)


def test_play_goes_from_the_first_step_to_the_last(page):
    page.locator("#timeline .dino-play").click()
    expect(step(page)).to_have_text("Step 0 of 8")
    expect(page.locator("#timeline .dino-play")).to_have_text("Pause")
    expect(step(page)).to_have_text("Step 8 of 8")
    expect(page.locator("#timeline .dino-play")).to_have_text("Play")


def test_views_differ_and_all_are_drawn(page):
    seen = {view(page, 1)}
    for name in ("Foreground", "Matches"):
        page.locator("#timeline").get_by_role("button", name=name, exact=True).click()
        seen.add(view(page, 1))
    assert len(seen) == 3
    page.locator("#timeline .dino-name").nth(1).click()  # matches from another picture
    assert view(page, 1) not in seen


def test_a_question_is_answered_at_every_step(page):
    frame = page.locator("#timeline .dino-picture").first.locator(".dino-frame").nth(1)
    frame.click(position={"x": 40, "y": 40})
    rings = page.locator("#timeline .dino-frame:visible .dino-ring span")
    expect(rings).to_have_count(3)
    heat = page.locator("#timeline .dino-picture").nth(1).locator(".dino-heat:not(.dino-first)")
    maps = set()
    page.locator("#timeline .dino-knob").focus()
    page.keyboard.press("Home")
    for number in STEPS:
        expect(step(page)).to_have_text(f"Step {number} of 8")
        view(page)
        maps.add(heat.evaluate("canvas => canvas.toDataURL()"))
        page.keyboard.press("ArrowRight")
    assert len(maps) == len(STEPS), "every step's network has another answer"
    page.keyboard.press("Escape")
    expect(rings).to_have_count(0)


def test_swiping_shows_the_first_step_at_the_left(page):
    page.locator("#timeline").get_by_role("button", name="Compare with the first step").click()
    first = page.locator("#timeline .dino-picture").first.locator(".dino-view.dino-first")
    expect(first).to_be_visible()
    now = view(page)
    shown = first.evaluate("canvas => canvas.toDataURL()")
    page.locator("#timeline .dino-knob").focus()
    page.keyboard.press("Home")
    assert view(page) == shown != now
    page.locator("#timeline .dino-swipe input").fill("0.25")
    expect(page.locator("#timeline .dino-stage")).to_have_attribute("style", "--dino-blend: 0.85; --swipe: 25%;")


def test_a_run_folder_is_looked_at_with_the_trays_pictures(page, tmp_path):
    for number in (0, 1, 2):
        runs.save_backbone(model(number), runs.snapshot_path(tmp_path / "run", number), {"step": str(number)})
    open_fold(page, "run-fold")
    path = page.locator("#run-path input, #run-path textarea")
    fill(path, str(tmp_path / "nowhere"))
    page.locator("#run-open").click()
    expect(page.get_by_text("holds no snapshots; give the folder")).to_be_visible()
    fill(path, str(tmp_path / "run"))
    path.press("Enter")
    expect(page.locator("#timeline .dino-picture")).to_have_count(4)
    expect(step(page)).to_have_text("Step 2 of 2")
    page.wait_for_timeout(1000 * emergence.TICK_S + 500)  # nothing new: what is said stays
    expect(page.locator("#run-note")).to_contain_text("It may still be training")
    runs.save_backbone(model(4), runs.snapshot_path(tmp_path / "run", 4), {"step": "4"})
    expect(step(page)).to_have_text("Step 4 of 4")  # by itself, as the run goes on
    (tmp_path / "run" / runs.ACCOUNT).write_text("{}")
    runs.save_backbone(model(5), runs.snapshot_path(tmp_path / "run", 5), {"step": "5"})
    expect(page.locator("#run-note")).to_contain_text("It has trained all its steps")
    page.locator("#run-shipped").click()
    expect(step(page)).to_have_text("Step 8 of 8")
    expect(page.locator("#run-shipped")).to_be_hidden()


@pytest.mark.parametrize("waits_at", ["the end", "each step"])
def test_a_look_at_a_run_that_ends_late_leaves_what_was_chosen_meanwhile(page, tmp_path, monkeypatch, waits_at):
    """The timer's look at a run that has gone on is held back until the shipped timeline is there again."""
    run, held, ended = tmp_path / "run", Event(), Event()
    for number in (0, 1):
        runs.save_backbone(model(number), runs.snapshot_path(run, number), {"step": str(number)})
    open_fold(page, "run-fold")
    typed(page, "run-path", str(run))
    page.locator("#run-open").click()
    expect(step(page)).to_have_text("Step 1 of 1")
    look_at, answers, reached = emergence.look_at_run, emergence.EmergenceEvents._looked_at, Event()

    def slow(*arguments):
        found = list(look_at(*arguments))
        for place, timeline in enumerate(found, start=1):
            if waits_at == "each step" or place == len(found):
                reached.set()
                assert held.wait(120)
            yield timeline

    def followed(*arguments):
        try:
            yield from answers(*arguments)
        finally:  # what was yielded last is on its way
            ended.set()

    monkeypatch.setattr(emergence, "look_at_run", slow)
    monkeypatch.setattr(emergence.EmergenceEvents, "_looked_at", followed)
    monkeypatch.setattr(emergence, "SHOWN_EVERY_S", 0.0)
    (run / runs.ACCOUNT).write_text("{}")  # so that no later tick puts right what is shown
    runs.save_backbone(model(2), runs.snapshot_path(run, 2), {"step": "2"})
    assert reached.wait(120)
    page.locator("#run-shipped").click()
    expect(step(page)).to_have_text("Step 8 of 8")
    held.set()
    assert ended.wait(120)
    page.wait_for_timeout(1000)  # whatever is on its way arrives
    expect(step(page)).to_have_text("Step 8 of 8")
    expect(page.locator("#run-note")).to_be_empty()
    expect(page.locator("#run-shipped")).to_be_hidden()
    page.locator("#run-open").click()
    expect(step(page)).to_contain_text("of 2")


def test_a_trained_run_becomes_the_model_and_explores_choices_fit_it(page, tmp_path, monkeypatch):
    run = tmp_path / "with registers"  # as `small_model` reads it
    for path in (runs.snapshot_path(run, 8), run / "backbone.safetensors"):
        runs.save_backbone(model(8), path, {"step": "8"})
    monkeypatch.setattr(Trainer, "progress", lambda self: Progress(run, 8, 8, 1.0, None, running=False))
    open_fold(page, "run-fold")
    open_fold(page, "train-fold")
    typed(page, "run-path", str(run))
    page.locator("#run-open").click()
    page.locator("#train-use").click()
    expect(page.locator("#model-chip")).to_contain_text("with registers")
    page.locator("#tab-explore-button").click()
    page.locator("#view label", has_text="Attention").click()
    pick(page, "asking", "register 2")
    expect(page.locator("#facts")).to_contain_text("Largest share")


def test_a_run_that_died_is_told_and_asked_after_no_more_until_it_is_opened_again(page, tmp_path):
    run = tmp_path / "run"
    snapshot = runs.save_backbone(model(0), runs.snapshot_path(run, 0), {"step": "0"})
    open_fold(page, "run-fold")
    typed(page, "run-path", str(run))
    page.locator("#run-open").click()
    note = page.locator("#run-note")
    expect(note).to_contain_text("It may still be training")
    os.utime(snapshot, (time.time() - 7300,) * 2)
    expect(note).to_contain_text("It wrote nothing for 2 hours")
    page.wait_for_timeout(1500)  # what was on its way arrives
    asked = []
    page.on("request", lambda request: "queue/join" in request.url and asked.append(request.post_data))
    page.wait_for_timeout(2000 * emergence.TICK_S + 500)
    assert asked == []
    runs.save_backbone(model(1), runs.snapshot_path(run, 1), {"step": "1"})
    page.locator("#run-open").click()
    expect(step(page)).to_have_text("Step 1 of 1")
    expect(note).to_contain_text("It may still be training")


STRANGERS = (
    (Access(loopback=False, password=False), {}),
    (Access(loopback=True, password=False), {"x-forwarded-for": "203.0.113.7"}),
)


@pytest.mark.parametrize(("access", "headers"), STRANGERS)
def test_strangers_can_neither_open_a_run_nor_train_nor_stop(access, headers, engine, tmp_path):
    runs.save_backbone(model(0), runs.snapshot_path(tmp_path, 0))
    request = SimpleNamespace(headers=headers)
    with gr.Blocks():
        trainer, shared = Trainer(), SimpleNamespace(access=access, engine=engine)
        events = emergence.EmergenceEvents(shared, None, trainer, None, None)
    for act in (
        lambda: events.opened(str(tmp_path), request),
        lambda: events.start(open_tray(engine, "someone"), 20, "", request),
        lambda: events.stop(request),
        lambda: events.resume(request),
    ):
        with pytest.raises(ModelError, match="own machine"):
            act()
    assert trainer.progress() is None
    if not access.own:
        with gr.Blocks() as blocks:
            emergence.lay_out(access.own)
        (row,) = [one for one in blocks.blocks.values() if "runs" in (getattr(one, "elem_classes", None) or [])]
        assert not row.visible


@pytest.mark.parametrize("running", [True, False])
def test_a_run_that_is_over_is_watched_until_its_process_has_ended(running, engine, tmp_path):
    """Or the page would never hear that the model can be used."""
    runs.save_backbone(model(0), runs.snapshot_path(tmp_path, 0))
    (tmp_path / runs.ACCOUNT).write_text("{}")
    trainer = SimpleNamespace(progress=lambda: Progress(tmp_path, 8, 8, 1.0, None, running))
    with gr.Blocks():
        events = emergence.EmergenceEvents(SimpleNamespace(engine=engine), None, trainer, None, None)
        *_, last = events.show(open_tray(engine, "someone"), str(tmp_path), ())
        ticked = events.tick(str(tmp_path))
    assert last["timer"].active and "trained all its steps" in last["note"]
    assert ticked["timer"].active is running and ticked["stop"]["visible"] is running
    assert last["timeline"].props["timeline"]["moments"][0]["step"] == 0
