"""TIFFs of 16 bits in every layout, written by another library than the one that reads them."""

import io
import itertools

import numpy as np
import pytest
import tifffile
from PIL import Image

import core
from core.pictures.tiff import page_of, sixteen_bit_page
from train.data.pictures import load_pixels

HEIGHT, WIDTH = 40, 52  # more than one strip, and more than one tile along both sides
COLOUR = np.linspace(0, 1, WIDTH)[:, None] * [60000, 40000, 20000] + np.linspace(0, 5535, HEIGHT)[:, None, None]
COLOUR = COLOUR.astype(np.uint16)
OPACITY = np.full((HEIGHT, WIDTH, 1), 65535, np.uint16)
OPACITY[:20] = 32768
GREY = COLOUR[..., :1]
MULTIPLIED = (COLOUR * (OPACITY / 65535)).astype(np.uint16)
KINDS = {  # name → samples, photometric, what the fourth means, and what is seen over white
    "black is zero": (GREY, "minisblack", None, GREY),
    "white is zero": (65535 - GREY, "miniswhite", None, GREY),
    "RGB": (COLOUR, "rgb", None, COLOUR),
    "RGB with opacity": (np.dstack([COLOUR, OPACITY]), "rgb", ["unassalpha"], (COLOUR, OPACITY)),
    "RGB multiplied by opacity": (np.dstack([MULTIPLIED, OPACITY]), "rgb", ["assocalpha"], (COLOUR, OPACITY)),
    "RGB and something": (np.dstack([COLOUR, OPACITY]), "rgb", ["unspecified"], COLOUR),
    "grey with opacity": (np.dstack([GREY, OPACITY]), "minisblack", ["unassalpha"], (GREY, OPACITY)),
    "inverted grey with opacity": (np.dstack([65535 - GREY, OPACITY]), "miniswhite", ["unassalpha"], (GREY, OPACITY)),
    "CMYK": (np.dstack([65535 - COLOUR, 0 * OPACITY]), "separated", None, COLOUR),
}
LAYOUTS = {
    f"{order} {'tiles' if tile else 'strips'} {planes} {packed or 'as is'}{' differences' * bool(predictor)}": {
        "byteorder": {"little": "<", "big": ">"}[order],
        "tile": tile,
        "planarconfig": planes,
        "compression": packed,
        "predictor": predictor,
    }
    for order, tile, planes, packed, predictor in itertools.product(
        ("little", "big"), (None, (16, 32)), ("contig", "separate"), (None, "zlib", "lzma"), (False, True)
    )
    if packed or not predictor
}


def written(samples, photometric, extra=None, **layout):
    """The bytes of a TIFF of samples [H, W, C]."""
    buffer, layout = io.BytesIO(), dict(layout)
    if samples.shape[2] == 1:
        samples, layout["planarconfig"] = samples[..., 0], None
    elif layout.get("planarconfig") == "separate":
        samples = np.moveaxis(samples, 2, 0)
    rows = None if layout.get("tile") else 16
    tifffile.imwrite(
        buffer, samples, photometric=photometric, extrasamples=extra, rowsperstrip=rows, metadata=None, **layout
    )
    return buffer.getvalue()


def seen(what):
    """What the picture is over white, [H, W, 3] in 0..255."""
    colour, opacity = what if isinstance(what, tuple) else (what, np.uint16([[[65535]]]))
    share = opacity / 65535
    return np.broadcast_to(colour / 257 * share + 255 * (1 - share), (HEIGHT, WIDTH, 3))


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("kind", KINDS)
def test_the_right_picture_whatever_the_layout(kind, layout):
    samples, photometric, extra, what = KINDS[kind]
    loaded = np.asarray(core.load_image(written(samples, photometric, extra, **LAYOUTS[layout])))
    assert np.abs(loaded - seen(what)).max() <= 2


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize(("count", "photometric"), [(4, "rgb"), (4, "minisblack"), (5, "minisblack"), (4, "separated")])
def test_other_numbers_of_channels_keep_their_16_bits(count, photometric, layout):
    samples = np.random.default_rng(count).integers(0, 65536, (HEIGHT, WIDTH, count), dtype=np.uint16)
    extra = {"rgb": ["unassalpha"], "minisblack": ["unspecified"] * (count - 1), "separated": None}[photometric]
    pixels = load_pixels(written(samples, photometric, extra, **LAYOUTS[layout]), count)
    np.testing.assert_allclose(pixels, samples / 65535, atol=1e-7)


def test_every_page_keeps_its_16_bits():
    samples = np.random.default_rng(0).integers(0, 65536, (3, 8, 9, 2), dtype=np.uint16)
    buffer = io.BytesIO()
    with tifffile.TiffWriter(buffer) as file:
        for page in samples:
            file.write(page, photometric="minisblack", extrasamples=["unspecified"], metadata=None)
    pixels = load_pixels(buffer.getvalue(), 6)
    np.testing.assert_allclose(pixels, np.concatenate(list(samples), axis=2) / 65535, atol=1e-7)


def test_a_bigtiff_is_read_or_refused():
    samples, photometric, extra, what = KINDS["grey with opacity"]
    data = written(samples, photometric, extra, bigtiff=True, byteorder="<")
    assert np.abs(np.asarray(core.load_image(data)) - seen(what)).max() <= 2
    with pytest.raises(core.ImageError, match="begins like a TIFF"):
        core.load_image(written(samples, photometric, extra, bigtiff=True, byteorder=">"))


def test_it_is_turned_and_its_colours_are_converted_as_any_other():
    data = written(65535 - GREY, "miniswhite", extratags=[(274, 3, 1, 6, True)])
    turned = np.asarray(core.load_image(data))
    assert np.abs(turned - np.rot90(seen(GREY), -1)).max() <= 1
    with_profile = written(COLOUR, "rgb", planarconfig="separate", iccprofile=b"not a profile")
    assert np.abs(np.asarray(core.load_image(with_profile)) - seen(COLOUR)).max() <= 1


def test_a_file_that_pillow_opened_is_read_as_well():
    image = Image.open(io.BytesIO(written(COLOUR, "rgb", planarconfig="separate")))
    assert page_of(image) is not None
    assert np.abs(np.asarray(core.load_image(image)) - seen(COLOUR)).max() <= 1


def loaded_or_refused(data):
    """The picture, or None where it is refused as it should be; any other exception fails the test."""
    try:
        return core.load_image(data)
    except core.ImageError as error:
        assert str(error).startswith("The given file ")
        return None


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", ["white is zero", "grey with opacity", "RGB"])
def test_damaged_ones_are_refused(kind):
    samples, photometric, extra, _ = KINDS[kind]
    data = written(samples, photometric, extra, planarconfig="separate")
    for length in range(8, len(data), len(data) // 30):
        image = loaded_or_refused(data[:length])
        assert image is None or image.size == (WIDTH, HEIGHT)
    for place in range(4, 400, 3):
        loaded_or_refused(data[:place] + bytes([data[place] ^ 255]) + data[place + 1 :])


def test_what_is_of_another_kind_is_left_to_pillow():
    buffer = io.BytesIO()
    Image.new("RGB", (3, 2)).save(buffer, "TIFF")
    assert sixteen_bit_page(buffer) is None
    assert sixteen_bit_page(io.BytesIO(b"rubbish")) is None
    page = sixteen_bit_page(io.BytesIO(written(COLOUR, "rgb", planarconfig="contig")))
    assert page is not None and page.pillow_is_right
