"""A clip → its frames with their times, and frames → an mp4 that browsers play.

Decoding and encoding are PyAV's, whose wheels carry FFmpeg's libraries: nothing else has to be installed, and no
other program is run. Files come from strangers, so only formats named here are tried (FFmpeg also opens playlists, which
name other files and hosts), sizes are checked before any picture is decoded, and nothing but `VideoError` leaves for
what is wrong with a file.
"""

import contextlib
import itertools
import os
import struct
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
from PIL import Image

from core.errors import RequestError, VideoError
from core.files import replacing

FORMATS = ("mov", "mp4", "m4a", "3gp", "3g2", "mj2", "matroska", "webm", "avi", "mpegts", "mpeg", "gif", "ogg")
"""FFmpeg's names of the containers that are read."""
READABLE = "MP4, MOV, WebM, MKV, AVI, MPEG, Ogg or GIF"
LARGEST_PIXELS = 3840 * 2160
"""Pixels of one frame; 25 MB as RGB."""
MOST_DECODED = 20_000
"""Frames that are decoded of one file at most, whatever times it claims for them."""
TICKS = 90_000
"""Units of time a second in what is written, as is usual for video."""
_UPRIGHT = {
    (True, False): Image.Transpose.FLIP_LEFT_RIGHT,
    (False, True): Image.Transpose.FLIP_TOP_BOTTOM,
    (True, True): Image.Transpose.ROTATE_180,
}
"""By whether x and y are shown from right to left and from bottom to top."""
_SIDEWAYS = {
    (False, False): Image.Transpose.TRANSPOSE,
    (False, True): Image.Transpose.ROTATE_270,
    (True, False): Image.Transpose.ROTATE_90,
    (True, True): Image.Transpose.TRANSVERSE,
}
"""By whether x is shown upwards and y from right to left."""
_BT709 = 1
"""FFmpeg's number for the colours of high definition, which browsers take for granted."""


@dataclass(frozen=True)
class ClipInfo:
    """The properties of a clip before it is decoded. `seconds` is None where the file does not say; `rate` is in frames a second."""

    width: int
    height: int
    rate: float
    seconds: float | None


@dataclass(frozen=True, eq=False)
class Frame:
    """One picture of a clip, RGB and upright, and its time since the first one in seconds."""

    seconds: float
    image: Image.Image


def clip_info(path: str | Path) -> ClipInfo:
    """The properties of a file's first video stream. VideoError where it is no clip that can be read."""
    with _opened(path) as (container, stream):
        known = [
            float(duration * base)
            for duration, base in ((stream.duration, stream.time_base), (container.duration, Fraction(1, 1_000_000)))
            if duration and base
        ]
        rate = float(stream.average_rate or stream.base_rate or 0)
        return ClipInfo(stream.width, stream.height, rate, known[0] if known else None)


def read_frames(path: str | Path, rate: float = 10.0, seconds: float = 10.0, side: int = 640) -> Iterator[Frame]:
    """The frames of the first `seconds`, at most `rate` of them a second, longer side at most `side` pixels.

    Times are the clip's own: a clip that is slower than `rate` gives the frames it has. Turned as the file asks, with
    square pixels. Decoded as they are asked for. VideoError where the file is no clip, or damaged from the start; one
    that is damaged further on ends there.
    """
    if not (0 < rate <= 60 and seconds > 0 and side >= 16):
        raise RequestError(
            f"rate {rate}, seconds {seconds}, side {side}: choose a rate up to 60, and more than 0 of all."
        )
    first = due = None
    with _opened(path) as (_, stream):
        for frame in itertools.islice(_decoded(stream, path), MOST_DECODED):
            first = frame.time if first is None else first
            since = frame.time - first
            if since > seconds:
                return
            if due is None or since >= due - 1e-3:
                yield Frame(max(since, 0.0), _upright(frame, stream, side))
                due = (int((since + 1e-3) * rate) + 1) / rate
    if first is None:
        raise VideoError(f"{_named(path)} has no picture in it; export the clip again.")


@contextlib.contextmanager
def mp4_writer(path: str | Path) -> Iterator[Callable[[float, np.ndarray], None]]:
    """A function that adds a frame (seconds, [H, W, 3] uint8) to an H.264 mp4, which plays before it is loaded.

    Times rise. An odd last row or column is left out, which the format cannot hold. The file appears when the block
    ends well; where it raises, or no frame came (VideoError), nothing is left behind.
    """
    import av  # 0.1 s to import, wanted only here

    try:
        with (
            replacing(Path(path), contested=True) as unfinished,
            av.open(str(unfinished), "w", format="mp4", options={"movflags": "+faststart"}) as container,
        ):
            clip = _Mp4(container)
            yield clip.add
            clip.finish()
    except av.FFmpegError as error:
        raise VideoError(f"The clip could not be written ({error.strerror}); see that the disk has room.") from error


def write_mp4(frames: Iterable[tuple[float, np.ndarray]], path: str | Path) -> None:
    """Write frames (seconds, [H, W, 3] uint8) as `mp4_writer` does."""
    with mp4_writer(path) as add:
        for seconds, pixels in frames:
            add(seconds, pixels)


@contextlib.contextmanager
def _opened(path: str | Path) -> Iterator[tuple]:
    """An open container and its first video stream; VideoError with the file's name for all that is wrong with it."""
    import av  # 0.1 s to import, wanted only here

    name = _named(path)
    options = {"format_whitelist": ",".join(FORMATS), "protocol_whitelist": "file"}
    try:
        with av.open(os.fspath(path), options=options) as container:
            stream = next(iter(container.streams.video), None)
            if stream is None or not (stream.width and stream.height):
                raise VideoError(f"{name} has no picture in it; export the clip again.")
            if stream.width * stream.height > LARGEST_PIXELS:
                raise VideoError(
                    f"{name} is {stream.width}×{stream.height} pixels; up to 3840×2160 are read. Make it smaller first."
                )
            yield container, stream
    except av.FileNotFoundError as error:
        raise VideoError(f"{name} does not exist; check the spelling and the folder.") from error
    except av.FFmpegError as error:
        raise VideoError(f"{name} is no clip that can be read ({error.strerror}); save it as {READABLE}.") from error


def _decoded(stream, path: str | Path) -> Iterator:
    """Frames with a time, up to where the file is damaged."""
    import av

    started = False
    try:
        for frame in stream.container.decode(stream):
            if frame.time is not None:
                started = True
                yield frame
    except av.FFmpegError:
        if not started:
            raise


def _upright(frame, stream, side: int) -> Image.Image:
    image = Image.fromarray(frame.to_ndarray(format="rgb24"))
    aspect = float(stream.sample_aspect_ratio or 1)
    shrink = min(1.0, side / max(image.width * aspect, image.height))
    size = (max(round(image.width * aspect * shrink), 1), max(round(image.height * shrink), 1))
    if size != image.size:
        image = image.resize(size, Image.Resampling.BICUBIC)
    turn = _turn(frame)
    return image if turn is None else image.transpose(turn)


def _turn(frame) -> Image.Transpose | None:
    """What makes a frame upright, by its display matrix: rotation, mirror or both, to the nearest quarter.

    A point (x, y) of the frame is shown at (a x + c y, b x + d y) (ISO/IEC 14496-12, 6.2.2).
    """
    matrix = frame.side_data.get("DISPLAYMATRIX")
    if matrix is None:
        return None
    a, b, _, c, d = struct.unpack_from("=5i", bytes(matrix))
    if abs(a) + abs(d) >= abs(b) + abs(c):
        return _UPRIGHT.get((a < 0, d < 0))
    return _SIDEWAYS[b < 0, c < 0]


class _Mp4:
    """The one stream of a container that is being written."""

    def __init__(self, container):
        self._container = container
        self._stream = None
        self._last = 0.0
        self._lasting = TICKS // 10

    def add(self, seconds: float, pixels: np.ndarray) -> None:
        import av

        if self._stream is None:
            self._stream = self._new_stream(*pixels.shape[:2])
        if seconds > self._last:
            self._lasting = round((seconds - self._last) * TICKS)
        self._last = seconds
        cropped = np.ascontiguousarray(pixels[: self._stream.height, : self._stream.width])
        frame = av.VideoFrame.from_ndarray(cropped, format="rgb24").reformat(format="yuv420p", dst_colorspace="itu709")
        frame.pts, frame.time_base = round(seconds * TICKS), Fraction(1, TICKS)
        self._write(self._stream, frame)

    def finish(self) -> None:
        if self._stream is None:
            raise VideoError("No frame was given, so there is no clip to write.")
        self._write(self._stream, None)

    def _write(self, stream, frame) -> None:
        for packet in stream.encode(frame):
            packet.duration = self._lasting  # all but the last one's follow from the times
            self._container.mux(packet)

    def _new_stream(self, height: int, width: int):
        stream = self._container.add_stream("libx264", rate=30, options={"crf": "17", "preset": "veryfast"})
        stream.height, stream.width = max(height // 2 * 2, 2), max(width // 2 * 2, 2)
        stream.pix_fmt = "yuv420p"
        context = stream.codec_context
        context.time_base = Fraction(1, TICKS)
        context.colorspace = context.color_primaries = context.color_trc = _BT709
        return stream


def _named(path: str | Path) -> str:
    return repr(Path(path).name)
