"""The endpoint /atlas for programs: image files in, a map of them out."""

from collections.abc import Sequence
from pathlib import Path

import gradio as gr
import numpy as np
import torch
from PIL import Image
from torch import Tensor

from app.map.colours import GREY
from app.page.endpoints import offer
from app.page.sending import SentFile, SentNumber
from app.page.wiring import LONG
from app.server.access import Access
from app.server.agents import list_of_files
from app.server.engine import Engine
from core import RequestError
from core.analysis.render import label_colours
from core.projection.clusters import ALONE, Clusters, islands, kmeans
from core.projection.components import project
from core.projection.umap import UmapSettings, cached_umap, start_umap
from core.wording import counted

FILES_SIZE = 224
"""Longer side in pixels at which pictures are shown to the model: enough to tell what is on them."""
TOGETHER = 8
"""Pictures in one turn at the model, a third of a second of it."""
METHODS = ("umap", "pca")
MOST_IMAGES = 2000
SHEET, SMALL, FRAME = 1200, 72, 3
"""Pixels: the side of the picture of a map, of the pictures on it, and of the frames about these."""


def lay_out(engine: Engine, access: Access) -> None:
    """/atlas."""
    images = list_of_files(SentFile(label="images", type="filepath", file_count="multiple"))
    way = gr.Textbox("umap", label="method: umap or pca")
    clusters = SentNumber(0, label="clusters, or 0 for the islands of the map", precision=0)
    neighbours = SentNumber(15, label="neighbours of UMAP", precision=0)
    seed = SentNumber(0, label="seed of UMAP", precision=0)
    offer(MapApi(engine).atlas, [images, way, clusters, neighbours, seed], **LONG)


class MapApi:
    """The endpoint, on the server's own model; its name, parameters and first lines are what clients see."""

    def __init__(self, engine: Engine):
        self.engine = engine
        self.cache = engine.shelf.cache / "maps"

    def atlas(
        self, images: list[str], method: str = "umap", clusters: int = 0, neighbours: int = 15, seed: int = 0
    ) -> tuple[Image.Image, dict]:
        """A map of pictures on which those that are alike to the model lie together, in clusters named by one of them.

        images: picture files, 2 to 2,000. method: "umap" (at least 5 pictures; seconds for some hundred) or "pca". clusters: how
        many, or 0 for the islands of the map. neighbours, seed: of UMAP. Numbers: points [{name, x, y, cluster}], the
        cluster counted from 1 or null, x to the right and y upwards; medoids, the point that names each cluster.
        """
        if method not in METHODS:
            raise RequestError(f"method is {method!r}; choose from {', '.join(METHODS)}.")
        if not 2 <= len(images or []) <= MOST_IMAGES:
            raise RequestError(
                f"{counted(len(images or []), 'image was', 'images were')} sent; a map takes a list of 2 to {MOST_IMAGES:,}."
            )
        settings = UmapSettings(int(neighbours), seed=int(seed))
        model = self.engine.models.get(self.engine.models.default)
        vectors, small = self._looked_at(model, [Path(file) for file in images])
        places = self._umap(vectors, settings) if method == "umap" else project(vectors).coordinates
        found = kmeans(vectors, int(clusters), int(seed)) if clusters else islands(places, vectors, smallest=3)
        points = [
            {
                "name": Path(file).name,
                "x": float(x),
                "y": float(y),
                "cluster": None if label == ALONE else int(label) + 1,
            }
            for file, (x, y), label in zip(images, places.astype(float).round(5), found.labels, strict=True)
        ]
        numbers = {"model": model.source.name, "method": method, "points": points, "medoids": found.medoids.tolist()}
        return sheet(small, places, found), numbers

    def _looked_at(self, model, files: Sequence[Path]) -> tuple[Tensor, list[Image.Image]]:
        """The cls vectors [n, D], and small copies."""
        vectors, small = [], []
        for start in range(0, len(files), TOGETHER):
            part = [
                self.engine.library.decode(file.read_bytes(), file.name) for file in files[start : start + TOGETHER]
            ]
            vectors += [one.cls for one in self.engine.compute(model, part, -1, FILES_SIZE)]
            for picture in part:
                picture.image.thumbnail((SMALL, SMALL))
            small += [picture.image for picture in part]
        return torch.stack(vectors), small

    def _umap(self, vectors: Tensor, settings: UmapSettings) -> np.ndarray:
        known = cached_umap(vectors, settings, self.cache)
        return start_umap(vectors, settings, self.cache).result() if known is None else known


def sheet(small: Sequence[Image.Image], places: np.ndarray, clusters: Clusters) -> Image.Image:
    """Small pictures at their places on a white square, each framed in its cluster's colour."""
    whole = Image.new("RGB", (SHEET, SHEET), "white")
    low, high = places.min(axis=0), places.max(axis=0)
    middle, reach = (low + high) / 2, max(float((high - low).max()) / 2, 1e-9)
    room = SHEET / 2 - SMALL / 2 - 2 * FRAME
    colours = label_colours(len(clusters.medoids)).tolist()
    for image, (x, y), label in zip(small, (places - middle) / reach * room, clusters.labels, strict=True):
        framed = Image.new(
            "RGB",
            (image.width + 2 * FRAME, image.height + 2 * FRAME),
            tuple(GREY if label == ALONE else colours[label]),
        )
        framed.paste(image, (FRAME, FRAME))
        whole.paste(framed, (round(SHEET / 2 + x - framed.width / 2), round(SHEET / 2 - y - framed.height / 2)))
    return whole
