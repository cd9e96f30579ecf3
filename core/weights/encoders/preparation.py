"""How a library prepares pictures for its encoder, read from the `preprocessor_config.json` beside the weights."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from core.errors import ModelError
from core.model.vit import Resample

HALVES = (0.5, 0.5, 0.5)
CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
CLIP_STD = (0.26862954, 0.26130258, 0.27577711)
ZEROS, ONES = (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)
NAME = "preprocessor_config.json"
LARGEST_MEAN, LEAST_STD, LARGEST_STD = 10.0, 1e-3, 1e3

FILTERS: tuple[Resample, ...] = ("nearest", "lanczos", "bilinear", "bicubic", "box", "hamming")
"""In the order of Pillow's numbers."""
Channels = tuple[float, float, float]


@dataclass(frozen=True)
class Preparation:
    """The normalisation of pixels in 0..1, how pictures are resized, and to which side; 0 where nothing is said of it."""

    mean: Channels
    std: Channels
    resample: Resample = "bicubic"
    size: int = 0


def read_preparation(values: Mapping, usual: Preparation) -> Preparation:
    """What a processor's description says; what it leaves out is as usual for the encoder. ModelError where it is wrong."""
    if values.get("do_rescale", True) is not True or not math.isclose(values.get("rescale_factor", 1 / 255), 1 / 255):
        raise ModelError(f"{NAME} scales pixels otherwise than by 1/255; such encoders cannot be opened.")
    mean, std = (_channels(values, f"image_{name}", getattr(usual, name)) for name in ("mean", "std"))
    if values.get("do_normalize", True) is False:
        mean, std = ZEROS, ONES
    if any(abs(one) > LARGEST_MEAN for one in mean) or not all(LEAST_STD <= one <= LARGEST_STD for one in std):
        raise ModelError(
            f"{NAME} normalises by mean {list(mean)} and std {list(std)}; give means within ±{LARGEST_MEAN:g} and spreads "
            f"from {LEAST_STD:g} to {LARGEST_STD:g}."
        )
    crop = values.get("do_center_crop") and values.get("crop_size")
    return Preparation(mean, std, _filter(values, usual.resample), _side(crop or values.get("size")) or usual.size)


def _channels(values: Mapping, key: str, usual: Channels) -> Channels:
    given = values.get(key)
    if given is None:
        return usual
    if isinstance(given, int | float):
        given = [given] * 3
    if not isinstance(given, Sequence) or len(given) != 3 or not all(_finite(one) for one in given):
        raise ModelError(f"{NAME} sets {key} to {given!r}; give three finite numbers.")
    red, green, blue = map(float, given)
    return red, green, blue


def _filter(values: Mapping, usual: Resample) -> Resample:
    given = values.get("resample")
    if given is None:
        return usual
    if not isinstance(given, int) or not 0 <= given < len(FILTERS):
        raise ModelError(f"{NAME} sets resample to {given!r}; give the number of one of Pillow's filters, 0 to 5.")
    return FILTERS[given]


def _finite(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _side(size: object) -> int:
    """The side of a size as processors write it: a number, {height, width}, or {shortest_edge}; 0 for what is none."""
    if isinstance(size, Mapping):
        size = next((size[key] for key in ("shortest_edge", "height", "longest_edge") if size.get(key)), 0)
    return size if isinstance(size, int) and not isinstance(size, bool) and size > 0 else 0
