"""The code that reproduces a view: a runnable program for exactly the settings on the page."""

from collections.abc import Sequence

from app.models import Loaded
from app.session import SOFT_EDGE, Picture, Settings

Asked = tuple[int, tuple[int, int]]
"""Number of a picture and (row, col) of its pinned patch."""


def program(
    settings: Settings,
    model: Loaded,
    pictures: Sequence[Picture],
    layer: int,
    asked: Asked | None = None,
    basis: str | None = None,
) -> str:
    """Python that computes the view with `core` alone: `values` are its numbers, `colours` what is shown, per picture.

    Sample pictures are found where they are installed; a visitor's own, and a saved basis, are named as the files
    they came from, in the folder the program runs in.
    """
    imports, body = _BODIES[settings.view](settings, layer, asked, basis)
    opening = ["import core"]
    if any(picture.sample for picture in pictures):
        opening.append("from core.pictures.gallery import samples")
        body = ["paths = {sample.name: sample.path for sample in samples()}", *_loading(pictures), *body]
    else:
        body = [*_loading(pictures), *body]
    return "\n".join([*opening, *imports, "", f"model = core.load_model({model.name!r})", *body]) + "\n"


def _loading(pictures: Sequence[Picture]) -> list[str]:
    lines = [f"    paths[{picture.name!r}]," if picture.sample else f"    {picture.name!r}," for picture in pictures]
    return ["files = [", *lines, "]", "images = [core.load_image(file) for file in files]"]


def _extract(settings: Settings, layer: int) -> str:
    return f"maps = core.extract(model, images, size={settings.size}, layer={layer})"


def _pca(settings: Settings, layer: int, asked: Asked | None, basis: str | None) -> tuple[list[str], list[str]]:
    chosen = [settings.red - 1, settings.green - 1, settings.blue - 1]
    inverted = "1 - " if settings.flip else ""
    shown = f"values = [{inverted}image[..., {chosen}] for image in images01]"
    colours = "colours = [(value * 255).round().byte() for value in values]"
    if basis is not None:
        lines = [f"images01 = PcaBasis.load({basis!r}).apply(maps)"]
        return ["from core.analysis.pca import PcaBasis"], [_extract(settings, layer), *lines, shown, colours]
    stages = '"auto"' if settings.stages == "Two stages" else "None"
    count = max(3, settings.red, settings.green, settings.blue)
    lines = [
        f"result = joint_pca(maps, components={count}, foreground={stages}, clip=({settings.low}, {settings.high}))",
        "images01, explained = result.images, result.explained",
    ]
    return ["from core.analysis.pca import joint_pca"], [_extract(settings, layer), *lines, shown, colours]


def _foreground(settings: Settings, layer: int, asked: Asked | None, basis: str | None) -> tuple[list[str], list[str]]:
    threshold = "values.threshold" if settings.threshold is None else f"{settings.threshold!r}"
    opacity = f"((mask - {threshold}) / {SOFT_EDGE} + 0.5).clip(0, 1)"
    opacity = f"1 - {opacity}" if settings.invert else opacity
    return ["from core.analysis.foreground import cut_out, foreground, refine_mask"], [
        _extract(settings, layer),
        f"values = foreground(maps, method={settings.method!r})",
        "masks = [refine_mask(score, image, m.geometry) for score, image, m in zip(values, images, maps)]",
        "colours = [(mask * 255).round().astype('uint8') for mask in masks]",
        f"cut_outs = [cut_out(image, {opacity}) for image, mask in zip(images, masks)]",
    ]


def _attention(settings: Settings, layer: int, asked: Asked | None, basis: str | None) -> tuple[list[str], list[str]]:
    imports = ["from core.analysis.attention_maps import capture_attention"]
    head = "mean(dim=0)" if settings.head == "mean" else f"select(0, {int(settings.head) - 1})"
    lines = [f"captures = [capture_attention(model, image, {settings.size}, {layer}) for image in images]"]
    if settings.asking == "pinned patch" and asked is not None:
        imports.append("from core.analysis.similarity import query_vector, similarity_map")
        index, patch = asked
        lines += [
            _extract(settings, layer),
            f"query = query_vector(maps[{index}], patch={patch})",
            "similar = [similarity_map(m, query) for m in maps]",
            "queries = [divmod(int(cosines.argmax()), cosines.shape[1]) for cosines in similar]",
            f"queries[{index}] = {patch}",
        ]
    else:
        token = "cls" if settings.asking == "cls" else ("register", int(settings.asking.split()[-1]) - 1)
        lines.append(f"queries = [{token!r}] * len(images)")
    lines += [
        f"values = [capture.weights(query).{head} for capture, query in zip(captures, queries)]",
        "colours = [colourise(value, 'magma', 0, float(value.max())) for value in values]",
    ]
    return [*imports, "from core.analysis.render import colourise"], lines


def _norms(settings: Settings, layer: int, asked: Asked | None, basis: str | None) -> tuple[list[str], list[str]]:
    return ["from core.analysis.norms import norms", "from core.analysis.render import colourise"], [
        _extract(settings, layer),
        "found = norms(maps)",
        "values = found.maps",
        "low = min(float(value.min()) for value in values)",
        "colours = [colourise(value, 'viridis', low, found.largest) for value in values]",
    ]


def _segments(settings: Settings, layer: int, asked: Asked | None, basis: str | None) -> tuple[list[str], list[str]]:
    return ["from core.analysis.render import label_colours", "from core.analysis.segments import segments"], [
        _extract(settings, layer),
        f"values = segments(maps, {settings.segments}, {settings.grouping!r}).labels",
        f"colours = [label_colours({settings.segments})[value.numpy()] for value in values]",
    ]


_BODIES = {
    "PCA": _pca,
    "Foreground": _foreground,
    "Attention": _attention,
    "Norms": _norms,
    "Segments": _segments,
}
