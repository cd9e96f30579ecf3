"""Pictures and their features as the components take them that stand on them: the stage, a match, a timeline."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from core.analysis.compact import compact
from core.encoding import base64_of, picture_address
from core.features import FeatureMap, Geometry

DISPLAY_SIDE = 1024
"""Longer side of the copies that are sent: sharp on a screen where two pictures stand side by side."""


@dataclass(frozen=True)
class StagePicture:
    """One picture on the stage. `id` is unique in a visitor's tray, `name` may hold anything, HTML too."""

    id: str
    name: str
    image: Image.Image
    """RGB, the original."""
    geometry: Geometry


def pictures_prop(pictures: Sequence[StagePicture]) -> dict:
    """{"pictures": [{id, name, width, height, rows, columns, covered, uri}, ...]}.

    `width` and `height` are the original's, in pixels; `covered` is left, top, right, bottom of the patch grid as
    fractions of the picture (a little outside 0..1 where it was padded); `uri` a JPEG of at most DISPLAY_SIDE.
    """
    return {"pictures": [_picture(picture) for picture in pictures]}


def features_prop(ids: Sequence[str], maps: Sequence[FeatureMap], dims: int = 64) -> dict:
    """{"dims", "scales", "error", "grids": {id: {rows, columns, data}}}, `data` int8 [h, w, k] in base64.

    See `compact` for what the numbers mean; `dims` is the least number of dimensions.
    """
    if not maps:
        return {"dims": 0, "scales": [], "error": 0.0, "grids": {}}
    small = compact(maps, dims)
    grids = {
        identity: {"rows": grid.shape[0], "columns": grid.shape[1], "data": base64_of(grid.numpy().tobytes())}
        for identity, grid in zip(ids, small.grids, strict=True)
    }
    return {"dims": len(small.scales), "scales": small.scales.tolist(), "error": small.error, "grids": grids}


def png_uri(layer: np.ndarray) -> str:
    """A layer [h, w, C] or [h, w] uint8 as an address that holds the whole picture, without loss."""
    return picture_address(layer, "PNG")


def _picture(picture: StagePicture) -> dict:
    geometry = picture.geometry
    left, top, right, bottom = geometry.covered
    width, height = geometry.width, geometry.height
    small = picture.image.convert("RGB")
    small.thumbnail((DISPLAY_SIDE, DISPLAY_SIDE), Image.Resampling.LANCZOS)
    return {
        "id": picture.id,
        "name": picture.name,
        "width": width,
        "height": height,
        "rows": geometry.rows,
        "columns": geometry.columns,
        "covered": [left / width, top / height, right / width, bottom / height],
        "uri": picture_address(small, "JPEG", quality=88),
    }
