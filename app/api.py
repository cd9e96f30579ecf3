"""What programs ask of a running app: an image file in, a picture and numbers out. No Gradio here."""

import hashlib
from pathlib import Path

import numpy as np
import torch
from PIL import Image

import core
from app.engine import Engine, Item
from app.match import sheet
from app.models import Loaded
from app.session import Settings
from app.views import Painted, Scene, foreground_facts, paint
from core import RequestError
from core.analysis.foreground import DEFAULT
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

    def pca(self, image: str, size: int | None = None, layer: int = -1) -> tuple[Image.Image, dict]:
        """Principal components of the patch features as colours, and the variance each of them explains.

        image: a picture file. size: longer side in pixels given to the model, by default the one at which it is best.
        layer: block, counted from the end (-1 is the last). Numbers: grid [rows, columns], explained (shares of
        variance), values [rows][columns][3] in 0..1.
        """
        item, feature_map, model = self._encode(image, size, layer)
        painted = paint(Scene(Settings(view="PCA"), [item.image], [feature_map]))
        return _picture(painted, item, feature_map), {
            **_about(feature_map, model),
            "explained": [float(share) for share in painted.explained],
            "values": _rounded(painted.values[0]),
        }

    def foreground(
        self, image: str, size: int | None = None, layer: int = -1, method: str = DEFAULT
    ) -> tuple[Image.Image, dict]:
        """How strongly each pixel belongs to the object (white) or the ground (black).

        image, size, layer as for /pca; method: "pca" (first principal component) or "cut" (normalised cut). Numbers: grid,
        threshold (Otsu), histogram and its edges, values [rows][columns] in 0..1.
        """
        item, feature_map, model = self._encode(image, size, layer)
        settings = Settings(view="Foreground", method=method)
        painted = paint(Scene(settings, [item.image], [feature_map]))
        histogram, _ = foreground_facts(painted.found, settings)
        return _picture(painted, item, feature_map), {
            **_about(feature_map, model),
            "method": painted.found.method,
            **{name: histogram[name] for name in ("threshold", "counts", "edges")},
            "values": _rounded(painted.values[0]),
        }

    def attention(
        self, image: str, size: int | None = None, layer: int = -1, head: int = 0
    ) -> tuple[Image.Image, dict]:
        """Where the cls token looks: its attention to each patch.

        image, size, layer as for /pca; head: from 1, or 0 for the mean of all. Numbers: grid, values [rows][columns],
        shares of the attention, which add up to 1 together with those of cls and the registers.
        """
        item, feature_map, model = self._encode(image, size, layer)
        captures = self.engine.attention(model, [item], feature_map.origin.layer, feature_map.origin.size)
        settings = Settings(view="Attention", head=str(head) if head else "mean")
        painted = paint(Scene(settings, [item.image], [feature_map], captures))
        return _picture(painted, item, feature_map), {
            **_about(feature_map, model),
            "values": _rounded(painted.values[0], 6),
        }

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
        painted = Painted([colours], [cosines], caption="")
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
