"""Whether the pictures that show the same come first when all are sorted by likeness: mean average precision.

q queries, n pictures, D width.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, NamedTuple

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from core import VisionTransformer, load_image
from core.bounds import Bounds
from core.files import Output
from core.pictures.geometry import LARGEST_SIZE
from train.data.sources import DataError, open_source
from train.dist import World
from train.evaluate.bootstrap import Estimate, of_mean
from train.evaluate.datasets.layouts.revisited import Query, read_landmarks
from train.evaluate.datasets.truth import load_with_places
from train.evaluate.features.bank import feature_bank
from train.evaluate.features.token_maps import KeptMaps, token_maps
from train.evaluate.left_out import LeftOut
from train.evaluate.task import Estimates, PictureTask

FIRST = (1, 5, 10)


class Ranking(NamedTuple):
    """Of some queries: mean average precision, precision among the first, and how many queries have an answer."""

    name: str
    mean_precision: Estimate
    precision_at: dict[int, float]
    queries: int


@dataclass(frozen=True, kw_only=True)
class Retrieval(PictureTask):
    """Mean average precision when pictures are sorted by cls cosine to a query: by the easy, medium and hard protocols
    of revisited Oxford and Paris where their ground truth is there, by equal labels otherwise."""

    data: tuple[Path, ...]
    """A folder with jpg/ and gnd_*.pkl (or .json), or images with labels: class folders, Parquet, tar shards."""
    ground_truth: Path | None = None
    """The file with queries and answers, where it lies elsewhere."""
    size: Annotated[int, Bounds(1, LARGEST_SIZE)] = 224
    """Side of the middle square in pixels; of landmarks, the longer side of the whole picture."""
    features: Annotated[Path, Output.FOLDER] = Path("features")
    """Folder in which features are kept."""

    def estimates(self, model: VisionTransformer, size: int, world: World) -> Estimates | None:
        landmarks = self.ground_truth or (self.data[0].is_dir() and any(self.data[0].glob("gnd_*")))
        rankings, left_out = (self._landmarks if landmarks else self._labelled)(model, size, world)
        if not world.leads:
            return None
        rows = [(f"mAP, {one.name}", one.mean_precision) for one in rankings]
        at = {one.name: {str(first): value for first, value in one.precision_at.items()} for one in rankings}
        queries = {one.name: one.queries for one in rankings}
        return Estimates(rows, {"precision_at": at, "queries": queries, "left_out": left_out})

    def _landmarks(self, model: VisionTransformer, size: int, world: World) -> tuple[list[Ranking], int]:
        """The rankings, and how many pictures and queries could not be read."""
        known = read_landmarks(self.data[0], self.ground_truth)
        maps = KeptMaps(model, known.images, size, 1, self.features, world, self.precision)
        if not world.leads:
            return [], 0
        lost = LeftOut(), LeftOut()
        there = list(lost[0].readable(range(len(maps)), lambda place: maps[place].cls))
        asked = list(lost[1].readable(known.queries, _cropped))
        left_out = lost[0].tell(len(there)) + lost[1].tell(len(asked), "queries")
        cls, places = torch.stack([cls for _, cls in there]), np.array([place for place, _ in there])
        crops = (crop for _, crop in asked)
        queries = torch.stack([one.cls for one in token_maps(model, crops, size, 1, self.precision)])
        answers = [query for query, _ in asked]
        return revisited_rankings(queries, cls, answers, np.random.default_rng(self.seed), places), left_out

    def _labelled(self, model: VisionTransformer, size: int, world: World) -> tuple[list[Ranking], int]:
        """The ranking, and how many pictures could not be read."""
        source = open_source(*self.data, channels=model.config.channels)
        names = {place: name for place in range(len(source)) if (name := source.label(place)) is not None}
        usable = torch.tensor(list(names), dtype=torch.int64)
        if len(set(names.values())) < 2:
            raise DataError(
                f"{self.data[0]} has fewer than two labels; give class folders, or landmarks with their gnd file."
            )
        bank = feature_bank(model, source, usable, size, self.features, world, self.precision)
        if not world.leads:
            return [], 0
        kept = [names[int(place)] for place in usable[bank.kept]]
        numbers = {name: number for number, name in enumerate(sorted(set(kept)))}
        labels = torch.tensor([numbers[name] for name in kept])
        ranking = same_label_ranking(bank.cls[:, -1], labels, np.random.default_rng(self.seed))
        return [ranking], len(usable) - len(bank.kept)


def _cropped(one: Query) -> Image.Image:
    """The picture of a query, or the part of it that is searched for."""
    return load_image(one.image) if one.box is None else load_with_places(one.image).crop(one.box)


def same_label_ranking(
    cls: Tensor, labels: Tensor, generator: np.random.Generator, name: str = "same label"
) -> Ranking:
    """Each picture of cls [n, D] as a query for those of its label [n] among all others."""
    unit = F.normalize(cls.float(), dim=1)
    rows = []
    for place in range(len(unit)):
        relevant = np.flatnonzero((labels == labels[place]).numpy())
        order = (unit @ unit[place]).argsort(descending=True, stable=True).numpy()
        rows.append(_judged(order, relevant[relevant != place], np.array([place])))
    return _ranked(name, rows, generator, interpolated=False)


def revisited_rankings(
    queries: Tensor,
    cls: Tensor,
    known: Sequence[Query],
    generator: np.random.Generator,
    places: np.ndarray | None = None,
) -> list[Ranking]:
    """Easy, medium and hard, as Radenović et al. 2018 define them, of queries [q, D] among pictures [n, D], which have
    the numbers `places` [n] in the ground truth where some of those it knows are left out.

    Easy: the easy ones are right, the hard ones are left out of the order. Medium: both are right. Hard: the hard ones
    are right, the easy ones left out. Junk is always left out. Queries without an answer do not count.
    """
    cosines = F.normalize(queries.float(), dim=1) @ F.normalize(cls.float(), dim=1).T
    orders = cosines.argsort(dim=1, descending=True, stable=True).numpy()
    orders = orders if places is None else places[orders]
    nothing = np.empty(0, dtype=np.int64)
    protocols = (
        ("easy", lambda one: (one.easy, one.hard)),
        ("medium", lambda one: (np.concatenate([one.easy, one.hard]), nothing)),
        ("hard", lambda one: (one.hard, one.easy)),
    )
    found = []
    for name, parts in protocols:
        rows = []
        for order, one in zip(orders, known, strict=True):
            right, left_out = parts(one)
            rows.append(_judged(order, right, np.concatenate([left_out, one.junk])))
        found.append(_ranked(name, rows, generator, interpolated=True))
    return found


def _judged(order: np.ndarray, right: np.ndarray, left_out: np.ndarray) -> np.ndarray:
    """Which places of the order are right, bool [n'], without what is left out."""
    kept = order[~np.isin(order, left_out)]
    return np.isin(kept, right)


def _ranked(name: str, rows: list[np.ndarray], generator: np.random.Generator, interpolated: bool) -> Ranking:
    answered = [row for row in rows if row.any()]
    precision = trapezoid_precision if interpolated else average_precision
    values = np.array([precision(row) for row in answered] or [np.nan])
    at = {first: float(np.mean([row[:first].mean() for row in answered] or [np.nan])) for first in FIRST}
    return Ranking(name, of_mean(values, generator), at, len(answered))


def average_precision(right: np.ndarray) -> float:
    """Mean over right places of the share that is right up to them.

    >>> average_precision(np.array([True, False, True]))
    0.8333333333333333
    """
    return float((right.cumsum() / np.arange(1, len(right) + 1))[right].mean())


def trapezoid_precision(right: np.ndarray) -> float:
    """The area under precision over recall by the trapezoid rule, as the revisited benchmark computes it.

    >>> round(trapezoid_precision(np.array([False, True])), 3)  # the mean of 0 of 1 and of 1 of 2
    0.25
    """
    places = np.flatnonzero(right)
    hits = np.arange(len(places))
    before = np.where(places == 0, 1.0, hits / np.maximum(places, 1))
    return float(((before + (hits + 1) / (places + 1)) / 2).mean())
