"""What programs ask of a running app: an image file in, a picture and numbers out. No Gradio here."""

import hashlib
import inspect
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from PIL import Image

import core
from app.explore.view import Painted, Scene, View
from app.match import sheet
from app.server.engine import Engine, Item
from app.server.models import Loaded
from core import RequestError
from core.analysis.matching import match as find_matches
from core.analysis.matching import object_masks
from core.analysis.render import colourise, onto_picture
from core.analysis.similarity import query_vector, similarity_map
from core.features import FeatureMap
from core.pictures.image import named_file


class Api:
    """The endpoints, on the server's own model; their names, parameters and first lines are what clients see."""

    def __init__(self, engine: Engine):
        self.engine = engine

    def view(self, view: View) -> Callable:
        """The endpoint of a view: a function that is named, documented and typed as clients are to see it."""
        own = inspect.signature(view.endpoint.options)

        def asked(image: str, size: int | None = None, layer: int = -1, *more, **named) -> tuple[Image.Image, dict]:
            options = view.endpoint.options(*more, **named)
            item, feature_map, model = self._encode(image, size, layer)
            origin = feature_map.origin
            captures = self.engine.attention(model, [item], origin.layer, origin.size) if view.attends else ()
            painted = view.paint(Scene(options, [item.image], [feature_map], captures))
            return _picture(painted, item, feature_map), {
                **_about(feature_map, model),
                **view.endpoint.numbers(painted),
                "values": _rounded(painted.values[0], view.endpoint.digits),
            }

        common = list(inspect.signature(asked).parameters.values())[:3]
        asked.__signature__ = own.replace(
            parameters=[*common, *own.parameters.values()], return_annotation=tuple[Image.Image, dict]
        )
        asked.__name__, asked.__doc__ = view.key, view.endpoint.options.__doc__
        return asked

    def similarity(
        self, image: str, x: float, y: float, other: str | None = None, size: int | None = None, layer: int = -1
    ) -> tuple[Image.Image, dict]:
        """How similar every patch is to the one at a point: of the same picture, or of another.

        image: the picture with the point (x, y), in its own pixels; other: the picture that is searched, or nothing
        for the same one; size, layer as for /pca. Numbers: grid, best (x, y) with its cosine, values [rows][columns].
        """
        item, asked, model = self._encode(image, size, layer)
        if not (0 <= x < item.image.width and 0 <= y < item.image.height):
            raise RequestError(
                f"The point ({x:g}, {y:g}) is outside the picture, which is {item.image.width}×{item.image.height}."
            )
        answering = asked
        if other:
            item, answering, model = self._encode(other, size, layer)
        cosines = similarity_map(answering, query_vector(asked, point=(x, y))).numpy()
        row, col = divmod(int(cosines.argmax()), answering.grid[1])
        colours = colourise(cosines, "viridis")
        painted = Painted([colours], [cosines])
        best_x, best_y = answering.geometry.center(row, col)
        return _picture(painted, item, answering), {
            **_about(answering, model),
            "best": {"x": best_x, "y": best_y, "cosine": float(cosines[row, col])},
            "values": _rounded(cosines),
        }

    def match(
        self,
        image: str,
        other: str,
        size: int | None = None,
        layer: int = -1,
        density: float = 0.35,
        mutual: bool = True,
        inside: bool = True,
        smoothing: int = 1,
    ) -> tuple[Image.Image, dict]:
        """Which patch of one picture is which of another: both side by side with lines, and the points as numbers.

        image, other: picture files. size, layer as for /pca. density: matches per patch along a line, above 0 to 1.
        mutual: both must choose each other. inside: the foreground alone. smoothing: neighbours at each side that must be
        alike, 0 to 3. Numbers: grid, other_grid, matches [[x, y, other x, other y, score], ...], the best first.
        """
        item, first, model = self._encode(image, size, layer)
        other_item, second, _ = self._encode(other, size, layer)
        masks = object_masks([first, second]) if inside else None
        options = {"density": density, "mutual": mutual, "smoothing": smoothing}
        found = find_matches(first, second, foreground=masks, **options)
        names = [Path(file).name for file in (image, other)]
        pictures = list(map(sheet.Painted, names, [item.image, other_item.image], [first.geometry, second.geometry]))
        numbers = torch.cat([found.points_a, found.points_b, found.scores.unsqueeze(1)], dim=1)
        return sheet.png(sheet.lay_out(pictures, 0, {1: found})), {
            **_about(first, model),
            "other_grid": list(second.grid),
            "matches": _rounded(numbers.numpy()),
        }

    def _encode(self, file: str, size: int | None, layer: int) -> tuple[Item, FeatureMap, Loaded]:
        if not file:
            raise RequestError("No image was sent: pass a file, for instance gradio_client.handle_file('photo.jpg').")
        data = Path(file).read_bytes()
        model = self.engine.models.get(self.engine.models.default)
        if not -model.depth <= layer < model.depth:
            raise RequestError(f"layer is {layer}; this model has blocks -{model.depth} to {model.depth - 1}.")
        item = Item(hashlib.sha256(data).hexdigest(), core.load_image(named_file(data, Path(file).name)))
        size = model.default_size if size is None else int(size)
        (feature_map,) = self.engine.feature_maps(model, [item], int(layer), size)
        return item, feature_map, model


def _about(feature_map: FeatureMap, model: Loaded) -> dict:
    return {"model": model.source.name, "grid": list(feature_map.grid)}


def _picture(painted: Painted, item: Item, feature_map: FeatureMap) -> Image.Image:
    height, width = item.image.height, item.image.width
    layer = painted.layers[0]
    if painted.aligned == "picture":
        return Image.fromarray(layer).resize((width, height), Image.Resampling.BICUBIC)
    return Image.fromarray(onto_picture(layer, feature_map.geometry, height, width))


def _rounded(values: np.ndarray, digits: int = 4) -> list:
    return np.round(values.astype(np.float64), digits).tolist()
