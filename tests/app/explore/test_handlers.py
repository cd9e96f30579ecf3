import base64
import re
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from app.__main__ import warm_up
from app.explore import handlers, views
from app.explore.events import ExploreEvents
from app.explore.opening import Opening, opening
from app.explore.payloads import stage_update
from app.explore.settings import Settings
from app.explore.views import attention, foreground, pca, segments
from app.page import sentences
from app.server.access import Access
from app.server.encode import Resolution, cost, encode, encode_selection, patch_of, resolution
from app.server.engine import Engine
from app.server.models import Loaded
from app.server.session import NOTHING_SENT, Pin, Tray
from app.server.trays import FIRST_SELECTED, add_sample, open_tray, remove
from app.server.uploads import add_bytes
from core import ModelError, RequestError, VisionTransformer, ViTConfig
from tests.app.small import SIZE, photograph

VIEWS = {
    "PCA": Settings(view="PCA", size=SIZE),
    "two stages": Settings("PCA", size=SIZE, options=pca.Options("Two stages", red=3, green=2, blue=1, flip=True)),
    "Foreground": Settings(view="Foreground", size=SIZE),
    "Attention": Settings(view="Attention", size=SIZE, options=attention.Options(head="2")),
    "Norms": Settings(view="Norms", size=SIZE, block=2),
    "Segments": Settings(view="Segments", size=SIZE, options=segments.Options(3)),
}


@pytest.fixture
def tray(engine: Engine) -> Tray:
    tray = Tray("ada")
    for seed, (width, height) in enumerate([(160, 120), (90, 150)]):
        tray = add_bytes(engine.library, tray, photograph(seed, width, height), f"{seed}.png")
    return tray


@pytest.mark.parametrize("settings", VIEWS.values(), ids=VIEWS)
def test_every_view_paints_every_picture(engine, tray, settings):
    model = engine.models.get("small")
    screen = handlers.show(engine, tray, model, settings)
    assert len(screen.painted.layers) == 2
    for layer, item, feature_map in zip(screen.painted.layers, screen.encoded.items, screen.encoded.maps, strict=True):
        grid = (item.image.height, item.image.width) if settings.view == "Foreground" else feature_map.grid
        assert layer.dtype == np.uint8 and layer.shape[:2] == grid
    assert screen.facts


@pytest.mark.parametrize("settings", VIEWS.values(), ids=VIEWS)
def test_the_browser_gets_the_numbers_behind_what_is_painted_and_words_for_all_of_them(engine, tray, settings):
    screen = handlers.show(engine, tray, engine.models.get("small"), settings)
    view = stage_update(engine, screen, settings).props["view"]
    names, groups = view["reading"]["names"], view["reading"]["groups"]
    for identity, values in zip(screen.encoded.ids, screen.painted.values, strict=True):
        sent = view["numbers"][identity]
        numbers = np.frombuffer(base64.b64decode(sent["data"]), f"<{sent['kind']}").reshape(values.shape)
        assert np.allclose(numbers, values, rtol=1e-3, atol=1e-6)
        assert len(names) == (1 if values.ndim == 2 else values.shape[2])
        assert not groups or values.max() < len(groups)


def test_a_stage_that_appears_late_is_whole(engine, tray):
    """Of updates that come before a component is there, Gradio keeps the last alone."""
    events = ExploreEvents(SimpleNamespace(engine=engine), None, None)
    *_, last = events.paint(tray, "small", None, None, None, NOTHING_SENT, view="PCA", size=SIZE)
    props = last["stage"].props
    assert props["pictures"]["pictures"] and props["features"]["grids"] and props["view"]["layers"]
    assert props["busy"] is False


def test_no_control_but_size_layer_and_view_runs_the_model(engine, tray):
    model = engine.models.get("small")
    handlers.show(engine, tray, model, Settings(view="Attention", size=SIZE))
    before = engine.forwards
    for settings in [
        *(Settings(view=view, size=SIZE) for view in ("PCA", "Foreground", "Attention", "Norms", "Segments")),
        Settings(size=SIZE, options=pca.Options("Two stages", low=5, high=90, red=2, green=1, blue=4, flip=True)),
        Settings(size=SIZE, view="Foreground", options=foreground.Options(invert=True, threshold=0.3)),
        Settings(size=SIZE, view="Attention", options=attention.Options(head="1")),
        Settings(size=SIZE, view="Segments", options=segments.Options(4)),
    ]:
        handlers.show(engine, tray, model, settings)
        assert list(encode(engine, tray, model, settings)) == []
    assert engine.forwards == before
    handlers.show(engine, tray, model, Settings(size=SIZE + 14))
    assert engine.forwards == before + 2


def test_only_what_changed_is_sent_again(engine, tray):
    model = engine.models.get("small")
    first = handlers.show(engine, tray, model, Settings(size=SIZE), sent=NOTHING_SENT)
    assert (first.new_pictures, first.new_features, first.new_view) == (True, True, True)
    same = handlers.show(engine, tray, model, Settings(size=SIZE), sent=first.sent)
    assert (same.new_pictures, same.new_features, same.new_view) == (False, False, False)
    other = handlers.show(engine, tray, model, Settings(size=SIZE, view="Norms"), sent=first.sent)
    assert (other.new_pictures, other.new_features, other.new_view) == (False, False, True)
    deeper = handlers.show(engine, tray, model, Settings(size=SIZE, block=1), sent=first.sent)
    assert (deeper.new_pictures, deeper.new_features, deeper.new_view) == (False, True, True)
    fewer = handlers.show(engine, tray.select("p0", False), model, Settings(size=SIZE), sent=first.sent)
    assert (fewer.new_pictures, fewer.new_features, fewer.new_view) == (True, True, True)


def test_moving_the_threshold_paints_nothing_anew_but_changes_the_facts(engine, tray):
    model = engine.models.get("small")
    settings = Settings(view="Foreground", size=SIZE)
    first = handlers.show(engine, tray, model, settings)
    dragged = Settings(view="Foreground", size=SIZE, options=foreground.Options(threshold=0.9))
    moved = handlers.show(engine, tray, model, dragged, sent=first.sent)
    assert not moved.new_view and moved.painted is first.painted
    assert moved.histogram["threshold"] == 0.9 != first.histogram["threshold"] == moved.histogram["otsu"]
    assert moved.facts != first.facts and moved.program != first.program


def test_a_dragged_threshold_holds_for_its_own_scores_only(engine, tray):
    model = engine.models.get("small")
    values = {"view": "Foreground", "size": float(SIZE), "method": "pca", "segments": 6.0}
    scores = handlers.scores_key(tray, model, handlers.settings_of(values, tray, model))
    dragged = handlers.Dragged(0.7, scores)
    assert handlers.settings_of(values, tray, model, dragged).options.threshold == 0.7
    assert handlers.settings_of(values, tray.select("p1", False), model, dragged).options.threshold is None
    assert handlers.settings_of(values, tray, engine.models.get("other"), dragged).options.threshold is None


def test_nothing_selected_is_said(engine):
    with pytest.raises(RequestError, match="No picture is selected"):
        handlers.show(engine, Tray("ada"), engine.models.get("small"), Settings(size=SIZE))


def test_a_pin_stays_on_its_place_when_the_resolution_changes(engine, tray):
    model = engine.models.get("small")
    pin = handlers.pin_at(engine, tray, model, Settings(size=SIZE), "p0", 2, 5)
    coarse = encode_selection(engine, tray, model, Settings(size=SIZE))
    fine = encode_selection(engine, tray, model, Settings(size=3 * SIZE))
    assert patch_of(coarse, pin) == (0, (2, 5))
    assert patch_of(fine, pin) == (0, (7, 16))  # the middle of the nine patches there
    assert patch_of(coarse, Pin("gone", 1, 1)) is None
    with pytest.raises(RequestError, match="outside the grid"):
        handlers.pin_at(engine, tray, model, Settings(size=SIZE), "p0", 99, 0)


def test_attention_of_the_pinned_patch_asks_for_a_pin(engine, tray):
    model = engine.models.get("small")
    settings = Settings(view="Attention", size=SIZE, options=attention.Options("pinned patch"))
    with pytest.raises(RequestError, match="No patch is pinned"):
        handlers.show(engine, tray, model, settings)
    pinned = handlers.show(engine, tray, model, settings, pin=Pin("p0", 80, 60))
    other = handlers.show(engine, tray, model, settings, pin=Pin("p0", 10, 10))
    assert not np.array_equal(pinned.painted.values[0], other.painted.values[0])


def test_heads_and_components_beyond_the_model_are_refused(engine, tray):
    model = engine.models.get("small")
    with pytest.raises(RequestError, match="heads 1 to 2"):
        handlers.show(engine, tray, model, Settings(view="Attention", size=SIZE, options=attention.Options(head="3")))


def test_the_wait_is_told_in_parts_only_where_it_is_long(engine, tray, monkeypatch):
    model = engine.models.get("small")
    assert list(encode(engine, tray, model, Settings(size=SIZE))) == [f"Looking at 2 pictures at {SIZE} px …"]
    monkeypatch.setattr(type(model), "estimate", lambda self, tokens: 3000.0 * len(tokens))
    assert list(encode(engine, tray, model, Settings(size=SIZE + 14))) == [
        f"Looking at 2 pictures at {SIZE + 14} px, about 6.0 s left …",
        f"Looking at 2 pictures at {SIZE + 14} px, 1 done, about 3.0 s left …",
    ]


def test_the_cost_of_a_resolution_is_said_without_running_the_model(engine, tray):
    model = engine.models.get("small")
    assert re.search(r"×0\.\d of 518 px", cost(engine, tray, model, Settings(size=SIZE)))
    assert "×1.0 of 224 px" in cost(engine, tray, engine.models.get("of 224 px"), Settings(size=224))
    assert "computed already" not in cost(engine, tray, model, Settings(size=1036))
    assert engine.forwards == 0
    handlers.show(engine, tray, model, Settings(size=SIZE))
    assert "computed already" in cost(engine, tray, model, Settings(size=SIZE))
    assert " ms" in cost(engine, tray, model, Settings(size=1036)) or " s" in cost(
        engine, tray, model, Settings(size=1036)
    )


@pytest.mark.parametrize(
    ("name", "size", "before", "offered"),
    [
        ("small", 518, 518, (56, 1036, 14, 518)),  # the page opens
        ("of 336 px", 518, 518, (56, 1036, 14, 336)),  # it follows the model
        ("of 336 px", 252, 518, (56, 1036, 14, 252)),  # it was set by hand, and stays
        ("of 42 px", 518, 518, (42, 1036, 14, 42)),  # the bounds go as far as the model's own
        ("of 1400 px", 518, 518, (56, 1400, 14, 1400)),
        ("small", 42, 336, (56, 1036, 14, 56)),  # by hand, outside what this model is offered at
        ("small", 350.0, 336, (56, 1036, 14, 350)),
    ],
)
def test_the_resolution_follows_the_model_unless_it_was_set_by_hand(engine, name, size, before, offered):
    assert resolution(engine.models.get(name), size, before) == Resolution(*offered)


def test_a_resolution_set_by_hand_is_fitted_to_another_patch(engine):
    model = VisionTransformer(ViTConfig(width=24, depth=1, heads=2, patch=16, image_size=224))
    found = resolution(Loaded("other", model), 252, 518)
    assert found == Resolution(64, 1184, 16, 256)
    assert resolution(Loaded("other", model), 518, 518).value == model.default_size == 384


def test_the_first_view_is_computed_at_the_models_own_resolution(engine):
    engine.models.get("small").model.default_size = SIZE
    warm_up(engine)
    tray = open_tray(engine, "ada")
    assert engine.missing(engine.models.get("small"), engine.items(tray), -1, SIZE) == []
    assert engine.forwards == FIRST_SELECTED


def test_the_first_view_comes_with_the_page_where_it_is_known_and_is_not_sent_again(engine):
    assert opening(engine) == Opening() and engine.models.ready("small") is None, "nothing is waited for"
    model = engine.models.get("small")
    model.model.default_size = SIZE
    assert opening(engine) == Opening()
    warm_up(engine)
    first, passes = opening(engine), engine.forwards
    assert len(first.props["pictures"]["pictures"]) == len(first.props["view"]["layers"]) == FIRST_SELECTED
    values = {"view": views.VIEWS[0].name, "size": SIZE, "block": model.depth}
    settings = handlers.settings_of(values, open_tray(engine, "ada"), model)
    screen = handlers.show(engine, open_tray(engine, "ada"), model, settings, sent=first.sent)
    assert not (screen.new_pictures or screen.new_features or screen.new_view) and engine.forwards == passes


def test_the_first_view_is_computed_without_gradio(tmp_path):
    """The main thread imports it meanwhile, and two threads that import the same modules wait for each other for good."""
    code = (
        "import sys; from pathlib import Path; from app.__main__ import warm_up; from app.server.engine import Engine; "
        "from app.server.models import Models; from app.server.shelf import Shelf; from tests.app.small import small_model; "
        f"shelf = Shelf(Path({str(tmp_path)!r})); engine = Engine('small', models=Models('small', load=small_model), "
        "shelf=shelf); warm_up(engine); print(engine.forwards > 0, 'gradio' in sys.modules)"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True).split() == ["True", "False"]


def test_the_page_opens_with_sample_pictures(engine):
    tray = open_tray(engine, "ada")
    assert [picture.name for picture in tray.chosen][:2] == ["cheetah", "lion"]
    assert len(tray.chosen) == FIRST_SELECTED
    assert len(engine.items(tray)) == FIRST_SELECTED
    tray = remove(engine, tray, tray.pictures[0].id)
    assert "cheetah" not in [picture.name for picture in tray.pictures]
    assert add_sample(engine, tray, 0).pictures[-1].name == "cheetah"  # the gallery still has it
    with pytest.raises(RequestError, match="no sample 99"):
        add_sample(engine, tray, 99)


def test_names_are_shown_as_they_are():
    assert [sentences.lapse(s) for s in (45, 360, 7300, 86_400)] == ["45 seconds", "6 minutes", "2 hours", "1 day"]
    assert sentences.plain("<b>*a*</b>") == r"&lt;b&gt;\*a\*&lt;/b&gt;"
    assert sentences.plain('it\'s "#1" & more') == 'it\'s "\\#1" &amp; more', "no entity is torn apart"


@pytest.mark.parametrize(
    ("access", "headers", "allowed"),
    [
        (Access(loopback=True, password=False), {}, True),
        (Access(loopback=True, password=False), {"x-forwarded-for": "203.0.113.9"}, False),
        (Access(loopback=False, password=False), {}, False),
        (Access(loopback=False, password=True), {}, True),
    ],
)
def test_own_paths_are_for_the_owner(access, headers, allowed):
    access.check("dinov2-small", headers)
    access.check("untrained", headers)
    for name in ("/etc/passwd", "hf:somebody/something"):
        if allowed:
            access.check(name, headers)
        else:
            with pytest.raises(ModelError, match="--auth"):
                access.check(name, headers)


def test_the_model_the_server_was_started_with_is_for_everybody():
    Access(loopback=False, password=False, default="/runs/mine").check("/runs/mine", {})


def test_handlers_need_no_gradio():
    code = "import sys, app.explore.handlers, app.explore.downloads, app.match.handlers, app.map.handlers, app.search.handlers; print('gradio' in sys.modules, 'train' in sys.modules)"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True)
    assert result.stdout.split() == ["False", "False"]
