import threading

import pytest

from app.server.engine import Engine
from app.server.models import Models, forward_cost
from app.server.session import Tray
from app.server.turns import Stopped
from app.server.uploads import add_bytes
from core import ModelError, RequestError
from tests.app.small import SIZE, photograph, small_model


def tray_of(engine: Engine, visitor: str = "ada", count: int = 2) -> Tray:
    tray = Tray(visitor)
    for seed in range(count):
        tray = add_bytes(engine.library, tray, photograph(seed), f"{seed}.png")
    return tray


def test_features_are_computed_once_for_everybody(engine, monkeypatch):
    calls = []
    import core

    extract = core.extract
    monkeypatch.setattr(
        core, "extract", lambda model, images, *a, **k: calls.append(len(images)) or extract(model, images, *a, **k)
    )
    model = engine.models.get("small")
    first = engine.feature_maps(model, engine.items(tray_of(engine)), -1, SIZE)
    again = engine.feature_maps(model, engine.items(tray_of(engine, "bob", 3)), -1, SIZE)
    assert calls == [2, 1]  # all that is missing in one call, and only that
    assert engine.forwards == 3
    assert again[0] is first[0] and again[1] is first[1]


def test_layer_size_and_weights_are_part_of_the_key(engine):
    model, other = engine.models.get("small"), engine.models.get("another")
    items = engine.items(tray_of(engine, count=1))
    for asked in [(model, -1, SIZE), (model, -2, SIZE), (model, -1, SIZE + 14), (other, -1, SIZE), (model, 2, SIZE)]:
        engine.feature_maps(asked[0], items, *asked[1:])
    assert engine.forwards == 4  # block 2 of 3 is the last, -1
    assert engine.missing(model, items, -3, SIZE) == items
    assert engine.missing(model, items, -1, SIZE) == []


def test_two_visitors_at_once_cost_one_forward_pass(engine):
    model = engine.models.get("small")
    items = engine.items(tray_of(engine))
    threads = [threading.Thread(target=engine.feature_maps, args=[model, items, -1, SIZE]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert engine.forwards == 2


def test_memory_is_bounded_and_a_request_larger_than_it_is_still_answered():
    engine = Engine("small", features_mb=0.02, models=Models("small", load=small_model))
    model = engine.models.get("small")
    items = engine.items(tray_of(engine, count=4))
    maps = engine.feature_maps(model, items, -1, SIZE)
    assert len(maps) == 4 and None not in maps
    assert engine.features.bytes <= engine.features.limit


def test_attention_is_kept_as_well(engine):
    model = engine.models.get("small")
    items = engine.items(tray_of(engine))
    first = engine.attention(model, items, -1, SIZE)
    assert engine.attention(model, items, -1, SIZE)[0] is first[0]
    assert engine.forwards == 2
    assert engine.missing_captures(model, items, "attention", -1, SIZE) == []


def test_a_pass_ends_at_the_next_block_once_it_is_stopped(engine, monkeypatch):
    model, stop, seen = engine.models.get("small"), threading.Event(), []
    items = engine.items(tray_of(engine))
    blocks = type(model.model.blocks[0])
    forward = blocks.forward

    def counted(self, *arguments):
        seen.append(self)
        stop.set()
        return forward(self, *arguments)

    monkeypatch.setattr(blocks, "forward", counted)
    for ask in (engine.feature_maps, engine.attention):
        stop.clear()
        seen.clear()
        with pytest.raises(Stopped):
            ask(model, items, -1, SIZE, stop)
        assert len(seen) == 1 < model.depth
    monkeypatch.undo()
    assert len(engine.feature_maps(model, items, -1, SIZE)) == len(items), "others are not stopped with it"


def test_pictures_of_others_are_refused(engine):
    tray = tray_of(engine)
    stolen = Tray("bob", tray.pictures, tray.selected)
    with pytest.raises(RequestError, match="no longer here"):
        engine.items(stolen)


def test_a_time_estimate_follows_the_cost(engine):
    model = engine.models.get("small")
    assert model.estimate([64]) is None
    model.record(100.0, [64, 64])
    assert model.estimate([64]) == pytest.approx(50.0)
    config = model.model.config
    assert model.estimate([256]) == pytest.approx(50.0 * forward_cost(config, 256) / forward_cost(config, 64))
    assert model.estimate([256]) > 4 * model.estimate([64])  # attention grows with the square


def test_a_model_is_loaded_once_and_a_failure_is_not_remembered():
    calls = []

    def load(name, progress):
        calls.append(name)
        if len(calls) == 1:
            raise ModelError("the disk was asleep")
        return small_model(name)

    models = Models("small", load=load)
    with pytest.raises(ModelError, match="asleep"):
        models.get("small")
    assert models.get("small") is models.get("small")
    assert calls == ["small", "small"]


def test_the_least_recently_used_model_goes_and_the_default_stays():
    one = sum(parameter.nbytes for parameter in small_model("x").parameters())
    models = Models("small", limit_mb=2.5 * one / 2**20, load=small_model)
    first = models.get("small")
    second = models.get("second")
    models.get("third")
    assert models.get("small") is first
    assert models.get("second") is not second  # it had to go for the third, and is loaded anew


def test_a_download_can_be_followed_and_cancelled():
    reached, go_on = threading.Event(), threading.Event()

    def load(name, progress):
        progress(10, 100)
        reached.set()
        go_on.wait(10)
        progress(20, 100)
        return small_model(name)

    models = Models("small", load=load)
    future = models.request("large")
    assert reached.wait(10) and models.fetched("large") == (10, 100)
    models.cancel("large")
    go_on.set()
    with pytest.raises(ModelError, match="cancelled"):
        future.result()
    assert models.get("large").name == "large"  # asked for anew, it comes
    assert models.fetched("large") == (0, 0)


def test_who_waits_for_a_busy_model_can_stop_waiting(engine):
    model = engine.models.get("small")
    items = engine.items(tray_of(engine))
    signal = engine.stop_signal("ada")
    with model.lock:
        threading.Timer(0.1, engine.stop, ["ada"]).start()
        with pytest.raises(Stopped):
            engine.feature_maps(model, items, -1, SIZE, signal)
    assert engine.forwards == 0
    assert not engine.stop_signal("ada").is_set()  # the next request starts afresh


def test_an_error_while_others_wait_does_not_lock_the_model(engine):
    model = engine.models.get("small")
    with pytest.raises(RequestError):
        engine.feature_maps(model, engine.items(tray_of(engine)), -1, 99_999)
    assert not model.lock.locked()
