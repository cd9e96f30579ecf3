"""What is kept of a picture are numbers: features that are none are refused, those of the others stay."""

import pytest
import torch

from core.collection.collection import Collection
from core.errors import AnalysisError
from tests.app.small import photograph, small_model


def test_pictures_whose_features_are_no_numbers_are_refused_and_the_others_kept(tmp_path, monkeypatch):
    made = Collection(tmp_path / "collection", small_model("small"), size=112)
    encode = type(made.encoder).maps

    def broken(encoder, prepared):
        maps = encode(encoder, prepared)
        for feature_map in maps[1::2]:
            feature_map.patches[0, 0, 0] = torch.nan
        return maps

    monkeypatch.setattr(type(made.encoder), "maps", broken)
    added = made.add([photograph(number) for number in range(4)])
    assert len(added.ids) == len(made) == 2 and added.known == 0
    assert ["NaN or infinite" in said for said in added.refused] == [True, True]


def test_a_question_with_features_that_are_no_numbers_is_refused(tmp_path):
    model = small_model("other")
    made = Collection(tmp_path / "collection", model, size=112)
    made.add([photograph(1)])
    model.norm.bias.data[0] = torch.inf
    with pytest.raises(AnalysisError, match="NaN or infinite"):
        made.search(photograph(1), 1)
