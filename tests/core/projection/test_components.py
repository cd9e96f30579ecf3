import numpy as np
import pytest
import torch

from core import RequestError
from core.projection.components import aligned, project, scaled, similarity_to, unit_vectors


def vectors(count: int = 40, width: int = 16, seed: int = 0) -> np.ndarray:
    """Two groups of directions, of any lengths."""
    generator = np.random.default_rng(seed)
    centres = generator.normal(size=(2, width))
    points = centres[np.arange(count) % 2] + 0.3 * generator.normal(size=(count, width))
    return (points * generator.uniform(0.5, 2, size=(count, 1))).astype(np.float32)


def test_the_map_is_the_principal_components_of_the_directions():
    given = vectors()
    units = given / np.linalg.norm(given, axis=1, keepdims=True)
    centred = (units - units.mean(axis=0)).astype(np.float64)
    _, singular, axes = np.linalg.svd(centred, full_matrices=False)
    expected = scaled(centred @ axes[:2].T)
    result = project(given)
    signs = np.sign((result.coordinates * expected).sum(axis=0))
    np.testing.assert_allclose(result.coordinates, expected * signs, atol=1e-4)
    np.testing.assert_allclose(result.explained, singular[:2] ** 2 / (singular**2).sum(), atol=1e-5)
    assert np.linalg.norm(result.coordinates, axis=1).max() == pytest.approx(1, abs=1e-6)


def test_lengths_do_not_count_and_repeating_changes_nothing():
    given = vectors()
    first = project(given)
    assert np.array_equal(first.coordinates, project(given).coordinates)
    np.testing.assert_allclose(project(given * 7).coordinates, first.coordinates, atol=1e-5)


def test_a_map_does_not_flip_when_pictures_are_reordered_or_added():
    given = vectors(60)
    first = project(given[:50]).coordinates
    order = np.random.default_rng(1).permutation(50)
    np.testing.assert_allclose(project(given[order]).coordinates, first[order], atol=1e-4)
    more = project(given).coordinates[:50]
    assert ((more - more.mean(axis=0)) * (first - first.mean(axis=0))).sum(axis=0)[0] > 0


@pytest.mark.parametrize("given", [np.ones((3, 4)), np.zeros((3, 4)), np.ones((1, 4)), np.ones((2, 1))])
def test_where_nothing_varies_all_lie_in_the_middle(given):
    result = project(given)
    assert not result.coordinates.any() and result.explained == (0, 0)


@pytest.mark.parametrize("given", [np.ones((0, 4)), np.ones(4), np.full((2, 3), np.nan), np.full((2, 3), np.inf)])
def test_vectors_that_make_no_map_are_refused(given):
    with pytest.raises(RequestError, match=r"(?i)vectors"):
        project(torch.from_numpy(np.asarray(given)))


def test_aligning_undoes_any_turn_mirror_shift_and_scale():
    reference = project(vectors()).coordinates
    angle = 2.0
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    moved = reference @ turn * [1, -1] * 30 + [5, -9]
    np.testing.assert_allclose(aligned(moved, reference), reference, atol=1e-5)


def test_maps_of_different_pictures_are_not_aligned():
    with pytest.raises(RequestError, match="same pictures"):
        aligned(np.zeros((3, 2)), np.zeros((4, 2)))


def test_similarity_is_the_cosine():
    given = vectors(6)
    expected = given @ given[2] / (np.linalg.norm(given, axis=1) * np.linalg.norm(given[2]))
    np.testing.assert_allclose(similarity_to(given, given[2]), expected, atol=1e-5)
    with pytest.raises(RequestError, match="width 3"):
        similarity_to(given, np.ones(3))


def test_a_vector_of_length_zero_stays():
    assert not unit_vectors(np.zeros((1, 3))).any()
