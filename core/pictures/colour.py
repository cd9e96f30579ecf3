"""A decoded picture of any mode → upright 8-bit RGB in sRGB: the one place where pixel formats are interpreted."""

import io
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageCms

from core.errors import ImageError

SIXTEEN_TO_EIGHT = np.rint(np.arange(65536) / 257).astype(np.uint8)
"""The 8 bits for each value of 16."""
_ORIENTATION = 0x0112
UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""The operation that undoes each value of the EXIF tag Orientation (CIPA DC-008, 4.6.5)."""


TURNED_AWAY = {2: (True, False), 3: (True, True), 4: (False, True), 6: (True, False), 7: (True, True), 8: (False, True)}
"""For each value, whether what was stored last comes to lie at the left, and at the top."""
STRIP_PIXELS = 2**22
"""Pixels that are converted at once, so that what is made on the way stays small beside the picture."""


def to_rgb(image: Image.Image, behind: tuple[int, int, int], factor: int = 1) -> Image.Image:
    """A new RGB picture, upright, that carries nothing else along; transparent parts show `behind`, 0..255.

    With a `factor`, each of its pixels is the mean of so many times so many, at the right and lower edge of what is
    there. 16-bit grey is scaled from 0..65535. Integers outside that range and floats outside 0..1 and 0..255 are
    stretched from their lowest to their highest value; NaN and infinities count as the lowest. `image` must be
    loaded. Raises ImageError where no finite value is there (the end of a sentence that begins with its name).
    """
    turn, span = UPRIGHT.get(orientation(image)), _span(image)
    if factor > 1 and _averages_as_stored(image, span):
        image, factor = Image.Image.reduce(image, factor), 1
    profile, parts = image.info.get("icc_profile"), _strips(image, factor)
    if len(parts) == 1:
        flat = _flat(image, span, profile, behind, factor)
    else:
        flat = Image.new("RGB", (-(-image.width // factor), -(-image.height // factor)))
        for top, bottom in parts:
            strip = image.crop((0, top, image.width, bottom))
            flat.paste(_flat(strip, span, profile, behind, factor), (0, top // factor))
    if turn is not None:
        flat = flat.transpose(turn)
    flat.info = {}
    return flat


def _averages_as_stored(image: Image.Image, span: "_Span | None") -> bool:
    """Whether means of the stored values are what is wanted, so that the whole picture can be reduced first."""
    plain = image.mode in ("L", "RGB", "CMYK") or (image.mode in ("I", "F") and span is not None and span.finite)
    return plain and "transparency" not in image.info


def _strips(image: Image.Image, factor: int) -> list[tuple[int, int]]:
    """(top, bottom) of the parts that are converted one after the other, each a multiple of `factor` high."""
    rows = max(STRIP_PIXELS // image.width // factor, 1) * factor
    return [(top, min(top + rows, image.height)) for top in range(0, image.height, rows)]


def _flat(
    image: Image.Image, span: "_Span | None", profile: bytes | None, behind: tuple[int, int, int], factor: int
) -> Image.Image:
    """A picture or a strip of one as RGB, not turned."""
    eight = _eight_bit(image, span)
    plain = _in_srgb(Image.Image.reduce(eight, factor) if factor > 1 else eight, profile)
    if plain.mode != "RGBA":
        return plain.convert("RGB")
    flat = Image.new("RGB", plain.size, behind)
    flat.paste(plain.convert("RGB"), mask=plain.getchannel("A"))
    return flat


def _eight_bit(image: Image.Image, span: "_Span | None") -> Image.Image:
    """The picture in one of the modes L, RGB, RGBA, CMYK."""
    if span is not None:
        return _from_numbers(image, span)
    if image.mode == "LAB":
        return _converted(image, ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")), "RGB")
    if image.mode in ("La", "RGBa"):  # premultiplied; Pillow undoes that only without changing the bands
        image = image.convert({"La": "LA", "RGBa": "RGBA"}[image.mode])
    if image.mode != "RGBA" and image.has_transparency_data:
        return image.convert("RGBA")
    return image if image.mode in ("L", "RGB", "RGBA", "CMYK") else image.convert("RGB")


class _Span(NamedTuple):
    """The numbers that become black and white, the lowest finite one, and whether all are finite."""

    start: float
    stop: float
    low: float
    finite: bool


def _span(image: Image.Image) -> _Span | None:
    """The span of a picture's numbers; None for one of 8 bits."""
    if not image.mode.startswith(("I", "F")):
        return None
    lows, highs, finite = [], [], True
    for top, bottom in _strips(image, 1):
        values = np.asarray(image.crop((0, top, image.width, bottom)))
        if not (np.isfinite(values.min()) and np.isfinite(values.max())):  # NaN would be both
            values, finite = values[np.isfinite(values)], False
        if values.size:
            lows.append(float(values.min()))
            highs.append(float(values.max()))
    if not lows:
        raise ImageError("holds no finite value; write numbers, not NaN, into it.")
    low, high = min(lows), max(highs)
    whole = (1, 255) if image.mode.startswith("F") else (65535,)
    start, stop = next(((0.0, float(top)) for top in whole if low >= 0 and high <= top), (low, high))
    return _Span(start, stop, low, finite)


def _from_numbers(image: Image.Image, span: _Span) -> Image.Image:
    """Grey of 16 or 32 bits or floats, as L, or RGBA where one grey value means transparent."""
    values = np.asarray(image)
    if not span.finite:
        values = np.where(np.isfinite(values), values, values.dtype.type(span.low))
    if values.dtype.kind in "iu" and (span.start, span.stop) == (0, 65535):
        levels = SIXTEEN_TO_EIGHT[values]
    else:
        levels = np.rint((values - np.float64(span.start)) / ((span.stop - span.start) or 1) * 255).astype(np.uint8)
    grey = Image.fromarray(levels)
    transparent = image.info.get("transparency")
    if isinstance(transparent, int):
        grey.putalpha(Image.fromarray(np.where(values == transparent, 0, 255).astype(np.uint8)))
        return grey.convert("RGBA")
    return grey


def _in_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """L, RGB, RGBA or CMYK through its embedded profile; unchanged without one, with sRGB, or with a wrong one.

    Costs 0.4 s for 12 megapixels, but the usual profile is sRGB and costs nothing.
    """
    if not isinstance(profile, bytes) or not profile:
        return image
    try:
        embedded = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if "sRGB" in ImageCms.getProfileDescription(embedded):
            return image
        return _converted(image, embedded, "RGBA" if image.mode == "RGBA" else "RGB")
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):  # damaged, or for another kind of picture
        return image


def _converted(image: Image.Image, profile: ImageCms.ImageCmsProfile, mode: str) -> Image.Image:
    """The picture, whose colours are those of `profile`, in sRGB."""
    converted = ImageCms.profileToProfile(image, profile, ImageCms.createProfile("sRGB"), outputMode=mode)
    assert converted is not None  # it is where a picture is changed in place
    return converted


def orientation(image: Image.Image) -> int:
    """The value of the EXIF tag Orientation, 1 where there is none."""
    try:
        return image.getexif().get(_ORIENTATION, 1)
    except Exception:  # whatever Pillow lets out on a damaged tag block: it says nothing of the pixels
        return 1
