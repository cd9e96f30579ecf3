"""The endpoint /match for programs: two image files in, both side by side with lines and the points as numbers out."""

from pathlib import Path

import gradio as gr
import torch
from PIL import Image

from app.match import sheet
from app.page.endpoints import about, encoded, image_widget, layer_widget, offer, rounded, size_widget
from app.page.sending import SentNumber
from app.server.access import Access
from app.server.engine import Engine
from core.analysis.matching import match as find_matches
from core.analysis.matching import object_masks


def lay_out(engine: Engine, access: Access) -> None:
    """/match."""
    density = SentNumber(0.35, label="density: matches per patch along a line, above 0 to 1")
    mutual = gr.Checkbox(True, label="mutual: both patches choose each other")
    inside = gr.Checkbox(True, label="inside: the foreground alone")
    smoothing = SentNumber(1, label="smoothing: neighbours at each side, 0 to 3", precision=0)
    pictures = [image_widget(), image_widget("other image")]
    offer(MatchApi(engine).match, [*pictures, size_widget(), layer_widget(), density, mutual, inside, smoothing])


class MatchApi:
    """The endpoint, on the server's own model; its name, parameters and first lines are what clients see."""

    def __init__(self, engine: Engine):
        self.engine = engine

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
        item, first, model = encoded(self.engine, image, size, layer)
        other_item, second, _ = encoded(self.engine, other, size, layer)
        masks = object_masks([first, second]) if inside else None
        found = find_matches(first, second, foreground=masks, density=density, mutual=mutual, smoothing=smoothing)
        names = [Path(file).name for file in (image, other)]
        pictures = list(
            map(sheet.SheetPicture, names, [item.image, other_item.image], [first.geometry, second.geometry])
        )
        numbers = torch.cat([found.points_a, found.points_b, found.scores.unsqueeze(1)], dim=1)
        return sheet.png(sheet.lay_out(pictures, 0, {1: found})), {
            **about(first, model),
            "other_grid": list(second.grid),
            "matches": rounded(numbers.numpy()),
        }
