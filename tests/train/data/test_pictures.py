"""Pixels with the channels a run asks for, from pictures, arrays and files of several pages."""

import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core import ImageError, load_image
from tests.core.pictures.test_image import png
from train.data.pictures import load_pixels

ROOT = Path(__file__).parents[3]


def npy(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


def encoded(image: Image.Image, format: str, **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


@pytest.fixture(scope="module")
def photo():
    from sklearn.datasets import load_sample_image

    return Image.fromarray(load_sample_image("china.jpg"))


def test_three_channels_are_what_load_image_shows_and_one_is_its_luminance(photo):
    data = encoded(photo, "JPEG")
    rgb, grey = load_pixels(data, 3), load_pixels(data, 1)
    assert np.array_equal(rgb, np.asarray(load_image(data))) and rgb.flags.writeable
    assert grey.shape == (427, 640, 1) and grey.dtype == np.uint8
    assert np.abs(grey[:, :, 0] - rgb @ np.array([0.299, 0.587, 0.114])).max() < 1


def test_a_jpeg_is_decoded_smaller_only_where_enough_pixels_stay(photo):
    data = encoded(photo, "JPEG", quality=95)
    assert load_pixels(data, 3, least=214).shape == (427, 640, 3)
    reduced = load_pixels(data, 3, least=100)
    assert reduced.shape == (107, 160, 3)
    expected = np.asarray(photo.resize((160, 107), Image.Resampling.BOX)).astype(float)
    assert np.abs(reduced - expected).mean() < 4
    assert load_pixels(encoded(photo, "PNG"), 3, least=100).shape == (427, 640, 3)


def test_a_reduced_jpeg_stands_upright_as_the_whole_one_does(photo):
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by a quarter
    data = encoded(photo, "JPEG", exif=exif)
    assert load_pixels(data, 3, least=100).shape == (160, 107, 3)
    with pytest.raises(ImageError, match="The given file is damaged"):
        load_pixels(data[: len(data) // 2], 3, least=100)


@pytest.mark.parametrize(
    ("array", "expected"),
    [
        (np.array([[[0, 51, 102, 255]]], np.uint8), [0, 0.2, 0.4, 1]),
        (np.array([[[0, 13107, 26214, 65535]]], np.uint16), [0, 0.2, 0.4, 1]),
        (np.array([[[0, 0.25, 0.5, 1]]], np.float64), [0, 0.25, 0.5, 1]),
    ],
)
def test_arrays_become_floats_in_0_to_1(array, expected):
    pixels = load_pixels(npy(array), 4)
    assert pixels.dtype == np.float32 and pixels.shape == (1, 1, 4)
    np.testing.assert_allclose(pixels[0, 0], expected, atol=1e-6)


def test_an_array_of_one_channel_is_as_a_grey_picture():
    array = np.arange(12, dtype=np.uint16).reshape(3, 4) * 257
    pixels = load_pixels(npy(array), 1)
    assert pixels.dtype == np.uint8 and pixels[:, :, 0].tolist() == np.arange(12).reshape(3, 4).tolist()


def test_pages_and_bands_are_channels():
    pages = [Image.fromarray(np.full((4, 6), value, np.uint16)) for value in (0, 13107, 65535)]
    pages += [Image.fromarray(np.full((4, 6), value, np.uint8)) for value in (51, 102)]
    tiff = encoded(pages[0], "TIFF", save_all=True, append_images=pages[1:])
    np.testing.assert_allclose(load_pixels(tiff, 5)[2, 3], [0, 0.2, 1, 0.2, 0.4], atol=1e-6)
    rgba = encoded(Image.new("RGBA", (3, 2), (51, 102, 153, 204)), "PNG")
    np.testing.assert_allclose(load_pixels(rgba, 4)[1, 2], [0.2, 0.4, 0.6, 0.8], atol=1e-6)


def test_pages_are_read_by_a_process_that_has_opened_no_picture_before(tmp_path):
    """As a reading process of a run has not: Pillow knows its formats only once somebody has asked for them."""
    pages = [Image.fromarray(np.full((4, 6), value, np.uint16)) for value in range(5)]
    pages[0].save(tmp_path / "0.tif", save_all=True, append_images=pages[1:])
    program = "import sys; from pathlib import Path; from train.data.pictures import load_pixels as load;"
    program += "print(load(Path(sys.argv[1]).read_bytes(), 5).shape)"
    words = [sys.executable, "-c", program, str(tmp_path / "0.tif")]
    result = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert result.stdout == "(4, 6, 5)\n", result.stderr


@pytest.mark.parametrize("order", ["<u2", ">u2"])
def test_either_byte_order_is_read(order):
    numbers = np.array([[[0, 13107, 26214, 65535]]], order)
    np.testing.assert_allclose(load_pixels(npy(numbers), 4)[0, 0], [0, 0.2, 0.4, 1], atol=1e-6)
    page = Image.frombytes("I;16B" if order == ">u2" else "I;16", (1, 4), numbers.tobytes())
    tiff = encoded(page, "TIFF", save_all=True, append_images=[page])
    np.testing.assert_allclose(load_pixels(tiff, 2)[:, 0, 1], [0, 0.2, 0.4, 1], atol=1e-6)


def test_a_png_of_four_channels_keeps_its_16_bits():
    values = np.random.default_rng(0).integers(0, 65536, (5, 7, 4), dtype=np.uint16)
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    data = png(7, 5, rows, bits=16, colour=6)
    np.testing.assert_allclose(load_pixels(data, 4), values / 65535, atol=1e-7)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (npy(np.zeros((4, 4, 3))), "has 3 channels, the run takes 5"),
        (npy(np.full((4, 4, 5), np.nan)), "from nan to nan"),
        (npy(np.full((4, 4, 5), -3.0)), "from -3 to -3"),
        (npy(np.zeros((4, 4, 5), np.int32)), "holds int32"),
        (npy(np.zeros((2, 4, 4, 5))), "shape"),
        (npy(np.zeros((4, 4, 5)))[:-9], "cannot be read"),
        (npy(np.array([{}], dtype=object)), "cannot be read"),
        (b"rubbish", "cannot be read for its 5 channels"),
        (encoded(Image.new("RGB", (4, 4)), "PNG"), "has 3 channels on 1 page"),
    ],
)
def test_what_does_not_fit_says_why(data, reason):
    with pytest.raises(ImageError, match=reason):
        load_pixels(data, 5)
