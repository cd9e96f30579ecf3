"""What is asked of a collection: pictures, boxes, clicked parts, several of them, for and against.

D width of the model.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from core.analysis.maps import same_space, told
from core.analysis.similarity import query_vector
from core.collection.encode import Encoder, mean_patch
from core.errors import CollectionError, RequestError
from core.features import FeatureMap, Origin

Mode = Literal["cls", "mean", "region"]
MODES: tuple[Mode, ...] = get_args(Mode)
NEGATIVE_WEIGHT = 0.5
"""γ of Rocchio's formula with α = 0 and β = 1. Text retrieval's usual 0.15 / 0.75 hardly moves features of pictures,
which have much in common."""


@dataclass(frozen=True, eq=False)
class Example:
    """A picture that is asked with, or a part of it: `box` (left, top, right, bottom) or `point` (x, y), in its pixels."""

    picture: Image.Image | FeatureMap
    box: tuple[float, float, float, float] | None = None
    point: tuple[float, float] | None = None


@dataclass(frozen=True, eq=False)
class Query:
    """`vector` [D] ranks in its mode; `place` [D], a patch vector, then shows where each result matches."""

    mode: Mode
    vector: Tensor
    place: Tensor


def make_query(
    encoder: Encoder | None,
    mode: Mode,
    positives: Sequence[Example],
    negatives: Sequence[Example] = (),
    weight: float = NEGATIVE_WEIGHT,
) -> Query:
    """The query that examples make together (`rocchio`). RequestError for none, or one that this mode cannot ask."""
    if mode not in MODES:
        raise RequestError(f"mode is {mode!r}; choose from {', '.join(MODES)}.")
    if not positives:
        raise RequestError("Nothing is asked for: give at least one picture, box or part that results should be like.")
    vectors, places = zip(*(_vectors(encoder, mode, one) for one in (*positives, *negatives)), strict=True)
    count = len(positives)
    return Query(
        mode,
        rocchio(torch.stack(vectors[:count]), torch.stack(vectors)[count:], weight),
        rocchio(torch.stack(places[:count]), torch.stack(places)[count:], weight),
    )


def rocchio(positives: Tensor, negatives: Tensor, weight: float = NEGATIVE_WEIGHT) -> Tensor:
    """[D], unit length: mean of the positives [p, D] less `weight` times the mean of the negatives [m, D].

    All are normalised first. Source: Rocchio 1971, "Relevance feedback in information retrieval", without an
    original query of its own.

    >>> rocchio(torch.tensor([[2.0, 0.0]]), torch.tensor([[0.0, 3.0]]), weight=1.0)
    tensor([ 0.7071, -0.7071])
    """
    wanted = F.normalize(positives.float(), dim=-1).mean(dim=0)
    if len(negatives):
        wanted = wanted - weight * F.normalize(negatives.float(), dim=-1).mean(dim=0)
    return F.normalize(wanted, dim=0)


def check_origin(mine: Origin, other: Origin, doing: str) -> None:
    """CollectionError unless both make vectors of one space."""
    unnamed = not (other.weights or other.model or mine.model)  # a model in memory, of which a map knows no hash
    if same_space(mine) != same_space(other) and not unnamed:
        raise CollectionError(
            f"This collection was made with {told(mine)}; {doing} with {told(other)} would compare what cannot be "
            "compared. Choose that model, or make a new collection with this one."
        )


def _vectors(encoder: Encoder | None, mode: Mode, example: Example) -> tuple[Tensor, Tensor]:
    """(vector, place) of one example."""
    picture = example.picture
    if mode == "cls" and example.point is not None:
        raise RequestError("A clicked part is compared with patches, not with whole pictures: choose region or mean.")
    if mode == "cls" and example.box is not None and isinstance(picture, FeatureMap):
        raise RequestError("A box is compared by its own cls token, for which its pixels are needed: give the picture.")
    feature_map = picture if isinstance(picture, FeatureMap) else _needed(encoder).map(picture)
    if example.box is None and example.point is None:
        place = mean_patch(feature_map)
    else:
        place = query_vector(feature_map, box=example.box, point=example.point)
    if mode != "cls":
        return place, place
    if example.box is not None:
        return _needed(encoder).map(_cropped(picture, example.box)).cls, place
    return feature_map.cls, place


def _cropped(picture: Image.Image, box: tuple[float, float, float, float]) -> Image.Image:
    left, top, right, bottom = (round(edge) for edge in box)
    return picture.crop((left, top, max(right, left + 1), max(bottom, top + 1)))


def _needed(encoder: Encoder | None) -> Encoder:
    if encoder is None:
        raise CollectionError(
            "Asking with a picture needs the collection's model: open it as Collection(folder, model)."
        )
    return encoder
