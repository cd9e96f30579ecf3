"""Groups are those of an independent implementation, in whatever order the edges come; who is kept is the largest."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from train.curate.steps.components import Components, representatives


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 60), st.integers(0, 80), st.integers(0, 999))
def test_groups_agree_with_scipy(rows, edges, seed):
    random = np.random.default_rng(seed)
    first, second, cosines = random.integers(0, rows, edges), random.integers(0, rows, edges), random.random(edges)
    graph, backwards = Components(rows), Components(rows)
    graph.add(first, second, cosines)
    for edge in reversed(range(edges)):
        backwards.add(second[[edge]], first[[edge]], cosines[[edge]])
    _, labels = connected_components(coo_array((np.ones(edges), (first, second)), shape=(rows, rows)), directed=False)
    smallest = np.array([np.flatnonzero(labels == label)[0] for label in labels])
    assert np.array_equal(graph.roots, smallest) and np.array_equal(backwards.roots, smallest)
    assert np.array_equal(graph.linked, backwards.linked) and np.array_equal(graph.strength, backwards.strength)


def test_the_strongest_edge_of_each_row_is_known():
    graph = Components(4)
    graph.add(np.array([0, 1, 2]), np.array([1, 2, 0]), np.array([0.7, 0.9, 0.8]))
    assert graph.linked.tolist() == [2, 2, 1, -1]
    np.testing.assert_allclose(graph.strength[:3], [0.8, 0.9, 0.9], rtol=1e-6)


def test_most_pixels_then_bytes_then_order_decide():
    roots = np.array([0, 0, 0, 3, 3, 5, 5, 7])
    pixels = np.array([10, 30, 20, 5, 5, 5, 5, 1])
    size = np.array([9, 1, 9, 4, 6, 8, 8, 0])
    kept, why = representatives(roots, pixels, size)
    assert kept.tolist() == [1, 1, 1, 4, 4, 5, 5, 7]
    assert why.tolist() == [1, 1, 1, 2, 2, 3, 3, 0]
