import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from core.analysis.matching import LARGEST_PAIRS, match, region_of, transfer_point, transfer_region
from core.errors import RequestError
from core.features import FeatureMap, Geometry, Origin, extract
from core.pictures.gallery import samples
from core.pictures.image import load_image
from core.weights.load import load_model
from tests.core.analysis.maps import as_map, blob_map


def textured(rows: int, columns: int, width: int = 24, seed: int = 0) -> Tensor:
    """Patches [h, w, D], each unlike all others and its neighbours a little like it."""
    coarse = torch.randn(1, width, rows // 2 + 1, columns // 2 + 1, generator=torch.Generator().manual_seed(seed))
    return F.interpolate(coarse, (rows, columns), mode="bicubic")[0].permute(1, 2, 0)


def noisy(patches: Tensor, amount: float = 0.2) -> Tensor:
    return patches + amount * torch.randn(patches.shape, generator=torch.Generator().manual_seed(7))


@pytest.mark.parametrize("smoothing", [0, 1, 2])
def test_a_shifted_crop_is_found_where_it_lies(smoothing):
    scene = textured(20, 24)
    a, b = as_map(scene[:14, :16]), as_map(noisy(scene)[3:17, 5:24])  # grids 14×16 and 14×19
    found = match(a, b, density=1, smoothing=smoothing)
    right = (found.patches_a - found.patches_b == torch.tensor([3, 5])).all(dim=1)
    in_both = (found.patches_a >= torch.tensor([3, 5])).all(dim=1)  # 11 × 11 patches
    assert in_both.sum() > 80
    assert right[in_both].float().mean() > 0.95
    # the test's pictures have 10 pixels to the patch
    torch.testing.assert_close(found.points_a, found.patches_a.flip(1) * 10 + 5.0)
    torch.testing.assert_close(found.points_b, found.patches_b.flip(1) * 10 + 5.0)


@pytest.mark.parametrize("smoothing", [0, 1])
def test_a_mirrored_picture_is_found_mirrored(smoothing):
    scene = textured(14, 16)
    found = match(as_map(scene), as_map(noisy(scene.flip(1))), density=1, smoothing=smoothing)
    right = (found.patches_b[:, 0] == found.patches_a[:, 0]) & (found.patches_b[:, 1] == 15 - found.patches_a[:, 1])
    assert len(found) > 150
    assert right.float().mean() > 0.98


def test_smoothing_finds_more_of_what_is_noisy():
    scene = textured(16, 16)
    a, b = as_map(scene), as_map(noisy(scene, 1.5))

    def hits(smoothing: int) -> float:
        found = match(a, b, density=1, mutual=False, ratio=1, smoothing=smoothing)
        return (found.patches_a == found.patches_b).all(dim=1).sum().item()

    assert hits(1) > hits(0) + 30


def test_cosines_by_hand_mutual_and_ratio():
    # a's two patches both like b's first best; only the better of them is chosen back
    a = as_map(torch.tensor([[[1.0, 0.0], [0.8, 0.6]]]))
    b = as_map(torch.tensor([[[1.0, 0.0], [-1.0, 0.0], [-1.0, 0.0], [-1.0, 0.0]]]))
    one_way = match(a, b, density=1, mutual=False, smoothing=0)
    assert one_way.scores.tolist() == pytest.approx([1, 0.8])
    assert one_way.patches_b.tolist() == [[0, 0], [0, 0]]
    assert match(a, b, density=1, smoothing=0).patches_a.tolist() == [[0, 0]]
    # the rival of a's second patch is b's fourth, at distance sqrt(2 + 1.6): the ratio is sqrt(0.4 / 3.6) = 1/3
    for ratio, count in ((0.34, 2), (0.33, 1)):
        assert len(match(a, b, density=1, mutual=False, ratio=ratio, smoothing=0)) == count


def test_smoothed_cosines_equal_the_definition_written_out():
    a, b = textured(4, 5, 6, seed=1), textured(5, 4, 6, seed=2)
    ua, ub = F.normalize(a, dim=-1), F.normalize(b, dim=-1)

    def mean(row, column, other_row, other_column, sign):
        cosines = [
            float(ua[row + i, column + j] @ ub[other_row + i, other_column + sign * j])
            for i in (-1, 0, 1)
            for j in (-1, 0, 1)
            if 0 <= row + i < 4 and 0 <= column + j < 5 and 0 <= other_row + i < 5 and 0 <= other_column + sign * j < 4
        ]
        return sum(cosines) / len(cosines)

    found = match(as_map(a), as_map(b), density=1, mutual=False, ratio=1, smoothing=1)
    assert len(found) >= 15
    for (row, column), (other_row, other_column), score in zip(
        found.patches_a.tolist(), found.patches_b.tolist(), found.scores.tolist(), strict=True
    ):
        expected = max(mean(row, column, r, c, sign) for r in range(5) for c in range(4) for sign in (1, -1))
        assert score == pytest.approx(expected, abs=1e-5)
        here = max(mean(row, column, other_row, other_column, sign) for sign in (1, -1))
        assert here == pytest.approx(expected, abs=1e-5)
    assert (found.scores.diff() <= 0).all()


def test_density_keeps_the_best_and_spreads_them():
    scene = textured(16, 16)
    a, b = as_map(scene), as_map(noisy(scene))
    every, few = match(a, b, density=1), match(a, b, density=0.25)
    assert len(few) <= 25 < len(every)  # no more than 5 × 5 fit 4 patches apart
    assert torch.equal(few.patches_a[0], every.patches_a[0])
    gaps = (few.patches_a.unsqueeze(0) - few.patches_a.unsqueeze(1)).abs().amax(dim=2)
    assert gaps.fill_diagonal_(99).min() >= 4


def test_matches_stay_inside_the_foreground():
    a, b = blob_map(0), blob_map(1)
    discs = [one.patches[..., 1] > 1.0 for one in (a, b)]
    for foreground in (discs, "auto"):
        found = match(a, b, density=1, foreground=foreground)
        assert len(found) > 5
        for mask, patches in zip(discs, (found.patches_a, found.patches_b), strict=True):
            assert mask[patches[:, 0], patches[:, 1]].float().mean() > 0.95
    nothing = [torch.zeros_like(mask) for mask in discs]
    empty = match(a, b, foreground=nothing)
    assert (empty.points_a.shape, empty.points_b.shape, empty.scores.shape) == ((0, 2), (0, 2), (0,))


def test_the_same_maps_give_the_same_matches_and_constant_ones_none():
    scene = textured(12, 12)
    first, second = (match(as_map(scene), as_map(noisy(scene))) for _ in range(2))
    assert torch.equal(first.points_b, second.points_b) and torch.equal(first.scores, second.scores)
    assert len(match(as_map(torch.ones(9, 9, 3)), as_map(torch.ones(9, 9, 3)))) == 0


def test_points_are_pixels_of_the_originals():
    patches = torch.eye(6).view(2, 3, 6)
    a = FeatureMap(patches, torch.zeros(6), Geometry(200, 300, 2, 3, 14))
    b = FeatureMap(patches, torch.zeros(6), Geometry(41, 60, 2, 3, 14))
    found = match(a, b, density=1, smoothing=0)
    assert found.points_a.tolist()[:2] == [[50, 50], [150, 50]]
    assert found.points_b.tolist()[:2] == [[10, 10.5], [30, 10.5]]  # 1 pixel of the height is left out


def test_a_point_is_carried_to_every_picture():
    scene = textured(20, 24)
    a, b, c = as_map(scene), as_map(noisy(scene)[3:17, 5:24]), as_map(scene.flip(1))
    for smoothing in (0, 1):
        places = transfer_point(a, [b, c], (95.0, 62.0), smoothing)  # row 6, column 9
        assert [(place.x, place.y) for place in places] == [(45, 35), (145, 65)]
        assert places[1].score == pytest.approx(1, abs=1e-5) and places[0].score < 1
    corner = transfer_point(a, [c], (0.0, 0.0))[0]
    assert (corner.x, corner.y) == (235, 5)


def test_a_region_is_carried_over():
    a, b = blob_map(0, noise=0.02), blob_map(3, noise=0.02)
    region, truth = (one.patches[..., 1] > 1.0 for one in (a, b))
    (margin,) = transfer_region(a, [b], region)
    assert ((margin > 0) == truth).float().mean() > 0.93
    (sharp,) = transfer_region(a, [b], region, smoothing=0)
    assert torch.equal(sharp > 0, truth)
    # by hand: cosines 1 and 0.6 with the region and the rest
    one = as_map(torch.tensor([[[1.0, 0.0], [0.6, 0.8]]]))
    (margin,) = transfer_region(one, [one], torch.tensor([[True, False]]), smoothing=0)
    assert margin.tolist()[0] == pytest.approx([0.4, -0.4])


def test_an_outline_takes_the_patches_whose_middles_it_holds():
    one = as_map(torch.rand(4, 6, 3))  # middles at 5, 15, …
    square = region_of(one, [(10, 10), (40, 10), (40, 30), (10, 30)])
    assert square.nonzero().tolist() == [[row, column] for row in (1, 2) for column in (1, 2, 3)]
    assert region_of(one, [(31, 11), (33, 11), (32, 13)]).nonzero().tolist() == [[1, 3]]
    triangle = region_of(one, [(0, 0), (40, 0), (0, 40)])
    assert triangle.nonzero().tolist() == [[0, 0], [0, 1], [0, 2], [1, 0], [1, 1], [2, 0]]


@pytest.mark.slow
def test_two_photographs_of_one_motorcycle_match_along_their_lines():
    """The cameras stand side by side, so whatever is in both is at one height, further left in the right picture."""
    paths = {sample.name: sample.path for sample in samples()}
    images = [load_image(paths[name]) for name in ("motorcycle", "motorcycle-right")]
    left, right = extract(load_model("untrained"), images, size=392)
    found = match(left, right, density=1)
    moved = found.points_a - found.points_b
    patch = left.geometry.stride
    assert len(found) > 150
    assert (moved[:, 1].abs() < patch).float().mean() > 0.95
    assert (moved[:, 0] > -patch).float().mean() > 0.95


def test_wrong_requests_say_what_to_do():
    one = blob_map(0)
    for wrong in ({"density": 0}, {"density": 1.5}, {"ratio": 0}, {"smoothing": 9}, {"smoothing": 0.5}):
        with pytest.raises(RequestError, match="choose"):
            match(one, one, **wrong)
    with pytest.raises(RequestError, match="one mask"):
        match(one, one, foreground=[torch.ones(2, 2, dtype=torch.bool)] * 2)
    with pytest.raises(RequestError, match="'auto' or None"):
        match(one, one, foreground="yes")
    with pytest.raises(RequestError, match="one model"):
        match(one, as_map(one.patches, Origin("other", "1" * 64)))
    with pytest.raises(RequestError, match="widths"):
        match(one, as_map(torch.rand(3, 3, 5)))
    with pytest.raises(RequestError, match="outside"):
        transfer_point(one, [one], (1e6, 0))
    for region in (torch.zeros(one.grid), torch.zeros(2, 2, dtype=torch.bool)):
        with pytest.raises(RequestError, match="mask"):
            transfer_region(one, [one], region)
    for region in (torch.zeros(one.grid, dtype=torch.bool), torch.ones(one.grid, dtype=torch.bool)):
        with pytest.raises(RequestError, match="a part of the picture"):
            transfer_region(one, [one], region)
    for outline in ([(0, 0), (1, 1)], [(0, 0), (1, 1), (float("nan"), 0)]):
        with pytest.raises(RequestError, match="three points"):
            region_of(one, outline)
    side = int(LARGEST_PAIRS**0.25) + 1
    large = as_map(torch.ones(side, side, 1))
    with pytest.raises(RequestError, match="smaller size"):
        match(large, large)
