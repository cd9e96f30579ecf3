"""The five views: features in, pictures out. Plain functions, none of which runs a model.

h w patch grid, H W pixels of the original, k components, A heads. Everything per picture comes in the pictures' order.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from PIL import Image
from torch import Tensor

from app.session import Settings
from app.words import CAPTIONS
from core import RequestError
from core.analysis.foreground import Foreground, foreground, refine_mask
from core.analysis.norms import OUTLIER, norms
from core.analysis.pca import PcaBasis, joint_pca
from core.analysis.render import colourise, label_colours
from core.analysis.segments import segments
from core.analysis.similarity import query_vector, similarity_map
from core.features import FeatureMap, Geometry

MASK_SIDE = 1024
"""Longer side of the foreground scores the browser gets, as large as the picture it shows."""


@dataclass(frozen=True)
class Scene:
    """What a view is painted from."""

    settings: Settings
    images: Sequence[Image.Image]
    maps: Sequence[FeatureMap]
    captures: Sequence = ()
    """One `AttentionCapture` per picture, for the attention view only."""
    asked: tuple[int, tuple[int, int]] | None = None
    """The pinned patch: number of its picture, and (row, col)."""
    basis: PcaBasis | None = None
    """A PCA basis of another day, applied instead of computing one."""


@dataclass(frozen=True)
class Painted:
    """One view of several pictures, ready for the browser."""

    layers: list[np.ndarray]
    """uint8 per picture: [h, w, 3] colours, or [H, W] grey scores where `aligned` is "picture"."""
    values: list[np.ndarray]
    """The numbers behind the colours, float32 or int64 per picture, [h, w] or [h, w, k]."""
    caption: str
    aligned: str = "grid"
    legend: dict | None = None
    facts: str = ""
    """One line of numbers that belong to the view, as Markdown."""
    found: Foreground | None = field(default=None, repr=False)
    basis: PcaBasis | None = field(default=None, repr=False)
    explained: tuple[float, ...] = ()
    """Shares of variance of all components, PCA only."""


def paint(scene: Scene) -> Painted:
    """The view that the settings ask for. It depends on neither the threshold nor `invert`: the browser draws those."""
    return _PAINTERS[scene.settings.view](scene)


def paint_pca(scene: Scene) -> Painted:
    settings = scene.settings
    chosen = [settings.red, settings.green, settings.blue]
    if scene.basis is not None:
        basis, images = scene.basis, scene.basis.apply(scene.maps)
    else:
        stages = "auto" if settings.stages == "Two stages" else None
        result = joint_pca(scene.maps, max(3, *chosen), stages, clip=(settings.low, settings.high))
        basis, images = result.basis, result.images
    explained = basis.explained.tolist()
    if max(chosen) > len(explained):
        raise RequestError(f"Component {max(chosen)} is chosen, but this basis has {len(explained)}.")
    values = [image[..., [number - 1 for number in chosen]].numpy() for image in images]
    if settings.flip:
        values = [1 - value for value in values]
    shares = {number: explained[number - 1] for number in chosen}
    named = zip(("red", "green", "blue"), chosen, strict=True)
    parts = ", ".join(f"{colour} component {number} ({shares[number]:.0%})" for colour, number in named)
    return Painted(
        layers=[_bytes(value) for value in values],
        values=values,
        caption=CAPTIONS["PCA"],
        facts=f"Explained variance: {parts}; together {sum(shares.values()):.0%}.",
        basis=basis,
        explained=tuple(explained),
    )


def paint_foreground(scene: Scene) -> Painted:
    found = foreground(list(scene.maps), method=scene.settings.method)
    small = [_shrunk(image, MASK_SIDE) for image in scene.images]
    masks = [
        refine_mask(scores, image, _scaled(feature_map.geometry, image))
        for scores, image, feature_map in zip(found, small, scene.maps, strict=True)
    ]
    return Painted(
        layers=[_bytes(mask) for mask in masks],
        values=[scores.numpy() for scores in found],
        caption=CAPTIONS["Foreground"],
        aligned="picture",
        found=found,
    )


def paint_attention(scene: Scene) -> Painted:
    """Each picture's attention scaled to its own largest share, which the legend names."""
    values = []
    for capture, query in zip(scene.captures, attention_queries(scene), strict=True):
        weights = capture.weights(query)  # [A, h, w]
        values.append(_head(weights, scene.settings.head).numpy())
    tops = [float(value.max()) for value in values]
    return Painted(
        layers=[colourise(value, "magma", 0.0, top) for value, top in zip(values, tops, strict=True)],
        values=values,
        caption=CAPTIONS["Attention"],
        legend={"palette": "magma", "low": "0", "high": "the picture's largest share"},
        facts="Largest share of one patch: " + ", ".join(f"{top:.1%}" for top in tops) + ".",
    )


def paint_norms(scene: Scene) -> Painted:
    found = norms(list(scene.maps))
    low = min(float(lengths.min()) for lengths in found.maps)
    patches = sum(lengths.numel() for lengths in found.maps)
    return Painted(
        layers=[colourise(lengths, "viridis", low, found.largest) for lengths in found.maps],
        values=[lengths.numpy() for lengths in found.maps],
        caption=CAPTIONS["Norms"],
        legend={"palette": "viridis", "low": f"{low:.1f}", "high": f"{found.largest:.1f}"},
        facts=f"Norms from {low:.1f} to {found.largest:.1f}, median {found.median:.1f}. "
        f"{round(found.outlier_share * patches)} of {patches:,} patches are longer than {OUTLIER:g} medians "
        "and count as artefacts.",
    )


def paint_segments(scene: Scene) -> Painted:
    settings = scene.settings
    labels = [label.numpy() for label in segments(list(scene.maps), settings.segments, settings.grouping).labels]
    palette = label_colours(settings.segments)
    shares = np.bincount(np.concatenate([label.ravel() for label in labels]), minlength=settings.segments)
    return Painted(
        layers=[palette[label] for label in labels],
        values=labels,
        caption=CAPTIONS["Segments"],
        facts="Sizes of the groups: " + ", ".join(f"{share / shares.sum():.0%}" for share in shares) + ".",
    )


def foreground_facts(found: Foreground, settings: Settings) -> tuple[dict, str]:
    """The histogram with its threshold, and what the threshold leaves of each picture."""
    threshold = found.threshold if settings.threshold is None else settings.threshold
    kept = [scores <= threshold if settings.invert else scores > threshold for scores in found]
    histogram = {
        "counts": [int(count) for count in found.histogram],
        "edges": [float(edge) for edge in found.edges],
        "threshold": float(threshold),
        "otsu": float(found.threshold),
        "invert": settings.invert,
    }
    shares = ", ".join(f"{float(mask.float().mean()):.0%}" for mask in kept)
    return histogram, f"Threshold {threshold:.2f} (Otsu's is {found.threshold:.2f}). Object: {shares} of the patches."


def attention_queries(scene: Scene) -> list:
    """Who looks, in each picture: cls, a register, or the pinned patch.

    Where another picture's patch is pinned, the patch most like it asks.
    """
    asking = scene.settings.asking
    if asking == "cls":
        return ["cls"] * len(scene.maps)
    if asking.startswith("register"):
        return [("register", int(asking.split()[-1]) - 1)] * len(scene.maps)
    if scene.asked is None:
        raise RequestError("No patch is pinned: click one in a picture first, then its attention is shown.")
    index, patch = scene.asked
    query = query_vector(scene.maps[index], patch=patch)
    best = []
    for other, feature_map in enumerate(scene.maps):
        flat = int(similarity_map(feature_map, query).argmax())
        best.append(patch if other == index else divmod(flat, feature_map.grid[1]))
    return best


def _head(weights: Tensor, head: str) -> Tensor:
    if head == "mean":
        return weights.mean(dim=0)
    number = int(head)
    if not 1 <= number <= len(weights):
        raise RequestError(f"Head {number}: this model has heads 1 to {len(weights)}.")
    return weights[number - 1]


def _bytes(values: np.ndarray) -> np.ndarray:
    return (np.clip(values, 0, 1) * 255).round().astype(np.uint8)


def _shrunk(image: Image.Image, side: int) -> Image.Image:
    small = image.copy()
    small.thumbnail((side, side))
    return small


def _scaled(geometry: Geometry, image: Image.Image) -> Geometry:
    return Geometry(image.height, image.width, geometry.rows, geometry.columns, geometry.patch)


_PAINTERS: dict[str, Callable[[Scene], Painted]] = {
    "PCA": paint_pca,
    "Foreground": paint_foreground,
    "Attention": paint_attention,
    "Norms": paint_norms,
    "Segments": paint_segments,
}
