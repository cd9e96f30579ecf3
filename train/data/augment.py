"""Augmentation, by which pictures become crops: `train.data.draws` draws them, `train.data.resize` cuts, `train.data.colour` colours.

Source: Oquab et al. 2023, appendix; the reference's DataAugmentationDINO.
"""

from dataclasses import dataclass
from typing import Annotated

from core import RequestError
from core.bounds import SHARE, Bounds, require_bounds
from core.features import IMAGENET_MEAN, IMAGENET_STD
from core.pictures.geometry import LARGEST_SIZE
from core.wording import counted
from train.data.colour import BLUR_TAPS

LEAST_CROP = BLUR_TAPS // 2 + 1
"""Side in pixels that can be blurred, its edges being mirrored."""


@dataclass(frozen=True)
class AugmentConfig:
    """Sizes in pixels, scales as shares of the picture's area, probabilities in 0..1.

    Raises RequestError where a value is out of bounds, or `mean` and `std` do not fit each other.
    """

    global_size: Annotated[int, Bounds(LEAST_CROP, LARGEST_SIZE)] = 224
    global_scale: Annotated[tuple[float, float], Bounds(0, 1, above=True, rising=True)] = (0.32, 1.0)
    local_size: Annotated[int, Bounds(LEAST_CROP, LARGEST_SIZE)] = 98
    local_scale: Annotated[tuple[float, float], Bounds(0, 1, above=True, rising=True)] = (0.05, 0.32)
    local_crops: Annotated[int, Bounds(0, 256)] = 8
    aspect: Annotated[tuple[float, float], Bounds(0.01, 100, rising=True)] = (3 / 4, 4 / 3)
    flip: Annotated[float, SHARE] = 0.5
    jitter: Annotated[float, SHARE] = 0.8
    brightness: Annotated[float, Bounds(0, 10)] = 0.4
    contrast: Annotated[float, Bounds(0, 10)] = 0.4
    saturation: Annotated[float, Bounds(0, 10)] = 0.2
    hue: Annotated[float, Bounds(0, 0.5)] = 0.1
    """Saturation, hue and grey are changed in RGB pictures only."""
    grey: Annotated[float, SHARE] = 0.2
    blur: Annotated[tuple[float, float, float], SHARE] = (0.0, 0.9, 0.5)
    """Of the first global, the second global, and each local crop. The reference names 1.0, 0.1 and 0.5, as Caron et
    al. 2021 do, but hands 1 − p to a class that takes p: these are what its code, and so its models, saw."""
    blur_sigma: Annotated[tuple[float, float], Bounds(0, 100, above=True, rising=True)] = (0.1, 2.0)
    solarise: Annotated[float, SHARE] = 0.2
    """Of the second global crop only."""
    mean: Annotated[tuple[float, ...], Bounds(-(10**6), 10**6)] = IMAGENET_MEAN
    """Of each channel, values being 0..1: what crops are normalised by, with `std`. As many as channels."""
    std: Annotated[tuple[float, ...], Bounds(0, 10**6, above=True)] = IMAGENET_STD

    def __post_init__(self):
        require_bounds(self, "augment.")
        if not self.mean or len(self.mean) != len(self.std):
            raise RequestError(
                f"augment.mean has {len(self.mean)} values and augment.std {len(self.std)}; give one of each "
                "for every channel."
            )

    @property
    def channels(self) -> int:
        return len(self.mean)

    def require_channels(self, channels: int) -> None:
        """RequestError where pictures are not normalised over as many channels as the model takes."""
        if channels != self.channels:
            raise RequestError(
                f"The model takes {counted(channels, 'channel')}, but augment.mean and augment.std have {counted(self.channels, 'value')} "
                f"each; give {channels} of each, in the units of pictures whose values are 0..1."
            )
