"""The points of a map that are most alike to one of them, to the model: not those that lie nearest on the map."""

import numpy as np

from app.map.payloads import about_point
from app.map.points import Atlas
from core.encoding import data_address
from core.projection.components import similarity_to

MOST = 24


def nearest(vectors: np.ndarray, point: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    """The `count` rows of vectors [n, D] most alike to one of them, best first, itself left out, and their cosines.

    Fewer where there are no more. Of equal ones the earlier comes first.

    >>> nearest(np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]), 0, 1)[0].tolist()
    [2]
    """
    cosines = similarity_to(vectors, vectors[point])
    cosines[point] = -np.inf
    count = min(count, len(vectors) - 1)
    rows = np.argsort(-cosines, kind="stable")[:count]
    return rows, cosines[rows]


def near_prop(atlas: Atlas, point: int, count: int) -> dict:
    """{"token", "id", "name", "label", "date", "uri", "items": [{"id", "name", "cosine", "uri"}]} of a point and those."""
    rows, cosines = nearest(atlas.vectors, point, min(count, MOST))
    items = [
        {
            "id": row,
            "name": atlas.names[row],
            "cosine": round(cosine, 4),
            "uri": data_address(*atlas.thumbnail(row)),
        }
        for row, cosine in zip(rows.tolist(), cosines.tolist(), strict=True)
    ]
    about = about_point(atlas, point) | {"uri": data_address(*atlas.enlarged(point))}
    return {"token": atlas.token, "id": point, **about, "items": items}
