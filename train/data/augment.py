"""Augmentation, by which pictures become crops: `train.data.draws` draws them, `train.data.resize` cuts, `train.data.colour` colours.

Source: Oquab et al. 2023, appendix; the reference's DataAugmentationDINO.
"""

from dataclasses import dataclass

from core import RequestError
from core.features import IMAGENET_MEAN, IMAGENET_STD


@dataclass(frozen=True)
class AugmentConfig:
    """Sizes in pixels, scales as shares of the picture's area, probabilities in 0..1.

    Raises RequestError where `mean` and `std` do not fit each other.
    """

    global_size: int = 224
    global_scale: tuple[float, float] = (0.32, 1.0)
    local_size: int = 98
    local_scale: tuple[float, float] = (0.05, 0.32)
    local_crops: int = 8
    aspect: tuple[float, float] = (3 / 4, 4 / 3)
    flip: float = 0.5
    jitter: float = 0.8
    brightness: float = 0.4
    contrast: float = 0.4
    saturation: float = 0.2
    hue: float = 0.1
    """Saturation, hue and grey are changed in RGB pictures only."""
    grey: float = 0.2
    blur: tuple[float, float, float] = (0.0, 0.9, 0.5)
    """Of the first global, the second global, and each local crop. The reference names 1.0, 0.1 and 0.5, as Caron et
    al. 2021 do, but hands 1 − p to a class that takes p: these are what its code, and so its models, saw."""
    blur_sigma: tuple[float, float] = (0.1, 2.0)
    solarise: float = 0.2
    """Of the second global crop only."""
    mean: tuple[float, ...] = IMAGENET_MEAN
    """Of each channel, values being 0..1: what crops are normalised by, with `std`. As many as channels."""
    std: tuple[float, ...] = IMAGENET_STD

    def __post_init__(self):
        if not self.mean or len(self.mean) != len(self.std):
            raise RequestError(
                f"augment.mean has {len(self.mean)} values and augment.std {len(self.std)}; give one of each "
                "for every channel."
            )
        if min(self.std) <= 0:
            raise RequestError(f"augment.std is {self.std}; every value must be above 0.")

    @property
    def channels(self) -> int:
        return len(self.mean)

    def require_channels(self, channels: int) -> None:
        """RequestError where pictures are not normalised over as many channels as the model takes."""
        if channels != self.channels:
            raise RequestError(
                f"The model takes {channels} channels, but augment.mean and augment.std have {self.channels} values "
                f"each; give {channels} of each, in the units of pictures whose values are 0..1."
            )
