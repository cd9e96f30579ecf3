"""Eyes and noses set by hand on three sample photographs, and how often a model finds one from another."""

import json
import math
from collections.abc import Mapping
from pathlib import Path

from PIL import Image

import core
from core.analysis.similarity import query_vector, similarity_map
from core.features import FeatureMap
from core.model.precision import Precision
from core.pictures.gallery import samples

RADIUS = 0.1
"""Distance within which a point is found, as a share of the photograph's longer side."""


def points() -> dict[str, dict[str, list[tuple[float, float]]]]:
    """By sample and part, "eye" or "nose": (x, y) in shares of width and height."""
    return json.loads(Path(__file__).with_name("eyes.json").read_text(encoding="utf-8"))


def photographs() -> dict[str, Image.Image]:
    """The three photographs by sample name."""
    return {sample.name: core.load_image(sample.path) for sample in samples() if sample.name in points()}


def found(
    model: core.VisionTransformer,
    images: Mapping[str, Image.Image],
    size: int | None = None,
    precision: Precision = "float32",
) -> dict[str, tuple[int, int]]:
    """Of each part (questions answered, questions): every point of each photograph, searched in the two others.

    The answer is the middle of the patch most similar to that under the point; any eye will do for an eye.
    """
    maps = dict(zip(images, core.extract(model, list(images.values()), size, precision=precision), strict=True))
    answers = {"eye": [], "nose": []}
    for part, found_there in answers.items():
        for name, own in maps.items():
            for point in points()[name][part]:
                query = query_vector(own, point=_pixels(point, own))
                found_there += [
                    _hit(other, similarity_map(other, query).argmax(), points()[place][part])
                    for place, other in maps.items()
                    if place != name
                ]
    return {part: (sum(hits), len(hits)) for part, hits in answers.items()}


def _hit(feature_map: FeatureMap, flat: int, wanted: list[tuple[float, float]]) -> bool:
    geometry = feature_map.geometry
    answer = geometry.center(*divmod(int(flat), geometry.columns))
    nearest = min(math.dist(answer, _pixels(point, feature_map)) for point in wanted)
    return nearest <= RADIUS * max(geometry.height, geometry.width)


def _pixels(point: tuple[float, float], feature_map: FeatureMap) -> tuple[float, float]:
    x, y = point
    return x * feature_map.geometry.width, y * feature_map.geometry.height
