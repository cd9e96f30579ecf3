"""All matched pictures with their lines, dots or parts on one sheet, as PNG or SVG.

Positions on the sheet are (x, y) in its own pixels.
"""

import xml.etree.ElementTree as ET
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from core.analysis.matching import Matches
from core.analysis.render import label_colours, onto_picture, place_colours
from core.encoding import picture_address
from core.features import Geometry

TALL, GAP, CAPTION, MARGIN = 640, 48, 30, 16
"""Height of the reference, room between it and the others, of a name, and around everything, in pixels."""
WIDEST = 8192
"""Pixels a sheet may be wide: with very wide pictures it becomes less high."""
FINE = 2
"""The PNG is drawn so many times larger first, so that lines are smooth."""
OPACITY = 0.62
TINT = (45, 212, 191)
"""Of a region, as the page marks what is held."""


@dataclass(frozen=True)
class SheetPicture:
    """A picture as it stands on the sheet, with what lies over it."""

    name: str
    image: Image.Image
    geometry: Geometry


@dataclass(frozen=True)
class Sheet:
    """Pictures with their boxes (left, top, width, height), and what is drawn on them."""

    pictures: list[SheetPicture]
    boxes: list[tuple[float, float, float, float]]
    segments: list[tuple[tuple[float, float], tuple[float, float], tuple[int, int, int]]]
    """(start, end, colour) of each match."""
    lines: bool

    @property
    def size(self) -> tuple[int, int]:
        """(width, height)."""
        right = max(left + width for left, _, width, _ in self.boxes)
        bottom = max(top + height for _, top, _, height in self.boxes)
        return round(right + MARGIN), round(bottom + CAPTION + MARGIN)


def lay_out(pictures: list[SheetPicture], reference: int, pairs: dict[int, Matches], *, lines: bool = True) -> Sheet:
    """The reference at the left, the others in columns at its right, with each match in the colour of its place."""
    boxes = _boxes([one.image for one in pictures], reference)
    start = pictures[reference].geometry
    colours = match_colours(pairs)
    segments = []
    for other, found in pairs.items():
        goal = pictures[other].geometry
        starts = found.points_a.numpy() / [start.width, start.height]
        ends = found.points_b.numpy() / [goal.width, goal.height]
        for a, b, colour in zip(starts, ends, colours[other].tolist(), strict=True):
            segments.append((_on(boxes[reference], a), _on(boxes[other], b), tuple(colour)))
    return Sheet(pictures, boxes, segments, lines)


def png(sheet: Sheet) -> Image.Image:
    """The sheet as a picture, RGB."""
    canvas = Image.new("RGB", (FINE * sheet.size[0], FINE * sheet.size[1]), "white")
    draw = ImageDraw.Draw(canvas)
    font = ImageFont.load_default(15 * FINE)
    for one, box in zip(sheet.pictures, sheet.boxes, strict=True):
        left, top, width, height = (round(FINE * part) for part in box)
        canvas.paste(one.image.resize((width, height), Image.Resampling.LANCZOS), (left, top))
        draw.text((left, top + height + 6 * FINE), one.name[:80], fill=(40, 48, 46), font=font)
    for start, end, colour in sheet.segments:
        ends = [tuple(FINE * part for part in place) for place in (start, end)]
        if sheet.lines:
            draw.line(ends, fill=colour, width=2 * FINE)
    for start, end, colour in sheet.segments:
        for x, y in (start, end):
            draw.circle((FINE * x, FINE * y), 5 * FINE, fill=colour, outline="white", width=FINE)
    return canvas.resize(sheet.size, Image.Resampling.LANCZOS)


def svg(sheet: Sheet) -> str:
    """The sheet as an SVG file that needs no other: photographs are in it as JPEG, names are text and nothing else."""
    width, height = sheet.size
    root = ET.Element(
        "svg", xmlns="http://www.w3.org/2000/svg", viewBox=f"0 0 {width} {height}", width=str(width), height=str(height)
    )
    ET.SubElement(root, "rect", width="100%", height="100%", fill="white")
    for one, (left, top, wide, tall) in zip(sheet.pictures, sheet.boxes, strict=True):
        place = {"x": f"{left:.1f}", "y": f"{top:.1f}", "width": f"{wide:.1f}", "height": f"{tall:.1f}"}
        image = ET.SubElement(root, "image", place, href=_jpeg(one.image, round(2 * tall)), preserveAspectRatio="none")
        ET.SubElement(image, "title").text = _printable(one.name)
        text = {
            "x": f"{left:.1f}",
            "y": f"{top + tall + 20:.1f}",
            "font-family": "system-ui, sans-serif",
            "fill": "#28302e",
        }
        ET.SubElement(root, "text", text, **{"font-size": "15"}).text = _printable(one.name[:80])
    for (x1, y1), (x2, y2), colour in sheet.segments if sheet.lines else ():
        ends = {name: f"{value:.1f}" for name, value in zip(("x1", "y1", "x2", "y2"), (x1, y1, x2, y2), strict=True)}
        ET.SubElement(root, "line", ends, stroke=hex_colour(colour), **{"stroke-width": "2"})
    for start, end, colour in sheet.segments:
        for x, y in (start, end):
            ET.SubElement(root, "circle", cx=f"{x:.1f}", cy=f"{y:.1f}", r="5", fill=hex_colour(colour), stroke="white")
    return ET.tostring(root, encoding="unicode", xml_declaration=False)


def match_colours(pairs: dict[int, Matches]) -> dict[int, np.ndarray]:
    """A colour [M, 3] uint8 for each match by its place on the reference, within what the matches cover of it."""
    every = np.concatenate([found.points_a.numpy() for found in pairs.values()] or [np.zeros((1, 2))])
    if not len(every):
        return {other: np.zeros((0, 3), np.uint8) for other in pairs}
    low, high = every.min(axis=0), every.max(axis=0)
    span = np.maximum(high - low, 1)
    return {other: place_colours((found.points_a.numpy() - low) / span) for other, found in pairs.items()}


def painted_parts(image: Image.Image, labels: Tensor, geometry: Geometry, count: int) -> Image.Image:
    """The picture under its parts' colours; what is outside (−1) stays as it is."""
    return _under(image, label_colours(count)[labels.clamp(min=0).numpy()], labels >= 0, geometry)


def painted_region(image: Image.Image, mask: Tensor, geometry: Geometry) -> Image.Image:
    """The picture with the patches of a region tinted."""
    return _under(image, np.broadcast_to(np.array(TINT, np.uint8), (*mask.shape, 3)), mask, geometry)


def _under(image: Image.Image, colours: np.ndarray, inside: Tensor, geometry: Geometry) -> Image.Image:
    over = np.dstack([colours, inside.numpy().astype(np.uint8) * 255])
    spread = onto_picture(over, geometry, image.height, image.width, smooth=False).astype(np.float32)
    base = np.asarray(image.convert("RGB"), dtype=np.float32)
    share = spread[..., 3:] / 255 * OPACITY
    return Image.fromarray(np.round(base + (spread[..., :3] - base) * share).astype(np.uint8))


def _boxes(images: list[Image.Image], reference: int) -> list[tuple[float, float, float, float]]:
    """One for each picture: the reference TALL pixels high, the others in one column, or two from the third on."""
    aspects = [image.width / image.height for image in images]
    others = [index for index in range(len(images)) if index != reference]
    rows = 1 if len(others) == 1 else 2 if len(others) <= 4 else 3
    tall = (TALL - (rows - 1) * CAPTION) / rows
    boxes: dict[int, tuple[float, float, float, float]] = {}
    boxes[reference] = (MARGIN, MARGIN, aspects[reference] * TALL, TALL)
    lefts = [MARGIN + aspects[reference] * TALL + GAP] * rows
    for place, index in enumerate(others):
        row = place % rows
        boxes[index] = (lefts[row], MARGIN + row * (tall + CAPTION), aspects[index] * tall, tall)
        lefts[row] += aspects[index] * tall + MARGIN
    shrink = min(1.0, WIDEST / max(left + width for left, _, width, _ in boxes.values()))
    return [_shrunk(boxes[index], shrink) for index in range(len(images))]


def _shrunk(box: tuple[float, float, float, float], shrink: float) -> tuple[float, float, float, float]:
    """The box on a sheet made smaller, a pixel wide and high at least."""
    left, top, width, height = (edge * shrink for edge in box)
    return left, top, max(width, 1.0), max(height, 1.0)


def _on(box: tuple[float, float, float, float], share: np.ndarray) -> tuple[float, float]:
    left, top, width, height = box
    return left + float(share[0]) * width, top + float(share[1]) * height


def _jpeg(image: Image.Image, tall: int) -> str:
    small = image.convert("RGB")
    small.thumbnail((4 * tall, tall))
    return picture_address(small, "JPEG", quality=88)


def hex_colour(colour: Sequence[int]) -> str:
    """Red, green and blue in 0..255 as HTML and SVG write it."""
    return "#{:02x}{:02x}{:02x}".format(*colour)


def _printable(name: str) -> str:
    """Without the control characters that no XML may hold."""
    return "".join(letter for letter in name if letter.isprintable())
