"""Queries to a collection: pictures, boxes, clicked parts, several of them, for and against.

D width of the model.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from core.analysis.maps import described, same_space
from core.analysis.similarity import query_vector
from core.collection.encode import Encoder, mean_patch
from core.errors import CollectionError, RequestError
from core.features import FeatureMap, Origin, Picture
from core.pictures.image import Reduced, load_image, whole

Mode = Literal["cls", "mean", "region"]
MODES: tuple[Mode, ...] = get_args(Mode)
NEGATIVE_WEIGHT = 0.5
"""γ of Rocchio's formula with α = 0 and β = 1. Text retrieval's usual 0.15 / 0.75 hardly moves features of pictures,
which have much in common."""


@dataclass(frozen=True, eq=False)
class Kept:
    """A picture of the collection itself, by the vectors that are kept of it: `cls` and `mean` [D], and its cells."""

    cls: Tensor
    mean: Tensor
    cells: FeatureMap


@dataclass(frozen=True, eq=False)
class Example:
    """A picture to search with, or a part of it: `box` (left, top, right, bottom) or `point` (x, y), in its pixels."""

    picture: Picture | FeatureMap | Kept
    box: tuple[float, float, float, float] | None = None
    point: tuple[float, float] | None = None


@dataclass(frozen=True, eq=False)
class Query:
    """`vector` [D] ranks in its mode; `place` [D], a patch vector, then shows where each result matches."""

    mode: Mode
    vector: Tensor
    place: Tensor


@dataclass(frozen=True, eq=False)
class QueryContext:
    """What queries need of a collection: the origin of its vectors, their width, and an encoder (None: no new pictures)."""

    origin: Origin
    width: int
    encoder: Encoder | None

    def query(
        self,
        what: Any,
        mode: Mode | None = None,
        box: tuple[float, float, float, float] | None = None,
        point: tuple[float, float] | None = None,
        against: Sequence[Any] = (),
        weight: float = NEGATIVE_WEIGHT,
    ) -> Query:
        """The query that the arguments of `Collection.search` make. RequestError where they make none."""
        if isinstance(what, Query):
            return what
        mode = mode or ("cls" if box is None and point is None else "region")
        if isinstance(what, Tensor | np.ndarray) and len(what.shape) == 1:
            vector = F.normalize(self._vector(what), dim=0)
            return Query(mode, vector, vector)
        wanted = list(what) if isinstance(what, list | tuple) else [what]
        if (box is not None or point is not None) and (len(wanted) != 1 or isinstance(wanted[0], Example)):
            raise RequestError("box and point are for a single picture; give a list of Example(picture, box, point).")
        positives = [one if isinstance(one, Example) else Example(self._picture(one), box, point) for one in wanted]
        negatives = [one if isinstance(one, Example) else Example(self._picture(one)) for one in against]
        return make_query(self.encoder, mode, positives, negatives, weight)

    def _picture(self, given: Any) -> Picture | FeatureMap:
        if isinstance(given, FeatureMap):
            check_origin(self.origin, given.origin, "asking")
            return given
        return given if isinstance(given, Reduced) else load_image(given)

    def _vector(self, given: Tensor | np.ndarray) -> Tensor:
        vector = torch.as_tensor(given).detach().cpu().float()
        if vector.shape != (self.width,) or not vector.isfinite().all():
            raise RequestError(
                f"A vector of shape {tuple(vector.shape)} came for features of width {self.width}; give one of that "
                "width, all finite."
            )
        return vector


def check_count(k: int, offset: int = 0) -> None:
    """RequestError unless one result or more is wanted."""
    if k < 1:
        raise RequestError(f"k is {k}; ask for 1 result or more.")
    if offset < 0:
        raise RequestError(f"offset is {offset}; pass over 0 results or more.")


def as_sources(images: Any) -> Sequence[Any]:
    """The images given to `Collection.add`, as a list."""
    return images if isinstance(images, list | tuple) else [images]


def as_ids(ids: int | Sequence[int]) -> list[int]:
    """The ids given to `Collection.remove`, as a list."""
    return [ids] if isinstance(ids, int) else list(ids)


def gone(identity: int) -> RequestError:
    """The error for a picture that is not there."""
    return RequestError(f"There is no picture {identity} in this collection; it may have been removed.")


def make_query(
    encoder: Encoder | None,
    mode: Mode,
    positives: Sequence[Example],
    negatives: Sequence[Example] = (),
    weight: float = NEGATIVE_WEIGHT,
) -> Query:
    """The query that examples make together (`rocchio`). RequestError for none, or one that this mode cannot use."""
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
        remedy = "Choose that model, or embed the collection again with this one, into a new collection."
        if mine.model == other.model and mine.weights != other.weights:
            remedy = "Other weights have that name now: work with those of then, or embed it again with these, into a new collection."
        raise CollectionError(
            f"This collection was made with {described(mine)}; {doing} with {described(other)} would compare what cannot be "
            f"compared. {remedy}"
        )


def _vectors(encoder: Encoder | None, mode: Mode, example: Example) -> tuple[Tensor, Tensor]:
    """(vector, place) of one example."""
    picture = example.picture
    if isinstance(picture, Kept):
        if example.box is None and example.point is None:
            return picture.cls if mode == "cls" else picture.mean, picture.mean
        if mode == "cls":
            raise RequestError(
                "Of a picture of the collection only cells are kept, no pixels: to ask with a part of it, choose region or mean."
            )
        place = query_vector(picture.cells, box=example.box, point=example.point)
        return place, place
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
        assert not isinstance(picture, FeatureMap)  # refused above
        whole_picture = whole(picture) if isinstance(picture, Image.Image) else picture
        return _needed(encoder).map(whole_picture.crop(example.box)).cls, place
    return feature_map.cls, place


def _needed(encoder: Encoder | None) -> Encoder:
    if encoder is None:
        raise CollectionError(
            "Asking with a picture needs the collection's model: open it as Collection(folder, model)."
        )
    return encoder
