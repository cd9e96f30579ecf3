import numpy as np
import pytest

from app.map import desk as desk_module
from app.map.desk import UmapDesk, Waiting
from core.errors import AnalysisError
from core.projection.umap import Progress, UmapSettings

VECTORS = np.eye(6, dtype=np.float32)


class Run:
    """A computation that is done when a test says so."""

    def __init__(self, vectors, settings, cache, known):
        self.known = known
        self.progress, self.done, self.cancelled, self.error = Progress("layout", 1, 4), False, False, None

    def cancel(self):
        self.cancelled = True

    def result(self):
        if self.error:
            raise self.error
        return np.ones((6, 2))


@pytest.fixture
def runs() -> list[Run]:
    return []


@pytest.fixture
def desk(tmp_path, runs):
    def start(*arguments) -> Run:
        runs.append(Run(*arguments))
        return runs[-1]

    now = [0.0]
    made = UmapDesk(tmp_path, start, lambda: now[0])
    made.now = now
    return made


def test_one_map_is_computed_at_a_time_and_once_however_many_ask(desk, runs):
    first, again = (desk.ask("a", VECTORS, UmapSettings()) for _ in range(2))
    second = desk.ask("a", VECTORS, UmapSettings(seed=1))
    assert first == again != second
    assert desk.look(first) == Waiting(Progress("layout", 1, 4), 0) and "25%" in str(desk.look(first))
    assert desk.look(second).before == 1 and "1 other map first" in str(desk.look(second))
    assert len(runs) == 1
    runs[0].done = True
    assert isinstance(desk.look(second), Waiting) and len(runs) == 2
    assert np.array_equal(desk.look(first), np.ones((6, 2)))
    desk.ask("a", VECTORS, UmapSettings())
    assert np.array_equal(desk.look(first), np.ones((6, 2))) and len(runs) == 2


def test_a_map_that_nobody_waits_for_is_given_up(desk, runs):
    left, wanted = desk.ask("a", VECTORS, UmapSettings()), desk.ask("b", VECTORS, UmapSettings())
    desk.look(left)
    desk.now[0] = desk_module.FORGOTTEN_S + 1
    desk._wishes[wanted].asked = desk.now[0]
    desk.look(wanted)
    assert runs[0].cancelled and len(runs) == 2
    assert desk.look(left) is None


def test_a_map_that_its_last_visitor_stops_is_given_up_at_once(desk, runs):
    key, _ = (desk.ask("a", VECTORS, UmapSettings(), visitor) for visitor in ("ada", "ben"))
    desk.look(key)
    desk.leave(key, "ada")
    assert not runs[0].cancelled and isinstance(desk.look(key), Waiting)
    desk.leave(key, "ben")
    assert runs[0].cancelled and desk.look(key) is None
    desk.leave(key, "ben")


def test_whoever_asks_for_another_map_no_longer_waits_for_one_that_has_not_begun(desk, runs):
    running = desk.ask("a", VECTORS, UmapSettings(), "ada")
    desk.look(running)
    first, second = (desk.ask("a", VECTORS, UmapSettings(seed=seed), "ada") for seed in (1, 2))
    assert desk.look(first) is None and desk.look(second).before == 1 and not runs[0].cancelled


def test_a_map_grows_from_one_of_the_same_settings_that_shares_most_pictures(desk, runs):
    more = np.concatenate([VECTORS, -VECTORS[:2]])[::-1].copy()
    for vectors, settings in ((VECTORS, UmapSettings()), (more, UmapSettings(seed=1)), (more, UmapSettings())):
        key = desk.ask(str(len(vectors)), vectors, settings)
        desk.look(key)
        runs[-1].done = True
        desk.look(key)
    first, other, grown = (run.known for run in runs)
    assert first is None and other is None and desk.is_grown(key)
    assert np.isnan(grown[:2]).all() and np.array_equal(grown[2:], np.ones((6, 2)))


@pytest.mark.parametrize(
    ("progress", "words"),
    [
        (Progress("start"), "its library is being loaded"),
        (Progress("layout", 1, 4, 12.0), "25%, about 12 s left"),
        (Progress("layout", 3, 4, 0.4), "75% …"),
    ],
)
def test_what_is_said_of_the_time_was_measured(progress, words):
    assert words in str(Waiting(progress))


def test_a_failure_is_told_and_may_be_tried_again(desk, runs):
    key = desk.ask("a", VECTORS, UmapSettings())
    desk.look(key)
    runs[0].done, runs[0].error = True, AnalysisError("no room")
    for _ in range(2):
        with pytest.raises(AnalysisError, match="no room"):
            desk.look(key)
    assert isinstance(desk.look(desk.ask("a", VECTORS, UmapSettings())), Waiting) and len(runs) == 2


def test_what_cannot_be_started_is_told(desk, monkeypatch):
    def start(*arguments):
        raise AnalysisError("not installed")

    desk.start = start
    with pytest.raises(AnalysisError, match="not installed"):
        desk.look(desk.ask("a", VECTORS, UmapSettings()))


def test_only_the_last_maps_are_kept_at_hand(desk, runs, monkeypatch):
    monkeypatch.setattr(desk_module, "REMEMBERED", 2)
    keys = []
    for name in "abc":
        keys.append(desk.ask(name, VECTORS, UmapSettings()))
        desk.look(keys[-1])
        runs[-1].done = True
        desk.look(keys[-1])
    desk.look(keys[-1])
    assert [desk.look(key) is None for key in keys] == [True, False, False]
