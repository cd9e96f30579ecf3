import numpy as np
import pytest
import torch
from PIL import Image

from core.analysis.foreground import METHODS, cut_out, foreground, refine_mask
from core.analysis.threshold import otsu
from core.errors import RequestError
from core.features import Geometry
from core.pictures.geometry import plan_grid
from tests.core.analysis.maps import as_map, blob_map, disc_of
from tests.data import masks


def found_objects(found):
    return [scores > found.threshold for scores in found]


@pytest.mark.parametrize("method", METHODS)
def test_a_disc_is_found_in_every_picture(method):
    maps = [blob_map(seed) for seed in range(3)]
    found = foreground(maps, method)
    assert found.method == method
    for mask, one in zip(found_objects(found), maps, strict=True):
        assert torch.equal(mask, disc_of(one))


def test_the_cut_finds_a_photographed_object_in_imitated_features_whatever_they_share():
    geometry = plan_grid(427, 640, 518, 14)
    truth = masks.grid_mask("flower", geometry)
    for offset in (0.0, 1.0, 3.0):
        generator = torch.Generator().manual_seed(0)
        found = foreground(masks.imitation(truth, geometry, generator, noise=1.0, offset=offset), "cut")
        mask = found_objects(found)[0]
        assert (mask & truth).sum() / (mask | truth).sum() > 0.9, offset


@pytest.mark.parametrize("method", METHODS)
def test_saliency_turns_the_sides_round(method):
    one = blob_map(0)
    plain = foreground(one, method)
    turned = foreground(one, method, saliency=[(~disc_of(one)).float()])
    assert torch.equal(found_objects(turned)[0], ~disc_of(one))
    assert torch.equal(found_objects(plain)[0], disc_of(one))


@pytest.mark.parametrize("method", METHODS)
def test_reruns_are_equal_and_scores_lie_between_0_and_1(method):
    first, second = foreground(blob_map(3), method), foreground(blob_map(3), method)
    assert torch.equal(first[0], second[0])
    assert 0 <= first[0].min() < first[0].max() <= 1
    assert first.threshold == second.threshold
    assert int(first.histogram.sum()) == first[0].numel()
    assert len(first.edges) == len(first.histogram) + 1


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("shape", [(1, 1, 4), (1, 2, 4), (2, 2, 4), (6, 5, 4)])
@pytest.mark.parametrize("value", [0.0, 0.3, 1e4])
def test_constant_maps_have_no_object(method, shape, value):
    found = foreground(as_map(torch.full(shape, value)), method)
    assert (found[0] == found[0].flatten()[0]).all()
    assert not found_objects(found)[0].any()


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("grid", [(12, 12), (37, 37)])
def test_a_single_patch_that_differs_from_all_others_is_the_object(method, grid):
    patches = torch.ones(*grid, 8)
    patches[5, 7] = torch.tensor([1.0, -1.0] * 4)
    found = foreground(as_map(patches), method)
    assert found_objects(found)[0].nonzero().tolist() == [[5, 7]]


def test_a_fine_grid_is_cut_at_a_smaller_one():
    one = blob_map(0, 15, 17, noise=0.05)
    fine = as_map(one.patches.repeat_interleave(5, 0).repeat_interleave(5, 1))
    mask = found_objects(foreground(fine, "cut"))[0]
    truth = disc_of(one).repeat_interleave(5, 0).repeat_interleave(5, 1)
    assert mask.shape == (75, 85)
    assert (mask & truth).sum() / (mask | truth).sum() > 0.85


def test_wrong_requests_say_what_to_do():
    with pytest.raises(RequestError, match="choose from"):
        foreground(blob_map(0), "magic")
    with pytest.raises(RequestError, match="saliency"):
        foreground(blob_map(0), saliency=[torch.ones(2, 2)])
    with pytest.raises(RequestError, match="saliency"):
        foreground(blob_map(0), saliency=[torch.full((15, 17), torch.nan)])
    with pytest.raises(RequestError, match="NaN"):
        foreground(as_map(torch.full((3, 3, 5), torch.inf)))


def test_otsu_equals_an_exhaustive_search():
    values = torch.cat([torch.randn(300) * 0.3, torch.randn(100) * 0.2 + 3])
    threshold, counts, edges = otsu(values)

    def within(cut):
        sides = [values[values <= cut], values[values > cut]]
        return sum(float(side.var(correction=0)) * len(side) for side in sides if len(side))

    assert within(threshold) <= min(within(float(edge)) for edge in edges) * 1.01
    assert int(counts.sum()) == 400


def test_a_refined_mask_follows_the_pictures_edge_between_patches():
    picture = np.zeros((80, 80, 3), dtype=np.uint8)
    picture[:, 43:] = 255  # within a patch: the grid alone has its edge at 40
    scores = torch.zeros(8, 8)
    scores[:, 4:] = 1
    mask = refine_mask(scores, Image.fromarray(picture), Geometry(80, 80, 8, 8, 14))
    assert mask.dtype == np.float32
    assert mask.shape == (80, 80)
    assert np.ptp(mask[40, 43:47]) < 0.2
    assert mask[40, 43] - mask[40, 42] > 0.4


def test_a_refined_mask_of_a_large_picture_has_its_pixels():
    mask = refine_mask(torch.rand(4, 8), Image.new("RGB", (1600, 801)), Geometry(801, 1600, 4, 8, 14))
    assert mask.shape == (801, 1600)
    assert np.isfinite(mask).all()
    assert mask.min() >= 0
    assert mask.max() <= 1


def test_a_cut_out_is_opaque_on_the_object_only():
    result = cut_out(Image.new("RGB", (2, 1), (9, 8, 7)), np.array([[1.0, 0.0]]))
    assert result.mode == "RGBA"
    assert [result.getpixel((x, 0)) for x in range(2)] == [(9, 8, 7, 255), (9, 8, 7, 0)]
    with pytest.raises(RequestError, match="1×2"):
        cut_out(Image.new("RGB", (2, 1)), np.zeros((2, 1)))
