import itertools
import math
from dataclasses import replace

import pytest
import scipy.sparse.linalg
import torch
from safetensors.torch import save_file
from torch.nn import functional as F

from core.analysis import pca
from core.analysis.maps import border
from core.analysis.pca import PcaBasis, joint_pca, leading_eigenvectors
from core.errors import RequestError
from tests.core.analysis.maps import ORIGIN, as_map, blob_map, disc_of


def assert_same_colours(left, right, tolerance=1e-4):
    for one, other in zip(left, right, strict=True):
        torch.testing.assert_close(one, other, atol=tolerance, rtol=0)


def test_directions_and_shares_equal_a_singular_value_decomposition_of_all_patches():
    maps = [blob_map(seed) for seed in range(3)]
    result = joint_pca(maps, components=4)
    rows = torch.cat([one.patches.flatten(0, 1) for one in maps]).double()
    _, values, right = torch.linalg.svd(rows - rows.mean(dim=0), full_matrices=False)
    alike = (result.basis.directions.double() * right[:4]).sum(dim=1).abs()
    torch.testing.assert_close(alike, torch.ones(4, dtype=torch.float64), atol=1e-4, rtol=0)
    shares = values.square() / values.square().sum()
    torch.testing.assert_close(result.explained.double(), shares[:4], atol=1e-4, rtol=0)


@pytest.mark.parametrize("rank", [1, 2, 5])
def test_wide_features_of_few_directions_give_these_and_nothing_else(rank):
    generator = torch.Generator().manual_seed(0)
    axes = torch.linalg.qr(torch.randn(100, rank, generator=generator)).Q
    lengths = torch.arange(rank, 0, -1) * 2.0
    rows = torch.randn(300, rank, generator=generator) * lengths
    result = joint_pca(as_map((rows @ axes.T).reshape(15, 20, 100) + 1), components=4)
    centred = ((rows - rows.mean(dim=0)) @ axes.T).double()
    right = torch.linalg.svd(centred, full_matrices=False).Vh[: min(rank, 4)]
    alike = (result.basis.directions[: len(right)].double() * right).sum(dim=1).abs()
    torch.testing.assert_close(alike, torch.ones_like(alike), atol=1e-4, rtol=0)
    assert (result.explained[rank:] == 0).all()
    assert (result.images[0][..., rank:] == 0.5).all()


def test_one_range_is_shared_and_clips_one_per_cent_on_either_side():
    images = torch.cat([image.flatten(0, 1) for image in joint_pca([blob_map(0), blob_map(1)]).images])
    assert images.min() == 0
    assert images.max() == 1
    for extreme in (0.0, 1.0):
        share = (images == extreme).float().mean(dim=0)
        assert ((share > 0.005) & (share < 0.02)).all()


def test_colours_stay_on_reruns_permutations_and_with_a_similar_picture_added():
    maps = [blob_map(seed) for seed in range(3)]
    first = joint_pca(maps).images
    assert_same_colours(first, joint_pca(maps).images, 0)
    shuffled = joint_pca([maps[2], maps[0], maps[1]]).images
    assert_same_colours(first, [shuffled[1], shuffled[2], shuffled[0]])
    assert_same_colours(first, joint_pca([*maps, blob_map(9)]).images[:3], 0.1)


def test_colours_do_not_depend_on_the_signs_the_eigensolver_chose(monkeypatch):
    maps = [blob_map(0), blob_map(1)]
    plain = joint_pca(maps).images
    for signs in itertools.product((1.0, -1.0), repeat=3):

        def turned(*arguments, signs=signs):
            values, vectors = leading_eigenvectors(*arguments)
            return values, vectors * torch.tensor(signs)

        monkeypatch.setattr(pca, "leading_eigenvectors", turned)
        assert_same_colours(plain, joint_pca(maps).images)


def test_axes_that_turn_by_20_degrees_change_sides_as_seldom_as_by_a_linear_rule():
    generator = torch.Generator().manual_seed(0)
    before, across = F.normalize(torch.randn(2, 128, 4000, generator=generator), dim=1)
    across = F.normalize(across - before * (before * across).sum(dim=0), dim=0)
    angle = math.radians(20)
    after = math.cos(angle) * before + math.sin(angle) * across
    nothing = torch.zeros(1, 4000), torch.zeros(1, dtype=torch.bool)
    changed = pca._signs(before, *nothing) != pca._signs(after, *nothing)
    assert changed.float().mean() == pytest.approx(20 / 180, abs=0.015)  # three standard errors


def test_even_a_weak_difference_between_border_and_inside_orients_the_first_component():
    generator = torch.Generator().manual_seed(0)
    values = torch.randn(20, 20, generator=generator)
    inside = ~border(20, 20)
    values += inside * (values[~inside].mean() - values[inside].mean() + 0.05)
    for sign in (1.0, -1.0):
        patches = sign * values.unsqueeze(-1) * torch.tensor([1.0, -0.5, 0.3])
        image = joint_pca(as_map(patches), components=1, clip=(0, 100)).images[0][..., 0]
        assert image[inside].mean() > image[~inside].mean()


def test_the_first_component_is_brighter_inside_than_on_the_border():
    (image,) = joint_pca(blob_map(0)).images
    assert image[5:10, 6:11, 0].mean() > image[0, :, 0].mean() + 0.5


@pytest.mark.parametrize("masked", [False, True])
def test_two_stages_analyse_the_object_only_and_leave_the_ground_black(masked):
    maps = [blob_map(0), blob_map(1)]
    result = joint_pca(maps, foreground=[disc_of(one) for one in maps] if masked else "auto")
    for image, one in zip(result.images, maps, strict=True):
        assert (image[~disc_of(one)] == 0).all()
        assert image[disc_of(one)].std(dim=0)[0] > 0.2
    ground = result.basis.directions[:, 0].abs().max()
    assert ground < 0.2, "the ground's own axis does not vary within the object"


def test_a_saved_basis_paints_the_same_colours(tmp_path):
    maps = [blob_map(0), blob_map(1)]
    result = joint_pca(maps)
    result.basis.save(tmp_path / "basis.safetensors")
    loaded = PcaBasis.load(tmp_path / "basis.safetensors")
    assert loaded.origin == ORIGIN
    assert_same_colours(result.images, loaded.apply(maps), 0)


@pytest.mark.parametrize("change", [{"weights": "1" * 64}, {"layer": -2}])
def test_a_basis_refuses_features_of_another_model_or_layer_unless_asked(change):
    basis = joint_pca(blob_map(0)).basis
    other = replace(blob_map(0), origin=replace(ORIGIN, **change))
    with pytest.raises(RequestError, match="layer"):
        basis.apply(other)
    assert basis.apply(other, any_origin=True)[0].shape == (15, 17, 3)


def test_a_basis_refuses_another_width():
    with pytest.raises(RequestError, match="width 12"):
        joint_pca(blob_map(0)).basis.apply(as_map(torch.rand(3, 3, 5)))


def test_files_that_hold_no_basis_are_refused(tmp_path):
    path = tmp_path / "other.safetensors"
    with pytest.raises(RequestError, match="not a saved PCA basis"):
        PcaBasis.load(path)
    path.write_bytes(b"rubbish")
    with pytest.raises(RequestError, match="not a saved PCA basis"):
        PcaBasis.load(path)
    basis = joint_pca(blob_map(0)).basis
    replace(basis, low=torch.zeros(2)).save(path)
    with pytest.raises(RequestError, match="shapes"):
        PcaBasis.load(path)
    replace(basis, mean=torch.full((12,), torch.nan)).save(path)
    with pytest.raises(RequestError, match="NaN"):
        PcaBasis.load(path)
    save_file({"mean": torch.zeros(3)}, path)
    with pytest.raises(RequestError, match="not a saved PCA basis"):
        PcaBasis.load(path)


@pytest.mark.parametrize("shape", [(1, 1, 4), (4, 5, 4), (1, 7, 4)])
@pytest.mark.parametrize("value", [0.0, 0.3, 1e4])
@pytest.mark.parametrize("foreground", [None, "auto"])
def test_constant_maps_give_an_even_grey(shape, value, foreground):
    result = joint_pca(as_map(torch.full(shape, value)), foreground=foreground)
    assert (result.images[0] == 0.5).all()
    assert (result.explained == 0).all()


@pytest.mark.parametrize("size", [1e-30, 1e-12, 1e10])
@pytest.mark.parametrize("width", [4, 64, 384])
@pytest.mark.parametrize("foreground", [None, "auto"])
def test_features_of_any_size_give_finite_colours(size, width, foreground):
    patches = size * torch.randn(9, 11, width, generator=torch.Generator().manual_seed(0))
    result = joint_pca(as_map(patches), foreground=foreground)
    assert result.images[0].isfinite().all()
    assert result.explained.isfinite().all()


def test_features_too_large_to_be_squared_are_refused():
    with pytest.raises(RequestError, match="beyond 1e"):
        joint_pca(as_map(torch.full((3, 3, 4), -1e18)))


def test_eigenvectors_are_found_where_lanczos_gives_up(monkeypatch):
    matrix = torch.diag(torch.arange(60.0))
    expected = leading_eigenvectors(matrix, 2)

    def give_up(*_, **__):
        raise scipy.sparse.linalg.ArpackError(3)

    monkeypatch.setattr(scipy.sparse.linalg, "eigsh", give_up)
    values, vectors = leading_eigenvectors(matrix, 2)
    torch.testing.assert_close(values, expected[0])
    torch.testing.assert_close(vectors.abs(), expected[1].abs(), atol=1e-4, rtol=0)  # gap 1 of 59, in float32
    assert vectors.abs().argmax(dim=0).tolist() == [59, 58]


def test_outliers_take_neither_the_range_nor_produce_infinities():
    one = blob_map(0)
    one.patches[0, 0] = 1e6
    result = joint_pca([one, blob_map(1)])
    assert all(image.isfinite().all() for image in result.images)


def test_mixed_and_wrong_requests_say_what_to_do():
    with pytest.raises(RequestError, match="No feature map"):
        joint_pca([])
    with pytest.raises(RequestError, match="widths"):
        joint_pca([blob_map(0), as_map(torch.rand(3, 3, 5))])
    with pytest.raises(RequestError, match="NaN"):
        joint_pca(as_map(torch.full((3, 3, 5), torch.nan)))
    with pytest.raises(RequestError, match="one model and layer"):
        joint_pca([blob_map(0), replace(blob_map(1), origin=replace(ORIGIN, layer=-3))])
    with pytest.raises(RequestError, match="1 to 12"):
        joint_pca(blob_map(0), components=13)
    with pytest.raises(RequestError, match="Masks of shapes"):
        joint_pca(blob_map(0), foreground=[torch.ones(2, 2, dtype=torch.bool)])
    with pytest.raises(RequestError, match="fewer than two"):
        joint_pca(blob_map(0), foreground=[torch.zeros(15, 17, dtype=torch.bool)])
