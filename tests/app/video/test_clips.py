"""A clip made of a photograph, through the small model."""

import itertools
import threading

import numpy as np
import pytest
from PIL import Image

from app.server.turns import Stopped
from app.video import clips
from app.video.clips import ClipSettings, first_frame, paint_clip, price
from core import RequestError
from core.errors import VideoError
from core.pictures.gallery import samples
from core.pictures.image import load_image
from core.pictures.video import clip_info, read_frames, write_mp4
from tests.app.small import SIZE
from tests.core.pictures.test_video import pan


@pytest.fixture
def clip(tmp_path):
    write_mp4(pan(15), tmp_path / "pan.mp4")
    return tmp_path / "pan.mp4"


def painted(engine, clip, out, stop=None, **settings) -> list:
    model = engine.models.get("small")
    chosen = ClipSettings(**({"rate": 10, "size": SIZE} | settings))
    return list(paint_clip(engine, model, clip, chosen, -1, out, stop or threading.Event()))


@pytest.mark.parametrize("view", clips.VIEWS)
@pytest.mark.parametrize(("original", "size"), [("under", (120, 180)), ("beside", (240, 90)), ("not shown", (120, 90))])
def test_every_view_becomes_a_clip_with_the_times_of_the_original(engine, clip, tmp_path, view, original, size):
    out = tmp_path / "out.mp4"
    before = engine.forwards
    steps = painted(engine, clip, out, view=view, original=original, point=(0.5, 0.5))
    info = clip_info(out)
    assert (info.width, info.height) == size
    times = [frame.seconds for frame in read_frames(out, rate=60)]
    assert times == pytest.approx([number / 10 for number in range(15)], abs=1e-3)
    assert engine.forwards == before + 15, "every frame passes through the model once"
    assert [step.total for step in steps] == [15] * len(steps)
    done = [step.done for step in steps]
    assert done == sorted(done) and done[0] == 0 and "of 15" in str(steps[-1])


def test_the_original_is_there_unchanged_and_the_colours_above_it(engine, clip, tmp_path):
    painted(engine, clip, tmp_path / "out.mp4")
    frame = np.asarray(next(read_frames(tmp_path / "out.mp4")).image).astype(int)
    original = pan(15)[0][1].astype(int)
    assert np.abs(frame[90:] - original).mean() < 8
    assert np.abs(frame[:90] - original).mean() > 20


@pytest.mark.parametrize(("size", "expected"), [((3, 5000), (2, 480)), ((5000, 3), (480, 2)), ((400, 300), (480, 360))])
def test_a_move_over_a_photograph_of_any_shape_is_a_small_clip(size, expected, tmp_path):
    clips.sample_clip(Image.new("RGB", size), tmp_path / "move.mp4", seconds=0.3)
    info = clip_info(tmp_path / "move.mp4")
    assert (info.width, info.height) == expected


def test_nothing_covered_is_the_clip_itself(engine, clip, tmp_path):
    painted(engine, clip, tmp_path / "out.mp4", cover=0, original="not shown")
    frame = np.asarray(next(read_frames(tmp_path / "out.mp4")).image).astype(int)
    assert np.abs(frame - pan(15)[0][1]).mean() < 8


def test_a_part_of_the_photograph_keeps_its_colour_as_it_moves(engine, tmp_path):
    """The same pixels at the same place of the patch grid, one patch further left, are painted alike."""
    wide = np.asarray(load_image(samples()[0].path).resize((280, 112)))
    frames = [(number / 5, wide[:, 14 * number : 14 * number + 112]) for number in range(10)]
    write_mp4(frames, tmp_path / "steps.mp4")
    painted(engine, tmp_path / "steps.mp4", tmp_path / "out.mp4", original="not shown", rate=5)
    shown = [np.asarray(frame.image).astype(int) for frame in read_frames(tmp_path / "out.mp4", rate=60)]
    assert len(shown) == 10
    moved = [np.abs(a[:, 14:] - b[:, :-14]).mean() for a, b in itertools.pairwise(shown)]
    assert max(moved) < 25


def test_a_stopped_clip_leaves_no_file(engine, clip, tmp_path):
    stop = threading.Event()
    model = engine.models.get("small")
    run = paint_clip(engine, model, clip, ClipSettings(size=SIZE), -1, tmp_path / "out.mp4", stop)
    next(run)
    next(run)
    stop.set()
    with pytest.raises(Stopped):
        list(run)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["pan.mp4"]


def test_a_clip_says_what_it_will_cost(engine, clip, tmp_path):
    model = engine.models.get("small")
    assert price(clip, ClipSettings(seconds=1, rate=10), model) == "120×90. The first 1.0 s of 1.5 s: 10 frames."
    assert first_frame(clip).size == (120, 90)
    (tmp_path / "notes.mp4").write_text("to do: nothing")
    with pytest.raises(VideoError, match=r"notes\.mp4"):
        price(tmp_path / "notes.mp4", ClipSettings(), model)


@pytest.mark.parametrize(
    "wrong", [{"rate": 100}, {"seconds": 1000}, {"view": "X"}, {"original": "X"}, {"view": "Similarity"}]
)
def test_a_wrong_wish_says_what_is_allowed(wrong):
    with pytest.raises(RequestError, match=r"choose|up to|click"):
        ClipSettings(**wrong)
