import os
import subprocess
import sys
import textwrap

import numpy as np
import pytest

from core import RequestError
from core.errors import AnalysisError
from core.projection import umap as umap_run
from core.projection.components import project
from core.projection.umap import UmapSettings, cached_umap, known_places, start_umap
from core.projection.umap_worker import placed_among
from core.projection.workers import PROGRAM, Workers
from tests.core.projection.test_components import vectors

QUICK = """
import json, os, sys
from pathlib import Path
import numpy as np
{before}
for line in sys.stdin:
    folder = Path(line.strip())
    print(json.dumps(["layout", 3, 10]), flush=True)
    print("something else")
{what}
    start = np.nan_to_num(np.load(folder / "start.npy"), nan=5)
    np.save(folder / "coordinates.npy", start @ [[0, 3], [-3, 0]] + 100)
    (folder.parent / "process.txt").write_text(str(os.getpid()))
    print(json.dumps(["done", 1, 0]), flush=True)
"""


@pytest.fixture
def quick(tmp_path, monkeypatch):
    """In place of UMAP, which takes seconds: a program that turns and moves where the points began."""
    made = []

    def install(what: str = "", before: str = "") -> Workers:
        path = tmp_path / "quick.py"
        path.write_text(QUICK.format(what=textwrap.indent(what, "    "), before=before))
        made.append(Workers(path))
        monkeypatch.setattr(umap_run, "WORKERS", made[-1])
        return made[-1]

    install()
    yield install
    for workers in made:
        workers.close()


def test_the_result_lies_as_the_principal_components_do(quick):
    given = vectors()
    places = start_umap(given, UmapSettings()).result()
    np.testing.assert_allclose(places, project(given).coordinates, atol=1e-5)


def test_a_map_is_found_again_without_umap(quick, tmp_path):
    given, cache = vectors(), tmp_path / "maps"
    assert cached_umap(given, UmapSettings(), cache) is None
    run = start_umap(given, UmapSettings(), cache)
    places = run.result()
    assert run.progress.stage == "done" and run.done
    before = set(sys.modules)
    assert np.array_equal(cached_umap(given, UmapSettings(), cache), places)
    assert not {"umap", "numba"} & (set(sys.modules) - before)
    assert cached_umap(given, UmapSettings(seed=1), cache) is None
    assert cached_umap(given, UmapSettings(neighbours=5), cache) is None
    assert cached_umap(given[::-1], UmapSettings(), cache) is None


def test_another_version_of_the_library_is_another_map(quick, tmp_path, monkeypatch):
    given = vectors()
    start_umap(given, UmapSettings(), tmp_path / "maps").result()
    monkeypatch.setattr(umap_run, "installed_version", lambda: "0.0.1")
    assert cached_umap(given, UmapSettings(), tmp_path / "maps") is None


def test_a_damaged_file_of_the_cache_counts_as_none(quick, tmp_path):
    given, cache = vectors(), tmp_path / "maps"
    start_umap(given, UmapSettings(), cache).result()
    (file,) = cache.iterdir()
    file.write_bytes(file.read_bytes()[:100])
    assert cached_umap(given, UmapSettings(), cache) is None


def test_the_cache_keeps_the_maps_used_last(quick, tmp_path, monkeypatch):
    monkeypatch.setattr(umap_run, "CACHED", 2)
    given, cache = vectors(), tmp_path / "maps"
    start_umap(given, UmapSettings(seed=0), cache).result()
    start_umap(given, UmapSettings(seed=1), cache).result()
    for age, file in enumerate(cache.iterdir()):
        os.utime(file, (age, age))
    assert cached_umap(given, UmapSettings(seed=0), cache) is not None
    start_umap(given, UmapSettings(seed=2), cache).result()
    kept = [cached_umap(given, UmapSettings(seed=seed), cache) is not None for seed in range(3)]
    assert kept == [True, False, True]


def test_where_nothing_can_be_kept_the_map_is_there_all_the_same(quick, tmp_path):
    (tmp_path / "maps").write_text("a file where the folder should be")
    assert len(start_umap(vectors(), UmapSettings(), tmp_path / "maps").result()) == 40


def test_progress_is_followed_and_a_map_can_be_cancelled(quick):
    quick("import time; time.sleep(60)")
    run = start_umap(vectors(), UmapSettings())
    for _ in range(200):
        if run.progress.stage == "layout":
            break
        run.wait(0.05)
    assert (run.progress.done, run.progress.total) == (3, 10) and not run.done
    run.cancel()
    assert run.wait(10)
    with pytest.raises(AnalysisError, match="cancelled"):
        run.result()


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ("raise MemoryError('no room')", "no room"),
        ("os.kill(os.getpid(), 9)", "killed"),
        ("sys.exit(0)", "no finite places"),
    ],
)
def test_a_process_that_fails_says_why(quick, what, message):
    quick(what)
    with pytest.raises(AnalysisError, match=message):
        start_umap(vectors(), UmapSettings()).result()


def process_of(run) -> str:
    run.result()
    return (run._folder.parent / "process.txt").read_text()


def test_one_process_computes_map_after_map(quick):
    quick().warm()
    warm = umap_run.WORKERS._idle._process.pid
    assert {process_of(start_umap(vectors(), UmapSettings(seed=seed))) for seed in range(3)} == {str(warm)}


def test_a_process_that_was_stopped_or_failed_is_replaced(quick):
    quick("import time\nif json.load(open(folder / 'settings.json'))['random_state']: time.sleep(60)")
    first = process_of(start_umap(vectors(), UmapSettings()))
    run = start_umap(vectors(), UmapSettings(seed=1))
    run.cancel()
    with pytest.raises(AnalysisError, match="cancelled"):
        run.result()
    assert umap_run.WORKERS._idle is not None, "the next one is on its way already"
    assert process_of(start_umap(vectors(), UmapSettings())) != first
    quick("raise MemoryError")
    with pytest.raises(AnalysisError):
        start_umap(vectors(), UmapSettings()).result()
    assert umap_run.WORKERS._idle is None


def test_a_process_that_left_for_want_of_maps_is_replaced_unnoticed(quick):
    mark = "Path(sys.argv[0]).with_name('left')"
    workers = quick(before=f"if not {mark}.exists():\n    {mark}.touch()\n    sys.stdin.readline()\n    sys.exit(0)")
    workers.warm()
    assert len(start_umap(vectors(), UmapSettings()).result()) == 40


def test_a_process_that_takes_no_other_map_is_not_kept(quick):
    workers = quick("print(json.dumps(['layout', 0, 0]))")
    workers.program.write_text(workers.program.read_text().replace('["done", 1, 0]', '["done", 0, 0]'))
    start_umap(vectors(), UmapSettings()).result()
    assert workers._idle is None


def test_two_maps_at_once_take_two_processes_of_which_one_is_kept(quick):
    workers = quick("import time; time.sleep(0.3)")
    runs = [start_umap(vectors(), UmapSettings(seed=seed)) for seed in range(2)]
    assert runs[0]._worker is not runs[1]._worker
    for run in runs:
        run.result()
    assert workers._idle in [run._worker for run in runs]


def test_a_map_that_grew_lies_as_the_one_before_and_is_not_kept(quick, tmp_path):
    given = vectors()
    before = start_umap(given[:30], UmapSettings()).result()[:, ::-1]
    known = known_places(given, [(given[:30], before)])
    places = start_umap(given, UmapSettings(), tmp_path / "maps", known).result()
    between = [np.linalg.norm(one[:30, None] - one[None, :30], axis=-1) for one in (places, before)]
    turned = np.linalg.lstsq(before - before.mean(0), places[:30] - places[:30].mean(0))[0]
    np.testing.assert_allclose(turned / turned[0, 0], np.eye(2), atol=1e-4)
    assert between[0].shape == between[1].shape and cached_umap(given, UmapSettings(), tmp_path / "maps") is None


def test_a_map_grows_from_the_one_that_shares_most():
    given = vectors()
    places = np.arange(80.0).reshape(40, 2)
    few, most = (given[:22], places[:22]), (given[10:][::-1], places[10:][::-1])
    known = known_places(given, [few, most])
    assert np.isnan(known[:10]).all() and np.array_equal(known[10:], places[10:])
    assert known_places(given, [(given[:19], places[:19])]) is None
    assert known_places(given, [(given[:, :3], places)]) is None


def test_points_without_a_start_begin_among_their_neighbours():
    start = np.array([[0, 0], [4, 0], [np.nan] * 2, [np.nan] * 2, [np.nan] * 2])
    neighbours = np.array([[0, 1], [1, 0], [2, 0, 1][1:], [3, 2], [4, 4]])
    places = placed_among(start, neighbours, seed=0)
    np.testing.assert_allclose(places, [[0, 0], [4, 0], [2, 0], [2, 0], [2, 0]], atol=0.1)
    assert len(np.unique(places, axis=0)) == 5 and np.isnan(start[2:]).all()


def test_what_makes_no_map_is_refused_at_once(monkeypatch):
    with pytest.raises(RequestError, match="at least 5 pictures"):
        start_umap(vectors(4), UmapSettings())
    for wrong in ({"neighbours": 1}, {"distance": 2.0}):
        with pytest.raises(RequestError, match=r"choose"):
            UmapSettings(**wrong)

    def missing(name):
        raise umap_run.importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(umap_run.importlib.metadata, "version", missing)
    with pytest.raises(AnalysisError, match="pip install umap-learn"):
        start_umap(vectors(), UmapSettings())


def test_the_process_ends_with_the_one_that_started_it():
    process = subprocess.Popen([sys.executable, str(PROGRAM)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    process.stdin.close()
    process.stdout.read()
    assert process.wait(timeout=120) == 1
    process.stdout.close()


@pytest.mark.slow
def test_umap_keeps_groups_together_and_repeats_itself():
    """The library itself: two groups of directions stay apart, and equal calls give equal maps."""
    given = vectors(60)
    first, second = (start_umap(given, UmapSettings(neighbours=8)).result() for _ in range(2))
    assert np.array_equal(first, second)
    between = np.linalg.norm(first[::2].mean(axis=0) - first[1::2].mean(axis=0))
    within = max(first[side::2].std(axis=0).max() for side in (0, 1))
    assert between > 3 * within


@pytest.mark.parametrize(
    "given",
    [np.ones((8, 4)), np.repeat(np.eye(4), 4, axis=0), np.repeat(np.eye(2), 3, axis=0)],
    ids=["all equal", "four of each", "on a line"],
)
def test_points_of_equal_pictures_begin_apart(quick, given):
    """UMAP divides by the extent of either axis, and by the distance of starts that coincide."""
    quick("""
start = np.load(folder / "start.npy")
assert len(np.unique(start, axis=0)) == len(start) and np.ptp(start, axis=0).min() > 0 and np.abs(start).max() < 11
""")
    places = start_umap(given, UmapSettings()).result()
    assert np.isfinite(places).all() and len(np.unique(places, axis=0)) == len(given)
    assert np.array_equal(places, start_umap(given, UmapSettings()).result()), "the same each time"


def test_places_that_are_no_numbers_are_not_called_a_want_of_memory(quick):
    quick("np.save(folder / 'coordinates.npy', np.full((60, 2), np.nan)); sys.exit(0)")
    with pytest.raises(AnalysisError, match="no finite places"):
        start_umap(vectors(), UmapSettings()).result()


@pytest.mark.slow
def test_equal_pictures_give_a_map():
    places = start_umap(np.ones((8, 4)), UmapSettings()).result()
    assert places.shape == (8, 2) and np.isfinite(places).all() and np.ptp(places, axis=0).min() > 0


@pytest.mark.slow
def test_a_grown_map_is_nearly_as_trustworthy_as_a_whole_one():
    """Share of neighbours on the map that are neighbours among the vectors: measured 0.003 less on 4,000 patches, 0.004
    on the gallery, in a tenth of the time."""
    from sklearn.manifold import trustworthiness

    given, settings = vectors(400), UmapSettings()
    before = start_umap(given[:320], settings).result()
    grown = start_umap(given, settings, known=known_places(given, [(given[:320], before)])).result()
    whole = start_umap(given, settings).result()
    shares = [trustworthiness(given, places, n_neighbors=15) for places in (grown, whole)]
    assert shares[0] > shares[1] - 0.02, shares
