import struct
from fractions import Fraction

import av
import numpy as np
import pytest
from PIL import Image

from core import RequestError
from core.errors import VideoError
from core.pictures.gallery import samples
from core.pictures.image import load_image
from core.pictures.video import clip_info, read_frames, write_mp4


def pan(frames: int = 12, rate: float = 10.0, height: int = 90, width: int = 120) -> list[tuple[float, np.ndarray]]:
    """A slow move over a photograph."""
    photograph = load_image(samples()[0].path).resize((width + 4 * frames, height))
    pixels = np.asarray(photograph)
    return [(number / rate, pixels[:, 4 * number : 4 * number + width]) for number in range(frames)]


@pytest.fixture
def clip(tmp_path):
    path = tmp_path / "pan.mp4"
    write_mp4(pan(), path)
    return path


def test_what_is_written_is_read_again(clip):
    info = clip_info(clip)
    assert (info.width, info.height) == (120, 90)
    assert info.seconds == pytest.approx(1.2, abs=0.11)
    frames = list(read_frames(clip, rate=60))
    assert [frame.seconds for frame in frames] == pytest.approx([number / 10 for number in range(12)], abs=1e-3)
    for frame, (_, pixels) in zip(frames, pan(), strict=True):
        assert np.abs(np.asarray(frame.image).astype(int) - pixels).mean() < 6


def test_colours_come_back(tmp_path):
    colours = np.zeros((64, 96, 3), np.uint8)
    colours[:, :32], colours[:, 32:64], colours[:, 64:] = (200, 40, 60), (30, 160, 70), (60, 80, 210)
    write_mp4([(0, colours), (0.1, colours)], tmp_path / "colours.mp4")
    frame = np.asarray(next(read_frames(tmp_path / "colours.mp4")).image).astype(int)
    for x in (16, 48, 80):
        assert np.abs(frame[32, x] - colours[32, x]).max() <= 6


def test_frames_are_thinned_out_and_cut_off(clip):
    assert [round(frame.seconds, 2) for frame in read_frames(clip, rate=5)] == [0, 0.2, 0.4, 0.6, 0.8, 1.0]
    assert [round(frame.seconds, 2) for frame in read_frames(clip, rate=60, seconds=0.35)] == [0, 0.1, 0.2, 0.3]


def test_longer_side_is_limited(clip):
    assert next(read_frames(clip, side=60)).image.size == (60, 45)
    assert next(read_frames(clip, side=600)).image.size == (120, 90)


def test_an_odd_row_and_column_are_left_out(tmp_path):
    write_mp4(pan(3, height=91, width=121), tmp_path / "odd.mp4")
    assert next(read_frames(tmp_path / "odd.mp4")).image.size == (120, 90)


def test_pixels_that_are_not_square_are_made_so(tmp_path):
    with av.open(str(tmp_path / "wide.mp4"), "w") as container:
        stream = container.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = 60, 90, "yuv420p"
        stream.codec_context.sample_aspect_ratio = Fraction(2, 1)
        frame = av.VideoFrame.from_ndarray(np.zeros((90, 60, 3), np.uint8), format="rgb24")
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    assert next(read_frames(tmp_path / "wide.mp4")).image.size == (120, 90)


SHOWN = {  # (a, b, c, d) of the display matrix → the frame as it is meant to be seen
    (1, 0, 0, 1): lambda f: f,
    (-1, 0, 0, 1): lambda f: f[:, ::-1],
    (1, 0, 0, -1): lambda f: f[::-1],
    (-1, 0, 0, -1): lambda f: f[::-1, ::-1],
    (0, 1, -1, 0): lambda f: np.rot90(f, -1),
    (0, -1, 1, 0): lambda f: np.rot90(f),
    (0, 1, 1, 0): lambda f: f.transpose(1, 0, 2),
    (0, -1, -1, 0): lambda f: f[::-1, ::-1].transpose(1, 0, 2),
}


@pytest.mark.parametrize("matrix", SHOWN)
def test_a_clip_stands_as_its_display_matrix_says(matrix, tmp_path):
    frame = np.zeros((64, 96, 3), np.uint8)
    frame[:32, :48], frame[32:, :48] = 255, 120  # the four corners differ: white, grey, dark, black
    frame[:32, 48:] = 60
    path = tmp_path / "turned.mp4"
    write_mp4([(0, frame), (0.1, frame)], path)
    data = bytearray(path.read_bytes())
    a, b, c, d = (value << 16 for value in matrix)
    start = data.index(b"tkhd") + 44  # where the header of the track has its matrix
    data[start : start + 36] = struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30)
    path.write_bytes(data)
    shown = np.asarray(next(read_frames(path)).image).astype(int)
    expected = SHOWN[matrix](frame)
    assert shown.shape == expected.shape
    assert np.abs(shown - expected).mean() < 6


def test_an_animation_is_a_clip(tmp_path):
    shades = [Image.new("RGB", (40, 30), (shade, 0, 0)) for shade in (0, 120, 240)]
    shades[0].save(tmp_path / "three.gif", save_all=True, append_images=shades[1:], duration=200)
    assert [round(frame.seconds, 1) for frame in read_frames(tmp_path / "three.gif")] == [0, 0.2, 0.4]


def test_a_clip_that_breaks_off_gives_what_it_holds(tmp_path):
    with av.open(str(tmp_path / "whole.mkv"), "w") as container:
        stream = container.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = 120, 90, "yuv420p"
        for _, pixels in pan(40):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode())
    data = (tmp_path / "whole.mkv").read_bytes()
    (tmp_path / "part.mkv").write_bytes(data[: len(data) // 2])
    assert 1 <= len(list(read_frames(tmp_path / "part.mkv", rate=60))) < 40


PLAYLIST = "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\nfile://{path}\n#EXT-X-ENDLIST\n"
CONCAT = "ffconcat version 1.0\nfile {path}\n"


@pytest.mark.parametrize("words", ["to do: nothing", "", PLAYLIST, CONCAT], ids=["text", "empty", "playlist", "concat"])
@pytest.mark.parametrize("ending", ["mp4", "m3u8"])
def test_what_is_no_clip_says_so_and_leads_to_no_other_file(clip, tmp_path, words, ending):
    (tmp_path / f"wrong.{ending}").write_text(words.format(path=clip))
    with pytest.raises(VideoError, match=rf"wrong.{ending}.*(no clip|no picture)"):
        list(read_frames(tmp_path / f"wrong.{ending}"))


def test_a_photograph_sound_and_a_missing_file_are_no_clips(tmp_path):
    with pytest.raises(VideoError, match="no clip"):
        clip_info(samples()[0].path)
    with av.open(str(tmp_path / "sound.mp4"), "w") as container:
        stream = container.add_stream("aac", rate=8000)
        sound = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        sound.sample_rate = 8000
        container.mux(stream.encode(sound))
        container.mux(stream.encode())
    with pytest.raises(VideoError, match="no picture"):
        clip_info(tmp_path / "sound.mp4")
    with pytest.raises(VideoError, match="does not exist"):
        clip_info(tmp_path / "gone.mp4")


def test_a_failure_leaves_nothing_behind(tmp_path):
    def breaking():
        yield pan()[0]
        raise RuntimeError("stopped")

    with pytest.raises(RuntimeError):
        write_mp4(breaking(), tmp_path / "never.mp4")
    with pytest.raises(VideoError, match="No frame"):
        write_mp4([], tmp_path / "never.mp4")
    assert list(tmp_path.iterdir()) == []


def test_impossible_wishes_are_refused(clip):
    with pytest.raises(RequestError, match="rate 0"):
        next(read_frames(clip, rate=0))
