"""Good files of every format, bad files of every kind, and random damage: a right picture or an ImageError."""

import concurrent.futures
import io
import os
import re
import struct
import zlib

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image, features

import core
from core.pictures.image import LARGEST_PIXELS, LARGEST_SIDE

RNG = np.random.default_rng(7)
SMOOTH = Image.fromarray(RNG.integers(0, 256, (4, 5, 3), dtype=np.uint8)).resize((45, 34), Image.Resampling.BICUBIC)
LOSSLESS = {
    "PNG": ("1", "L", "LA", "P", "RGB", "RGBA", "I;16"),
    "TIFF": ("1", "L", "LA", "P", "RGB", "RGBA", "I;16", "CMYK"),
    "BMP": ("1", "L", "P", "RGB"),
    "GIF": ("1", "L", "P"),
    "PPM": ("1", "L", "RGB"),
    "WEBP": ("RGB", "RGBA"),
    "JPEG2000": ("L", "LA", "RGB", "RGBA"),
}
OPTIONS = {"WEBP": {"lossless": True}}


def saved(image, format, **options):
    buffer = io.BytesIO()
    image.save(buffer, format, **OPTIONS.get(format, {}) | options)
    return buffer.getvalue()


def in_mode(mode):
    if mode == "I;16":
        return Image.fromarray(np.asarray(SMOOTH.convert("L")).astype(np.uint16) * 257)
    image = SMOOTH.convert(mode)
    if mode in ("LA", "RGBA"):
        image.putalpha(SMOOTH.getchannel("R"))
    return image


def png(width, height, data, bits=8, colour=2):
    """A PNG whose header may promise anything."""

    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(data)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def refusal(source, **options):
    with pytest.raises(core.ImageError) as caught:
        core.load_image(source, **options)
    return str(caught.value)


@pytest.mark.parametrize(("format", "mode"), [(format, mode) for format, modes in LOSSLESS.items() for mode in modes])
def test_lossless_formats_give_the_pixels_back(format, mode):
    image = in_mode(mode)
    expected = {"I;16": SMOOTH.convert("L"), "LA": image.convert("RGBA")}.get(mode, image)
    if mode in ("LA", "RGBA"):
        rgba = np.asarray(expected).astype(float)
        expected = np.rint(rgba[..., :3] * rgba[..., 3:] / 255 + 255 - rgba[..., 3:])
    else:
        expected = np.asarray(expected.convert("RGB")).astype(float)
    loaded = core.load_image(saved(image, format))
    assert loaded.mode == "RGB"
    assert np.abs(np.asarray(loaded) - expected).max() <= (1 if mode in ("LA", "RGBA") else 0)


@pytest.mark.parametrize(("format", "mode"), [("JPEG", "RGB"), ("JPEG", "L"), ("JPEG", "CMYK"), ("AVIF", "RGB")])
def test_lossy_formats_give_nearly_the_pixels_back(format, mode):
    if format == "AVIF" and not features.check("avif"):
        pytest.skip("this Pillow has no AVIF")
    image = in_mode(mode)
    loaded = np.asarray(core.load_image(saved(image, format, quality=98))).astype(float)
    assert np.abs(loaded - np.asarray(image.convert("RGB"))).mean() < 2


def test_sixteen_bit_colour_png():
    values = RNG.integers(0, 65536, (3, 4, 3), dtype=np.uint16)
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    loaded = np.asarray(core.load_image(png(4, 3, rows, bits=16))).astype(float)
    assert np.abs(loaded - values / 257).max() <= 1


def test_float_tiff():
    values = np.linspace(0, 1, 12, dtype=np.float32).reshape(3, 4)
    loaded = np.asarray(core.load_image(saved(Image.fromarray(values), "TIFF")))
    assert (loaded[..., 0] == np.rint(values * 255)).all()


def test_adobe_inverted_cmyk_jpeg():
    """Photoshop stores CMYK inverted and says so in an Adobe marker, as Pillow also writes it."""
    data = saved(Image.new("CMYK", (16, 16), (255, 0, 0, 0)), "JPEG", quality=95)
    assert b"Adobe" in data
    assert np.abs(np.asarray(core.load_image(data)).astype(int) - (0, 255, 255)).max() <= 3


@pytest.mark.parametrize("format", ["GIF", "PNG", "WEBP", "TIFF"])
def test_the_first_frame_of_an_animation(format):
    frames = [Image.new("RGB", (8, 6), colour) for colour in ("red", "lime", "blue")]
    data = saved(frames[0], format, save_all=True, append_images=frames[1:])
    assert (np.asarray(core.load_image(data)) == (255, 0, 0)).all()


def test_transparency_over_white_or_black():
    data = saved(Image.new("RGBA", (2, 2), (200, 100, 0, 0)), "PNG")
    assert core.load_image(data).getpixel((0, 0)) == (255, 255, 255)
    assert core.load_image(data, alpha="black").getpixel((0, 0)) == (0, 0, 0)
    with pytest.raises(core.RequestError, match="'red'"):
        core.load_image(data, alpha="red")


def test_every_kind_of_source(tmp_path):
    path = tmp_path / "ein Bild ü.png"
    SMOOTH.save(path)
    data = path.read_bytes()
    with path.open("rb") as file:
        sources = [path, str(path), data, bytearray(data), memoryview(data), file, io.BytesIO(data), Image.open(path)]
        for source in sources:
            assert core.load_image(source).tobytes() == SMOOTH.tobytes()


def test_a_pil_picture_is_left_as_it_was():
    image = Image.new("RGBA", (3, 2), (1, 2, 3, 4))
    image.info["exif"] = b"kept"
    core.load_image(image)
    assert image.mode == "RGBA"
    assert image.info == {"exif": b"kept"}


@pytest.mark.parametrize("size", [(1, 1), (1, 20000), (20000, 1), (2, 3)])
def test_thin_pictures(size):
    assert core.load_image(saved(Image.new("RGB", size, (3, 2, 1)), "PNG")).size == size


BAD = {
    "empty.jpg": (b"", "is empty"),
    "text.jpg": (b"Dear diary,\ntoday", "is text"),
    "unicode.png": ("Grüße aus Köln".encode(), "is text"),
    "page.png": (b"<!DOCTYPE html><html>404", "is a web page"),
    "drawing.svg": (b"<?xml version='1.0'?>\n<svg xmlns='http://www.w3.org/2000/svg'/>", "is an SVG drawing"),
    "report.jpg": (b"%PDF-1.7\n%\xe2\xe3", "is a PDF document"),
    "eps.jpg": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "is a PostScript drawing"),
    "phone.jpg": (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "is an HEIC photograph"),
    "film.jpg": (b"\0\0\0\x18ftypisom\0\0\x02\0isomiso2", "is a video"),
    "broken.avif": (b"\0\0\0\x18ftypavif\0\0\0\0avifmif1", "AVIF"),
    "noise.jpg": (bytes(range(1, 200)), "is not a picture that can be read here"),
    "header.png": (b"\x89PNG\r\n\x1a\n\0\0", "damaged"),
    "header.webp": (b"RIFF\x10\0\0\0WEBPVP8 ", "damaged"),
    "huge.png": (png(60000, 60000, b""), "is too large: .*60000"),
    "large.png": (png(LARGEST_PIXELS // 4000 + 1, 4000, b""), "is too large: 32001×4000 pixels"),
    "long.png": (png(LARGEST_SIDE + 1, 1, b""), "is too large: 1000001×1 pixels"),
    "bomb.png": (png(9000, 9000, b"\0" * 1000), "damaged or cut short"),
    "none.png": (png(0, 5, b""), "damaged|no pixels"),
}


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize("name", BAD)
def test_bad_files_are_named_and_explained(name, tmp_path):
    data, said = BAD[name]
    path = tmp_path / name
    path.write_bytes(data)
    message = refusal(path)
    assert str(path) in message
    for text in (message, refusal(data)):
        assert re.search(said, text), text
        assert text.endswith(".")
        assert len(text) < 600


def test_paths_that_are_no_files(tmp_path):
    assert "is a folder" in refusal(tmp_path)
    assert "does not exist" in refusal(tmp_path / "cat.jpg")
    assert "download it" in refusal("https://example.org/cat.jpg")
    assert "cannot be opened" in refusal("cat\0.jpg")
    assert "cannot be opened" in refusal("x" * 5000)
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    assert "is a device or a pipe" in refusal(pipe)


def test_sources_that_are_no_files(tmp_path):
    assert "NoneType" in refusal(None)
    assert "ndarray" in refusal(np.zeros((3, 3)))
    assert "'rb'" in refusal(io.StringIO("text"))
    closed = io.BytesIO(b"x")
    closed.close()
    assert "'rb'" in refusal(closed)
    path = tmp_path / "text.jpg"
    path.write_bytes(b"\xff\xd8\xff")
    with path.open(encoding="utf-8") as file:
        assert str(path) in refusal(file)


def test_a_pil_picture_whose_file_is_cut_short(tmp_path):
    path = tmp_path / "half.jpg"
    path.write_bytes(saved(SMOOTH, "JPEG")[:-100])
    assert "half.jpg" in refusal(Image.open(path))


def test_pillows_limits_are_left_alone():
    before = Image.MAX_IMAGE_PIXELS
    core.load_image(saved(SMOOTH, "PNG"))
    assert before == Image.MAX_IMAGE_PIXELS


VALID = {
    format: saved(SMOOTH, format)
    for format in ("JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF", "PPM", "JPEG2000", *["AVIF"] * features.check("avif"))
} | {
    "PNG palette": saved(SMOOTH.convert("P"), "PNG", transparency=0),
    "PNG interlaced profile": saved(SMOOTH, "PNG", icc_profile=b"x" * 300, exif=b"Exif\0\0II*\0\x08\0\0\0"),
    "TIFF lzw": saved(SMOOTH, "TIFF", compression="tiff_lzw"),
    "TIFF jpeg": saved(SMOOTH, "TIFF", compression="jpeg"),
    "JPEG progressive": saved(SMOOTH, "JPEG", progressive=True),
    "JPEG CMYK": saved(SMOOTH.convert("CMYK"), "JPEG"),
    "GIF animated": saved(SMOOTH, "GIF", save_all=True, append_images=[SMOOTH.rotate(90)]),
    "PNG animated": saved(SMOOTH, "PNG", save_all=True, append_images=[SMOOTH.rotate(90)]),
}
ANY_BYTES = st.one_of(
    st.binary(max_size=300),
    st.builds(lambda kind, noise: VALID[kind][:24] + noise, st.sampled_from(sorted(VALID)), st.binary(max_size=200)),
)
damaged = pytest.mark.filterwarnings("ignore")  # Pillow warns of what it finds in damaged headers


def loads_or_refuses(data):
    """The picture, or None where it is refused as it should be; any other exception fails the test."""
    try:
        image = core.load_image(data)
    except core.ImageError as error:
        assert str(error).startswith("The given file ")
        return None
    assert image.mode == "RGB"
    assert min(image.size) >= 1
    return image


@damaged
@settings(max_examples=400, deadline=None)
@given(ANY_BYTES)
@example(b"P5 99999999999 99999999999 255\n")
def test_random_bytes(data):
    loads_or_refuses(data)


@damaged
@settings(max_examples=500, deadline=None)
@given(st.sampled_from(sorted(VALID)), st.floats(0, 1, exclude_max=True))
def test_a_file_cut_anywhere_is_refused_or_whole(kind, share):
    """A format may repeat itself or end in bytes without pixels; half a picture is never taken for a whole one."""
    whole = VALID[kind]
    image = loads_or_refuses(whole[: int(share * len(whole))])
    if image is not None:
        assert np.asarray(image).astype(int) == pytest.approx(np.asarray(core.load_image(whole)), abs=2)


@damaged
@settings(max_examples=600, deadline=None)
@given(
    st.sampled_from(sorted(VALID)), st.lists(st.tuples(st.floats(0, 1), st.integers(1, 255)), min_size=1, max_size=8)
)
def test_flipped_bytes(kind, flips):
    data = bytearray(VALID[kind])
    for share, bits in flips:
        data[int(share * (len(data) - 1))] ^= bits
    loads_or_refuses(bytes(data))


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(["PNG", "TIFF", "BMP", "PPM"]), st.integers(1, 60), st.integers(1, 60), st.randoms())
def test_any_picture_survives_saving(format, height, width, random):
    values = np.frombuffer(random.randbytes(height * width * 3), dtype=np.uint8).reshape(height, width, 3)
    assert (np.asarray(core.load_image(saved(Image.fromarray(values), format))) == values).all()


def test_many_threads():
    files = [VALID["PNG"], VALID["JPEG"], VALID["GIF"], VALID["PNG palette"]] * 20
    expected = [core.load_image(data).tobytes() for data in files]
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        assert [image.tobytes() for image in pool.map(core.load_image, files)] == expected
