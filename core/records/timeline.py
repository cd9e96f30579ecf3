"""A timeline in one file: what the networks of a training run, step after step, make of the same few pictures.

    FILE.safetensors
    ├── pictures.0, pictures.1, …      small copies, each a WebP file as bytes
    ├── features.8, scales.8           of step 8: [N, k] int8 and [k] float32 (`core.records.moment`)
    ├── colours.8                      [N, 3] uint8, steady along the timeline
    ├── foreground.8                   [N] uint8
    └── metadata "timeline"            JSON: title, size, pictures, steps, curves of the emergence scale, losses

N patches of all pictures together, k kept dimensions. The file is written under a temporary name and renamed.
"""

import dataclasses
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from core.encoding import picture_bytes
from core.errors import ImageError, RequestError
from core.pictures.geometry import Geometry, plan_grid
from core.pictures.image import load_image
from core.records.moment import Moment, with_steady_colours
from core.records.runs import read_metrics
from core.records.scores import Curve, Reading
from core.tensor_files import read_tensors, save_tensors

SHIPPED = Path(__file__).parents[2] / "assets" / "timeline.safetensors"
COPY_SIDE = 448
"""Longer side of the copies, in pixels: sharp where four pictures stand side by side."""
VERSION = 1
LOSSES = ("loss", "dino_local", "dino_global", "ibot", "koleo", "gram")
MOST_LINES = 200
"""Lines of a run's log that are kept, spread evenly over the logarithm of the step."""
_KEY = "timeline"
_TENSORS = ("features", "scales", "colours", "foreground")


@dataclass(frozen=True, eq=False)
class TimelinePicture:
    """A picture that is looked at in every step: its name, whom to thank, a small copy, and where its patches lie."""

    name: str
    credit: str
    image: Image.Image
    """RGB."""
    geometry: Geometry
    """On a picture of the copy's size."""

    @property
    def patches(self) -> int:
        return self.geometry.rows * self.geometry.columns


@dataclass(frozen=True, eq=False)
class Timeline:
    """Pictures, and what is made of them at each step."""

    title: str
    size: int
    """Longer side in pixels at which the pictures were given to the networks."""
    pictures: tuple[TimelinePicture, ...]
    moments: tuple[Moment, ...]
    """By step, ascending."""
    curves: tuple[Curve, ...] = ()
    losses: tuple[dict[str, float], ...] = ()
    """{"step": ..., "loss": ..., ...} each."""


def shown(name: str, credit: str, image: Image.Image, size: int, patch: int) -> TimelinePicture:
    """A picture [RGB] as a timeline keeps it, its grid that of a model with such patches at `size` pixels."""
    grid = plan_grid(image.height, image.width, size, patch)
    copy = image.copy()
    copy.thumbnail((COPY_SIDE, COPY_SIDE), Image.Resampling.LANCZOS)
    return TimelinePicture(name, credit, copy, dataclasses.replace(grid, height=copy.height, width=copy.width))


def losses_of(run: Path, most: int = MOST_LINES) -> tuple[dict[str, float], ...]:
    """The lines with losses in a run's log, thinned to `most` of them, the first and the last among them."""
    lines = [line for line in read_metrics(run) if "loss" in line]
    if len(lines) > most:
        places = np.unique(np.round(np.geomspace(1, len(lines), most)).astype(int)) - 1
        lines = [lines[place] for place in places]
    return tuple({name: line[name] for name in ("step", *LOSSES) if name in line} for line in lines)


def continued(before: Timeline, after: Timeline) -> Timeline:
    """The timeline of a run that went on from the last network of another: that one's steps, then its own, counted on.

    The network that it began with, its step 0, is the other's last. RequestError where their pictures differ.
    """
    if before.size != after.size or [_place(one) for one in before.pictures] != [_place(one) for one in after.pictures]:
        raise RequestError(
            f"The timelines {before.title!r} and {after.title!r} show different pictures, or at different sizes; "
            "make the later one with the earlier one's --images and --size."
        )
    past = before.moments[-1].step
    moments = [dataclasses.replace(one, step=past + one.step) for one in after.moments if one.step]
    later = {curve.key: curve for curve in after.curves}
    curves = [
        dataclasses.replace(curve, points=curve.points | _counted_on(later[curve.key].points, past))
        if curve.key in later
        else curve
        for curve in before.curves
    ]
    losses = [line | {"step": past + line["step"]} for line in after.losses]
    return dataclasses.replace(
        after,
        moments=tuple(with_steady_colours([*before.moments, *moments])),
        curves=tuple(curves),
        losses=(*before.losses, *losses),
    )


def _counted_on(points: dict[int, Reading], past: int) -> dict[int, Reading]:
    return {past + step: reading for step, reading in points.items() if step}


def _place(picture: TimelinePicture) -> tuple[str, Geometry]:
    return picture.name, picture.geometry


def save_timeline(timeline: Timeline, path: Path) -> Path:
    """Write a timeline file, whole or not at all."""
    tensors = {f"pictures.{place}": _encoded(one.image) for place, one in enumerate(timeline.pictures)}
    for moment in timeline.moments:
        tensors |= {f"{name}.{moment.step}": getattr(moment, name).contiguous() for name in _TENSORS}
    return save_tensors(tensors, path, {_KEY: json.dumps(_described(timeline), ensure_ascii=False)})


def load_timeline(path: Path) -> Timeline:
    """A timeline that `save_timeline` wrote; RequestError where the file is something else."""
    try:
        tensors, metadata = read_tensors(path)
        header = json.loads(metadata[_KEY], parse_constant=_no_number)
        if header["version"] != VERSION:
            raise ValueError(f"version {header['version']}, this reads {VERSION}")
        pictures = [
            TimelinePicture(one["name"], one["credit"], _decoded(tensors, place), Geometry(**one["geometry"]))
            for place, one in enumerate(header["pictures"])
        ]
        moments = [_moment(tensors, one) for one in header["moments"]]
        curves = tuple(_curve(one) for one in header["curves"])
        losses = tuple(header["losses"])
    except (OSError, KeyError, TypeError, ValueError, AttributeError, RecursionError, ImageError) as error:
        raise RequestError(
            f"{path} is no timeline ({type(error).__name__}: {error}); write one with python -m train.timeline RUN."
        ) from error
    _check(path, pictures, moments)
    return Timeline(header["title"], header["size"], tuple(pictures), tuple(moments), curves, losses)


def _described(timeline: Timeline) -> dict:
    return {
        "version": VERSION,
        "title": timeline.title,
        "size": timeline.size,
        "pictures": [
            {"name": one.name, "credit": one.credit, "geometry": dataclasses.asdict(one.geometry)}
            for one in timeline.pictures
        ],
        "moments": [
            {name: getattr(moment, name) for name in ("step", "error", "threshold", "explained")}
            for moment in timeline.moments
        ],
        "curves": [dataclasses.asdict(curve) for curve in timeline.curves],
        "losses": timeline.losses,
    }


def _no_number(word: str) -> float:
    raise ValueError(f"{word} where a number should be")


def _moment(tensors: Mapping[str, torch.Tensor], entry: dict) -> Moment:
    return Moment(**entry | {name: tensors[f"{name}.{entry['step']}"] for name in _TENSORS})


def _curve(entry: dict) -> Curve:
    points = {int(step): Reading(**reading) for step, reading in entry["points"].items()}
    return Curve(**(entry | {"points": points}))


def _check(path: Path, pictures: Sequence[TimelinePicture], moments: Sequence[Moment]) -> None:
    patches = sum(one.patches for one in pictures)
    for moment in moments:
        dims = len(moment.scales)
        expected = {"features": (patches, dims), "colours": (patches, 3), "foreground": (patches,)}
        wrong = [name for name, shape in expected.items() if tuple(getattr(moment, name).shape) != shape]
        if wrong:
            raise RequestError(f"{path}: {', '.join(wrong)} of step {moment.step} do not fit the pictures; remake it.")


def _encoded(image: Image.Image) -> torch.Tensor:
    return torch.frombuffer(bytearray(picture_bytes(image, "WEBP", quality=85, method=6)), dtype=torch.uint8)


def _decoded(tensors: Mapping[str, torch.Tensor], place: int) -> Image.Image:
    return load_image(tensors[f"pictures.{place}"].numpy().tobytes())
