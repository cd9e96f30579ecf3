from dataclasses import replace

import pytest
import torch

from core.analysis.norms import norms
from core.errors import RequestError
from tests.core.analysis.maps import as_map


def test_patches_longer_than_three_medians_are_outliers():
    values = torch.full((4, 5), 2.0)
    values[1, 2], values[3, 3] = 6.1, 5.9
    found = norms([as_map(torch.ones(4, 5, 3), norms=values), as_map(torch.ones(2, 2, 3), norms=torch.ones(2, 2))])
    assert found.median == 2.0
    assert found.largest == pytest.approx(6.1)
    assert found.outliers[0].nonzero().tolist() == [[1, 2]]
    assert found.outlier_share == pytest.approx(1 / 24)


@pytest.mark.parametrize("value", [0.0, 3.0])
def test_equal_norms_have_no_outliers(value):
    assert norms(as_map(torch.ones(1, 1, 3), norms=torch.full((1, 1), value))).outlier_share == 0


def test_missing_and_broken_norms_are_refused():
    one = as_map(torch.ones(2, 2, 3))
    with pytest.raises(RequestError, match="no norms"):
        norms(one)
    with pytest.raises(RequestError, match="NaN"):
        norms(replace(one, norms=torch.full((2, 2), torch.nan)))
    with pytest.raises(RequestError, match=r"\[h, w\]"):
        norms(replace(one, norms=torch.ones(4)))
