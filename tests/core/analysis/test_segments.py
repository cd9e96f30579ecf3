import pytest
import torch

from core.analysis.segments import segments
from core.errors import RequestError
from tests.core.analysis.maps import as_map, blob_map


def striped(shift: int, noise: float = 0.1) -> tuple:
    """A map [12, 16, 20] of four things in unequal stripes, and which is where, [h, w]."""
    generator = torch.Generator().manual_seed(shift)
    stripes = torch.tensor([0] * 6 + [1] * 3 + [2] * 2 + [3]).roll(shift)
    truth = stripes[:, None].expand(12, 16)
    return as_map(torch.eye(20)[truth] + noise * torch.randn(12, 16, 20, generator=generator)), truth


@pytest.mark.parametrize("method", ["kmeans", "spectral"])
def test_groups_are_shared_by_all_pictures_and_numbered_by_size(method):
    maps, truths = zip(*(striped(shift) for shift in range(4)), strict=True)
    found = segments(list(maps), 4, method)
    for labels, truth in zip(found.labels, truths, strict=True):
        assert labels.dtype == torch.int64
        assert torch.equal(labels, truth)


@pytest.mark.parametrize("method", ["kmeans", "spectral"])
def test_the_same_seed_gives_the_same_groups_and_more_patches_than_the_sample_work(method):
    maps = [blob_map(seed, 40, 40) for seed in range(3)]
    first, second = (segments(maps, 5, method, seed=7) for _ in range(2))
    assert all(torch.equal(one, other) for one, other in zip(first.labels, second.labels, strict=True))
    counts = torch.bincount(torch.cat([labels.flatten() for labels in first.labels]), minlength=5)
    assert counts.sum() == 4800
    assert (counts.diff() <= 0).all()


@pytest.mark.parametrize("method", ["kmeans", "spectral"])
def test_constant_maps_and_single_patches_are_one_group(method):
    for value in (0.0, 2.0):
        assert (segments(as_map(torch.full((4, 4, 3), value)), 3, method).labels[0] == 0).all()
    found = segments(as_map(torch.ones(1, 1, 3)), 1, method)
    assert found.labels[0].tolist() == [[0]]
    assert found.centres.isfinite().all()


def test_wrong_requests_say_what_to_do():
    for count in (0, 5):
        with pytest.raises(RequestError, match="1 to 4"):
            segments(as_map(torch.rand(2, 2, 3)), count)
    with pytest.raises(RequestError, match="choose 'kmeans'"):
        segments(blob_map(0), 3, "magic")
    with pytest.raises(RequestError, match="No feature map"):
        segments([], 3)
    with pytest.raises(RequestError, match="NaN"):
        segments(as_map(torch.full((2, 2, 3), torch.nan)), 2)


@pytest.mark.parametrize("method", ["kmeans", "spectral"])
def test_inside_masks_only_what_they_hold_is_grouped(method):
    maps, truths = zip(*(striped(shift) for shift in range(3)), strict=True)
    inside = [truth != 0 for truth in truths]
    found = segments(list(maps), 3, method, inside=inside)
    for labels, truth in zip(found.labels, truths, strict=True):
        assert torch.equal(labels, truth - 1)  # stripe 0 is left out, −1; the others by size
    with pytest.raises(RequestError, match="one mask"):
        segments(list(maps), 3, method, inside=inside[:2])
    with pytest.raises(RequestError, match="the number of patches"):
        segments(list(maps), 3, method, inside=[torch.zeros_like(mask) for mask in inside])
