"""Numbers outside their bounds, from wherever they come, in one sentence."""

import math
from dataclasses import dataclass
from typing import Annotated

import pytest

from core import RequestError
from core.bounds import Bounds, declared, require_bounds


@dataclass(frozen=True)
class Settings:
    steps: Annotated[int, Bounds(1, 1000)] = 100
    share: Annotated[float, Bounds(0, 1, above=True, below=True)] = 0.5
    scale: Annotated[tuple[float, float], Bounds(0, 1, rising=True)] = (0.3, 1.0)
    seeds: Annotated[tuple[int, ...], Bounds(0, 9)] = ()
    size_px: Annotated[int | None, Bounds(1, 4096)] = None
    name: str = "free"

    def __post_init__(self):
        require_bounds(self, "--")


def test_values_within_their_bounds_are_taken():
    assert Settings(1000, 1e-9, (0, 1), (0, 9), 4096) and Settings(1, 0.999)
    assert [field.name for field in declared(Settings)] == ["steps", "share", "scale", "seeds", "size_px"]


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"steps": 0}, "--steps is 0; give a whole number from 1 to 1,000."),
        ({"steps": 10**400}, "from 1 to 1,000"),
        ({"steps": 5.0}, "--steps is 5.0; give a whole number"),
        ({"steps": True}, "--steps is True"),
        ({"steps": None}, "--steps is None"),
        ({"steps": "7"}, "--steps is '7'"),
        ({"share": 0}, "--share is 0; give a number above 0 and below 1."),
        ({"share": 1.0}, "above 0 and below 1"),
        ({"share": math.nan}, "--share is nan"),
        ({"scale": (0.5, math.inf)}, r"--scale is (0.5, inf); give 2 numbers from 0 to 1, the lower first."),
        ({"scale": (0.5,)}, "give 2 numbers"),
        ({"scale": (1, 0)}, "--scale is (1, 0)"),
        ({"scale": 0.5}, "--scale is 0.5; give 2 numbers"),
        ({"seeds": (3, -1)}, "--seeds is (3, -1); give whole numbers from 0 to 9."),
        ({"size_px": 0}, "--size-px is 0; give a whole number from 1 to 4,096."),
    ],
)
def test_others_are_refused_by_name(values, said):
    with pytest.raises(RequestError) as refused:
        Settings(**values)
    assert said in str(refused.value)
