"""How many channels a run has, said once and checked."""

import pytest

from core import RequestError
from train.data.augment import AugmentConfig


def test_channels_are_those_of_the_mean():
    assert AugmentConfig().channels == 3
    one = AugmentConfig(mean=(0.5,), std=(0.25,))
    one.require_channels(1)
    with pytest.raises(RequestError, match=r"takes 3 channels.* have 1 value"):
        one.require_channels(3)


@pytest.mark.parametrize(("mean", "std"), [((0.5,), (0.1, 0.1)), ((), ()), ((0.5, 0.5), (0.1, 0.0))])
def test_normalisations_that_cannot_be_are_refused(mean, std):
    with pytest.raises(RequestError, match="augment"):
        AugmentConfig(mean=mean, std=std)
