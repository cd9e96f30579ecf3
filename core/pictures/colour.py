"""A decoded picture of any mode → upright 8-bit RGB in sRGB: the one place where pixel formats are interpreted."""

import io

import numpy as np
from PIL import Image, ImageCms

from core.errors import ImageError

_ORIENTATION = 0x0112
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""The operation that undoes each value of the EXIF tag Orientation (CIPA DC-008, 4.6.5)."""


def to_rgb(image: Image.Image, behind: tuple[int, int, int]) -> Image.Image:
    """A new RGB picture, upright, that carries nothing else along; transparent parts show `behind`, 0..255.

    16-bit grey is scaled from 0..65535. Integers outside that range and floats outside 0..1 and 0..255 are
    stretched from their lowest to their highest value; NaN and infinities count as the lowest. `image` must be
    loaded. Raises ImageError where no finite value is there (the end of a sentence that begins with its name).
    """
    plain = _in_srgb(_eight_bit(image), image.info.get("icc_profile"))
    if plain.mode == "RGBA":
        flat = Image.new("RGB", plain.size, behind)
        flat.paste(plain.convert("RGB"), mask=plain.getchannel("A"))
    else:
        flat = plain.convert("RGB")
    turn = _UPRIGHT.get(_orientation(image))
    if turn is not None:
        flat = flat.transpose(turn)
    flat.info = {}
    return flat


def _eight_bit(image: Image.Image) -> Image.Image:
    """The picture in one of the modes L, RGB, RGBA, CMYK."""
    if image.mode.startswith(("I", "F")):
        return _from_numbers(image)
    if image.mode == "LAB":
        return _converted(image, ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")), "RGB")
    if image.mode in ("La", "RGBa"):  # premultiplied; Pillow undoes that only without changing the bands
        image = image.convert({"La": "LA", "RGBa": "RGBA"}[image.mode])
    if image.has_transparency_data:
        return image.convert("RGBA")
    return image if image.mode in ("L", "RGB", "CMYK") else image.convert("RGB")


def _from_numbers(image: Image.Image) -> Image.Image:
    """Grey of 16 or 32 bits or floats, as L, or RGBA where one grey value means transparent."""
    values = np.asarray(image)
    if values.dtype.kind == "f":
        finite = np.isfinite(values)
        if not finite.any():
            raise ImageError("holds no finite value; write numbers, not NaN, into it.")
        values = np.where(finite, values, values[finite].min())
    low, high = float(values.min()), float(values.max())
    whole = (65535,) if values.dtype.kind in "iu" else (1, 255)
    start, stop = next(((0.0, top) for top in whole if low >= 0 and high <= top), (low, high))
    if values.dtype.kind in "iu" and (start, stop) == (0, 65535):
        levels = np.rint(np.arange(65536) / 257).astype(np.uint8)[values]
    else:
        levels = np.rint((values - np.float64(start)) / ((stop - start) or 1) * 255).astype(np.uint8)
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


def _orientation(image: Image.Image) -> int:
    try:
        return image.getexif().get(_ORIENTATION, 1)
    except Exception:  # whatever Pillow lets out on a damaged tag block: it says nothing of the pixels
        return 1
