import pytest
import torch
from torch.nn import functional as F

from core.analysis.similarity import query_vector, similarity_map
from core.errors import RequestError
from tests.core.analysis.maps import as_map, blob_map


def test_cosines_equal_pytorchs_and_a_patch_is_most_like_itself():
    one = blob_map(0)
    query = query_vector(one, patch=(4, 9))
    found = similarity_map(one, query)
    expected = F.cosine_similarity(one.patches, query.expand_as(one.patches), dim=-1)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=0)
    assert divmod(int(found.argmax()), 17) == (4, 9)
    assert found.max() <= 1


def test_a_point_asks_its_patch_and_a_box_the_mean_of_unit_vectors():
    one = blob_map(0)
    assert torch.equal(query_vector(one, point=(95.0, 41.0)), one.patches[4, 9])
    inside = F.normalize(one.patches[2:4, 1:3].flatten(0, 1), dim=-1).mean(dim=0)
    torch.testing.assert_close(query_vector(one, box=(10, 20, 30, 40)), inside)
    assert torch.equal(query_vector(one, box=(91, 41, 92, 42)), one.patches[4, 9])


def test_a_zero_vector_is_like_nothing():
    patches = torch.zeros(1, 2, 3)
    patches[0, 0] = 1
    assert similarity_map(as_map(patches), torch.ones(3)).tolist()[0] == pytest.approx([1, 0])
    assert (similarity_map(as_map(patches), torch.zeros(3)) == 0).all()


def test_wrong_requests_say_what_to_do():
    one = blob_map(0)
    for wrong in ({}, {"patch": (0, 0), "point": (1, 1)}):
        with pytest.raises(RequestError, match="exactly one"):
            query_vector(one, **wrong)
    for wrong in ({"patch": (15, 0)}, {"patch": (0, -1)}, {"point": (171, 5)}, {"box": (30, 0, 10, 10)}):
        with pytest.raises(RequestError, match="outside"):
            query_vector(one, **wrong)
    with pytest.raises(RequestError, match="width 12"):
        similarity_map(one, torch.ones(5))
    with pytest.raises(RequestError, match="NaN"):
        similarity_map(one, torch.full((12,), torch.nan))
    with pytest.raises(RequestError, match="NaN"):
        similarity_map(as_map(torch.full((2, 2, 3), torch.nan)), torch.ones(3))
