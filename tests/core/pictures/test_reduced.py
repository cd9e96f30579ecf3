"""Large pictures that come out smaller: nearly what the whole ones give, at the same places, with bounded memory."""

import io
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image

import core
from core.features import preprocess
from core.pictures import image as pictures
from core.pictures.cost import Room, decoding_bytes
from core.pictures.image import ENOUGH, Reduced, load_reduced
from core.pictures.kinds import opened

RNG = np.random.default_rng(5)
WIDTH, HEIGHT = 403, 298  # 3 and 2 beyond a multiple of 4
SCENE = Image.fromarray(RNG.integers(0, 256, (9, 12, 3), dtype=np.uint8)).resize(
    (WIDTH, HEIGHT), Image.Resampling.BICUBIC
)


def saved(image, format, **options):
    buffer = io.BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


def in_mode(mode):
    grey = np.asarray(SCENE.convert("L"))
    if mode == "I;16":
        return Image.fromarray(grey.astype(np.uint16) * 257)
    if mode == "F":
        return Image.fromarray(grey.astype(np.float32) / 255)
    if mode == "F with NaN":
        values = grey.astype(np.float32)
        values[40:50, 60:90] = np.nan
        return Image.fromarray(values)
    image = SCENE.convert(mode)
    if mode == "RGBA":
        image.putalpha(SCENE.getchannel("G"))
    return image


def means(pixels, factor):
    """[H, W, 3] → the mean of each `factor` × `factor`, of what is there of it at the right and lower edge."""
    height, width, _ = pixels.shape
    padded = np.pad(pixels.astype(float), ((0, -height % factor), (0, -width % factor), (0, 0)), constant_values=np.nan)
    blocks = padded.reshape(padded.shape[0] // factor, factor, -1, factor, 3)
    return np.nanmean(blocks, axis=(1, 3))


FILES = {
    "RGB": saved(in_mode("RGB"), "PNG"),
    "RGBA": saved(in_mode("RGBA"), "PNG"),
    "palette": saved(in_mode("P"), "PNG"),
    "transparent palette": saved(in_mode("P"), "PNG", transparency=bytes(range(256))),
    "16 bits": saved(in_mode("I;16"), "PNG"),
    "floats": saved(in_mode("F"), "TIFF"),
    "floats with NaN": saved(in_mode("F with NaN"), "TIFF"),
    "CMYK TIFF": saved(in_mode("CMYK"), "TIFF"),
    "JPEG": saved(SCENE, "JPEG", quality=95),
    "progressive JPEG": saved(SCENE, "JPEG", quality=95, progressive=True),
    "CMYK JPEG": saved(in_mode("CMYK"), "JPEG", quality=95),
    "JPEG 2000": saved(SCENE.resize((404, 300)), "JPEG2000"),
}

BOUNDS = dict.fromkeys(("JPEG", "progressive JPEG", "CMYK JPEG"), (1, 6)) | {"JPEG 2000": (6, 25)}
"""Mean and largest difference where the decoder reduces. JPEG 2000 gives means about the first pixel of each place, not
its middle: 1.5 pixels of the original aside at a quarter."""


@pytest.mark.parametrize("kind", FILES)
@pytest.mark.parametrize("factor", [2, 4, 5])
def test_each_pixel_is_the_mean_of_those_in_its_place(kind, factor):
    whole = np.asarray(core.load_image(FILES[kind]))
    small = load_reduced(FILES[kind], whole.shape[1] // factor)
    height, width = whole.shape[:2]
    assert (small.height, small.width) == (height, width)
    assert small.factor == (4 if factor == 5 and "JPEG" in kind else factor)  # a decoder's own are powers of two
    expected = means(whole, small.factor)
    assert small.image.size == (expected.shape[1], expected.shape[0])
    difference = np.abs(np.asarray(small.image) - expected)
    mean, most = BOUNDS.get(kind, (1, 2))
    assert difference.mean() < mean and difference.max() <= most


@pytest.mark.parametrize("kind", FILES)
def test_an_ordinary_picture_stays_as_it_is(kind):
    whole, same = core.load_image(FILES[kind]), load_reduced(FILES[kind], WIDTH // 2 + 2)
    assert same.image.tobytes() == whole.tobytes() and (same.factor, same.left, same.top) == (1, 0, 0)
    assert ENOUGH >= 1036, "the finest the page offers"


def test_strips_make_no_difference(monkeypatch):
    wanted = {kind: core.load_image(data).tobytes() for kind, data in FILES.items()}
    monkeypatch.setattr("core.pictures.colour.STRIP_PIXELS", 17 * WIDTH)
    assert {kind: core.load_image(data).tobytes() for kind, data in FILES.items()} == wanted


@pytest.mark.parametrize("format", ["PNG", "JPEG", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_model_sees_the_same_at_the_same_places(orientation, format):
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = saved(SCENE, format, exif=exif, **({"quality": 98} if format == "JPEG" else {}))
    small = load_reduced(data, 101)  # the last row and column lack some of the pixels of the original
    assert small.factor in (3, 4)
    for size in (98, 56):
        pixels, geometry = preprocess(small, size, 14)
        expected, whole_geometry = preprocess(core.load_image(data), size, 14)
        assert geometry == whole_geometry
        assert (pixels - expected).abs().mean() < 0.05  # of values that spread over 4


def test_a_thin_picture_keeps_a_row():
    small = load_reduced(saved(Image.new("RGB", (5000, 3), (9, 8, 7)), "JPEG"), 500)
    assert small.image.size == (500, 1) and (small.width, small.height) == (5000, 3)
    pixels, geometry = preprocess(small, 70, 14)
    assert (geometry.rows, geometry.columns) == (1, 5) and pixels.isfinite().all()


def test_a_part_is_cut_out_by_places_on_the_original():
    image = Image.new("RGB", (400, 200))
    image.paste((255, 0, 0), (100, 60, 200, 120))
    small = load_reduced(saved(image, "PNG"), 100)
    part = small.crop((100, 60, 200, 120))
    assert part.image.size == (25, 15) and (part.height, part.width) == (15, 25)
    assert (np.asarray(part.image) == (255, 0, 0)).all()
    assert small.crop((10, 10, 10, 10)).image.size == (1, 1)


def refusal(data, **options):
    with pytest.raises(core.ImageError) as caught:
        load_reduced(data, **options)
    return str(caught.value)


def test_a_limit_of_one_s_own_is_named():
    assert load_reduced(FILES["RGB"], largest=WIDTH * HEIGHT)
    message = refusal(FILES["RGB"], largest=100_000)
    assert "403×298 pixels" in message and "Up to 0.1 megapixels" in message and "make it smaller" in message


def test_what_would_take_too_much_memory_is_refused_before_it_is_decoded(monkeypatch):
    monkeypatch.setattr(pictures, "MOST_BYTES", 2**20)
    assert "would take 1 MB" in refusal(saved(SCENE, "WEBP"))
    assert load_reduced(saved(SCENE, "PNG")).image.size == SCENE.size


@pytest.mark.parametrize(
    "data",
    [
        b"P3\n8 8\n255\n" + b"7 " * 192,
        b"P5\n8 8\n200\n" + b"\7" * 64,
        saved(Image.new("L", (8, 8)), "BMP")[:30] + b"\1" + saved(Image.new("L", (8, 8)), "BMP")[31:],
    ],
    ids=["text", "odd values", "runs"],
)
def test_what_pillow_reads_in_python_is_refused_where_it_is_large(data, monkeypatch):
    monkeypatch.setattr(pictures, "SLOW_BYTES", 100)
    large = data + b" " * 100
    with pytest.raises(core.ImageError, match="save it as PNG"):
        core.load_image(large)
    assert core.load_image(FILES["RGB"]).size == SCENE.size


def test_a_jpeg_of_endless_scans_is_refused():
    data = FILES["progressive JPEG"]
    scans = b"\xff\xda" * (pictures.MOST_SCANNED // (WIDTH * HEIGHT))
    assert "scans" in refusal(data[:-2] + scans + data[-2:])
    assert load_reduced(data)


def test_the_room_is_never_overdrawn_and_everybody_gets_in():
    room, lock, inside, most = Room(100), threading.Lock(), [], [0]

    def work(wanted):
        with room.taken(wanted):
            with lock:
                inside.append(wanted)
                most[0] = max(most[0], sum(inside) if len(inside) > 1 else 0)
            with lock:
                inside.remove(wanted)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, [60, 50, 30, 400, 10] * 20))
    assert most[0] <= 100 and not inside


def test_room_is_given_back_after_a_failure():
    room = Room(10)
    with pytest.raises(ValueError), room.taken(10):
        raise ValueError
    with room.taken(10):
        pass


def test_all_decoding_passes_through_the_room(monkeypatch):
    taken = []

    class Watched(Room):
        def taken(self, wanted):
            taken.append(wanted)
            return super().taken(wanted)

    monkeypatch.setattr(pictures, "ROOM", Watched(2**30))
    core.load_image(FILES["RGB"])
    load_reduced(FILES["JPEG"], 100)
    assert taken == [WIDTH * HEIGHT * 4, WIDTH * HEIGHT * 4 // 16]


def test_the_memory_of_each_kind_is_told_from_its_header():
    def told(data):
        image = opened(io.BytesIO(data))
        return decoding_bytes(image, image.size) / (image.width * image.height)

    assert [told(FILES[kind]) for kind in ("RGB", "palette", "16 bits", "JPEG")] == [4, 1, 2, 4]
    assert told(FILES["progressive JPEG"]) == 4 + 2 * 3
    assert told(saved(SCENE, "WEBP")) == 16
    strip = told(saved(SCENE, "TIFF", compression="tiff_deflate"))
    assert 4 < strip <= 7, "libtiff unpacks a strip as a whole"


def test_a_picture_of_somebody_else_is_reduced_and_left_as_it_was():
    image = Image.open(io.BytesIO(FILES["JPEG"]))
    small = load_reduced(image, 100)
    assert isinstance(small, Reduced) and small.factor == 4
    assert image.size == (WIDTH, HEIGHT)
