"""Every pixel mode against values worked out by hand; orientation against numpy; colour profiles."""

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image, ImageCms

import core
from core.pictures.colour import to_rgb

WHITE, BLACK = (255, 255, 255), (0, 0, 0)


def pixels(image, behind=WHITE):
    return np.asarray(to_rgb(image, behind))


def saved(image, format, **options):
    buffer = io.BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("mode", "value", "expected"),
    [
        ("1", 1, (255, 255, 255)),
        ("L", 80, (80, 80, 80)),
        ("LA", (80, 255), (80, 80, 80)),
        ("LA", (80, 0), (255, 255, 255)),
        ("La", (0, 0), (255, 255, 255)),
        ("La", (40, 128), (167, 167, 167)),  # 40 + 255·127/255
        ("RGB", (1, 2, 3), (1, 2, 3)),
        ("RGBA", (100, 0, 200, 51), (224, 204, 244)),  # a fifth of the colour, four of white
        ("RGBa", (20, 0, 40, 51), (224, 204, 244)),
        ("RGBX", (1, 2, 3, 9), (1, 2, 3)),
        ("CMYK", (255, 0, 0, 0), (0, 255, 255)),
        ("CMYK", (0, 0, 0, 255), (0, 0, 0)),
        ("YCbCr", (80, 128, 128), (80, 80, 80)),
        ("HSV", (0, 255, 255), (255, 0, 0)),
        ("LAB", (255, 128, 128), (255, 255, 255)),
        ("LAB", (0, 128, 128), (0, 0, 0)),
    ],
)
def test_modes(mode, value, expected):
    assert np.abs(pixels(Image.new(mode, (3, 2), value)).astype(int) - expected).max() <= 1


@pytest.mark.parametrize("mode", ["L", "RGB", "1", "I;16"])
def test_a_colour_declared_transparent_shows_what_is_behind(mode):
    values = np.array([[0, 255], [255, 0]], dtype=np.uint8)
    grey = Image.fromarray(values)
    image = Image.fromarray(values.astype(np.uint16) * 257) if mode == "I;16" else grey.convert(mode)
    image.info["transparency"] = (0, 0, 0) if mode == "RGB" else 0
    assert (pixels(image, WHITE) == 255).all()
    assert (pixels(image, BLACK)[..., 0] == values).all()


def test_palettes_with_and_without_transparency():
    image = Image.fromarray(np.array([[0, 1, 2]], dtype=np.uint8)).convert("P")
    image.putpalette([10, 20, 30, 40, 50, 60, 70, 80, 90])
    assert pixels(image).tolist() == [[[10, 20, 30], [40, 50, 60], [70, 80, 90]]]
    image.info["transparency"] = bytes([255, 0, 255])
    assert pixels(image, BLACK).tolist() == [[[10, 20, 30], [0, 0, 0], [70, 80, 90]]]


@given(arrays.arrays(np.uint16, (5, 7)))
def test_sixteen_bits_are_scaled_from_their_whole_range(values):
    expected = np.rint(values / 65535 * 255)
    assert (pixels(Image.fromarray(values)) == expected[..., None]).all()
    assert (pixels(Image.fromarray(values.astype(np.int32))) == expected[..., None]).all()
    big_endian = Image.frombytes("I;16B", (7, 5), values.astype(">u2").tobytes())
    assert (pixels(big_endian) == expected[..., None]).all()


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0.0, 0.5, 1.0], [0, 128, 255]),
        ([0.0, 100.0, 255.0], [0, 100, 255]),
        ([-1.0, 0.0, 3.0], [0, 64, 255]),
        ([np.nan, 2.0, np.inf, 302.0], [0, 0, 0, 255]),
        ([7000.0, 7000.0], [0, 0]),
        ([-3e38, 0.0, 3e38], [0, 128, 255]),
    ],
)
def test_floats(values, expected):
    assert pixels(Image.fromarray(np.array([values], dtype=np.float32)))[0, :, 0].tolist() == expected


def test_integers_beyond_sixteen_bits_are_stretched():
    values = np.array([[-100, 0, 100, 300]], dtype=np.int32)
    assert pixels(Image.fromarray(values))[0, :, 0].tolist() == [0, 64, 128, 255]


def test_no_finite_value():
    with pytest.raises(core.ImageError, match="no finite value"):
        to_rgb(Image.fromarray(np.full((2, 2), np.nan, dtype=np.float32)), WHITE)


UPRIGHT = {  # EXIF orientation → what shows the stored picture upright (CIPA DC-008, figure of tag 0x0112)
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.transpose(1, 0, 2),
    6: lambda a: np.rot90(a, -1),
    7: lambda a: a[::-1, ::-1].transpose(1, 0, 2),
    8: lambda a: np.rot90(a),
}


@pytest.mark.parametrize("format", ["PNG", "TIFF", "WEBP", "JPEG"])
@pytest.mark.parametrize("orientation", UPRIGHT)
def test_all_orientations(orientation, format):
    stored = np.kron(np.random.default_rng(0).integers(0, 256, (2, 3, 1)), np.ones((16, 16, 3))).astype(np.uint8)
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"JPEG": {"quality": 100, "subsampling": 0}, "WEBP": {"lossless": True}}.get(format, {})
    image = core.load_image(saved(Image.fromarray(stored), format, exif=exif, **options))
    difference = np.asarray(image).astype(int) - UPRIGHT[orientation](stored)
    assert np.abs(difference).max() <= (2 if format == "JPEG" else 0)
    assert core.load_image(image).tobytes() == image.tobytes(), "turned once more"


@given(st.binary(max_size=60))
def test_a_damaged_tag_block_leaves_the_picture_as_it_is(exif):
    image = Image.new("RGB", (3, 2), (9, 8, 7))
    image.info["exif"] = b"Exif\0\0" + exif
    assert (pixels(image) == (9, 8, 7)).all()


def profile_of(name):
    """A colour profile as bytes, made here: 'sRGB', or 'swapped', in which red and blue change places."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    if name == "sRGB":
        return profile
    swapped = profile.replace(b"rXYZ", b"tmp!", 1).replace(b"bXYZ", b"rXYZ", 1).replace(b"tmp!", b"bXYZ", 1)
    return swapped.replace("sRGB".encode("utf-16-be"), "none".encode("utf-16-be")).replace(b"sRGB", b"none")


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "P"])
def test_an_embedded_profile_is_applied(mode):
    image = Image.new("RGB", (4, 4), (255, 0, 0)).convert(mode)
    assert pixels(image)[0, 0].tolist() == [255, 0, 0]
    image.info["icc_profile"] = profile_of("swapped")
    assert np.abs(pixels(image)[0, 0].astype(int) - [0, 0, 255]).max() <= 1


def test_srgb_needs_no_conversion(monkeypatch):
    image = Image.new("RGB", (2, 2), (200, 100, 50))
    image.info["icc_profile"] = profile_of("sRGB")
    monkeypatch.setattr(ImageCms, "profileToProfile", None)
    assert pixels(image)[0, 0].tolist() == [200, 100, 50]


@pytest.mark.parametrize("mode", ["L", "CMYK"])
def test_a_profile_for_another_kind_of_picture_is_left_out(mode):
    image = Image.new(mode, (2, 2), 0)
    plain = pixels(image)
    image.info["icc_profile"] = profile_of("swapped")
    assert (pixels(image) == plain).all()


@given(st.binary(max_size=200), st.integers(0, 200))
def test_a_damaged_profile_is_left_out_or_applied(noise, start):
    image = Image.new("RGB", (2, 2), (200, 100, 50))
    profile = profile_of("swapped")
    image.info["icc_profile"] = profile[:start] + noise + profile[start + len(noise) :]
    assert to_rgb(image, WHITE).size == (2, 2)


def test_what_comes_out_carries_nothing_along():
    image = Image.new("P", (2, 2))
    image.info.update(transparency=0, icc_profile=b"x", exif=b"y", comment="z")
    clean = to_rgb(image, WHITE)
    assert clean.mode == "RGB"
    assert clean.info == {}
    assert type(clean) is Image.Image
    assert to_rgb(clean, WHITE) is not clean
