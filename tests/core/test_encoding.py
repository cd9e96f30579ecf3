"""Pictures as files and as text that a page holds."""

import base64
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.encoding import base64_of, data_address, picture_address, picture_bytes

ROOT = Path(__file__).parents[2]
RAMP = np.arange(256, dtype=np.uint8).reshape(16, 16)


@pytest.mark.parametrize("channels", [None, 3, 4])
@pytest.mark.parametrize("given", [np.asarray, Image.fromarray])
def test_a_png_gives_its_picture_back(channels, given):
    pixels = RAMP if channels is None else np.repeat(RAMP[..., None], channels, -1)
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(picture_bytes(given(pixels), "PNG")))), pixels)


def test_options_are_those_of_the_format():
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)
    assert len(picture_bytes(noise, "JPEG", quality=20)) < len(picture_bytes(noise, "JPEG", quality=95)) / 2


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_an_address_says_what_it_holds(kind):
    head, _, text = picture_address(RAMP, kind).partition(",")
    assert head == f"data:image/{kind.lower()};base64"
    assert Image.open(io.BytesIO(base64.b64decode(text, validate=True))).format == kind


def test_any_bytes_travel_as_ascii():
    every = bytes(range(256)) * 5
    assert base64.b64decode(base64_of(every), validate=True) == every
    assert data_address("a/b", every) == f"data:a/b;base64,{base64_of(every)}"


@pytest.mark.parametrize("idiom", [";base64,", "b64encode"])
def test_no_other_module_writes_addresses(idiom):
    files = [path for package in ("app", "core", "train") for path in sorted((ROOT / package).rglob("*.py"))]
    assert [path.relative_to(ROOT).as_posix() for path in files if idiom in path.read_text("utf-8")] == [
        "core/encoding.py"
    ]
