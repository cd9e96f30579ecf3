"""The code shown beside a view, run as it stands, gives what the view shows."""

import numpy as np
import pytest

import core
from app.explore import handlers
from app.explore.settings import Settings
from app.explore.views import attention, foreground, pca, segments
from app.server.session import Pin, Tray
from app.server.trays import add_sample
from app.server.uploads import add_bytes
from tests.app.small import SIZE, photograph, small_model

VIEWS = [
    Settings(view="PCA", size=SIZE),
    Settings("PCA", size=SIZE, options=pca.Options("Two stages", low=2.5, high=95, red=4, green=2, blue=1, flip=True)),
    Settings(view="Foreground", size=SIZE, block=2),
    Settings("Foreground", size=SIZE, options=foreground.Options("cut", threshold=0.3, invert=True)),
    Settings(view="Attention", size=SIZE),
    Settings("Attention", size=SIZE, block=1, options=attention.Options("register 2", head="2")),
    Settings("Attention", size=SIZE, options=attention.Options("pinned patch")),
    Settings(view="Norms", size=SIZE, block=2),
    Settings("Segments", size=SIZE, options=segments.Options(4, "spectral")),
]


def label(settings: Settings) -> str:
    return "-".join(map(str, [settings.view, *vars(settings.options).values()]))


@pytest.mark.parametrize("settings", VIEWS, ids=label)
def test_it_reproduces_the_view(engine, tmp_path, monkeypatch, settings):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(core, "load_model", small_model)
    (tmp_path / "моя картина 'x'.png").write_bytes(photograph(5))
    tray = add_sample(engine, Tray("ada"), 0)
    tray = add_bytes(engine.library, tray, photograph(5), "моя картина 'x'.png")
    model = engine.models.get("small with registers")
    screen = handlers.show(engine, tray, model, settings, pin=Pin("p0", 100, 90))
    scope: dict = {}
    exec(screen.program, scope)
    assert len(scope["values"]) == len(scope["colours"]) == 2
    for value, expected in zip(scope["values"], screen.painted.values, strict=True):
        assert np.allclose(np.asarray(value), expected, atol=1e-5)
    if settings.view != "Foreground":  # there the page has a smaller picture than the file
        for colours, layer in zip(scope["colours"], screen.painted.layers, strict=True):
            assert np.abs(np.asarray(colours).astype(int) - layer.astype(int)).max() <= 1
    else:
        assert [image.size for image in scope["cut_outs"]] == [item.image.size for item in screen.encoded.items]


def test_it_says_where_it_runs_and_what_has_to_be_there(engine):
    tray, settings = add_sample(engine, Tray("ada"), 0), Settings(size=SIZE)
    model = engine.models.get("small")
    text = handlers.show(engine, tray, model, settings).program
    assert "clone" in text.splitlines()[0] and "pip install -r requirements.txt" in text.splitlines()[1]
    assert "Your pictures" not in text
    tray = add_bytes(engine.library, tray, photograph(5), "mine.png")
    assert "Your pictures" in handlers.show(engine, tray, model, settings).program


def test_a_saved_basis_is_named(engine, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(core, "load_model", small_model)
    tray = add_sample(engine, Tray("ada"), 1)
    model, settings = engine.models.get("small"), Settings(size=SIZE)
    handlers.show(engine, tray, model, settings).painted.basis.save(tmp_path / "mine.safetensors")
    basis = handlers.read_basis(tmp_path / "mine.safetensors")
    screen = handlers.show(engine, tray, model, settings, basis=basis)
    scope: dict = {}
    exec(screen.program, scope)
    assert "PcaBasis.load('mine.safetensors')" in screen.program
    assert np.allclose(scope["values"][0], screen.painted.values[0], atol=1e-6)
