"""Masks hide what they are asked to hide, in blocks, the same for the same seed."""

import numpy as np
import pytest
import torch
from scipy import ndimage

from core import RequestError
from train.data.batch import step_masks
from train.data.masking import MaskConfig, batch_masks, block_mask


@pytest.mark.parametrize("count", [1, 5, 60, 128])
def test_a_mask_never_hides_more_than_asked_and_nearly_always_as_much(count):
    hidden = [block_mask(16, 16, count, np.random.default_rng(seed)).sum() for seed in range(50)]
    assert max(hidden) <= count
    assert np.mean(hidden) >= 0.9 * count


def test_masks_are_blocks_not_noise():
    mask = block_mask(16, 16, 100, np.random.default_rng(0))
    _, pieces = ndimage.label(mask)
    assert pieces <= 10  # 100 patches drawn one by one at random make about 25


def test_half_the_crops_are_masked_with_ratios_spread_over_the_range():
    masks = batch_masks(40, 16, 16, np.random.default_rng(0))
    shares = np.sort(masks.mean(axis=1))
    assert (shares[:20] == 0).all() and (shares[20:] > 0).all()
    np.testing.assert_allclose(shares[20:], np.linspace(0.1, 0.5, 20), atol=0.04)


def test_the_seed_decides():
    first, again, other = (batch_masks(8, 7, 9, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert (first == again).all() and (first != other).any()


def test_tiny_grids_and_no_crops():
    assert batch_masks(4, 1, 1, np.random.default_rng(0)).sum() == 0
    assert batch_masks(1, 5, 5, np.random.default_rng(0)).shape == (1, 25)


def test_every_draw_of_a_step_has_masks_of_its_own_and_ranks_share_them():
    """The first draw is that of a step with one; each hides patches of as many crops."""
    whole = step_masks(6, 8, 0, 3, slice(0, 6), MaskConfig(draws=3)).unflatten(0, (3, 2, 6))
    assert torch.equal(whole[0].flatten(0, 1), step_masks(6, 8, 0, 3, slice(0, 6), MaskConfig()))
    assert len({draw.numpy().tobytes() for draw in whole}) == 3
    assert (whole.any(dim=-1).flatten(1).sum(dim=1) == 6).all()
    parts = [step_masks(6, 8, 0, 3, slice(start, start + 2), MaskConfig(draws=3)) for start in (0, 2, 4)]
    assert torch.equal(torch.cat([part.unflatten(0, (3, 2, 2)) for part in parts], dim=2), whole)


def test_a_crop_is_seen_at_least_once():
    with pytest.raises(RequestError, match=r"masks\.draws is 0"):
        MaskConfig(draws=0)
