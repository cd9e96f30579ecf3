"""A view as a figure for print: all pictures with their names, the scale or the legend, and where it came from.

A sheet is 180 mm wide, as wide as a page of two columns; positions on it are in millimetres. Pictures are painted from
the pixels there are of the original, 300 to the inch at most.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from app.explore.downloads import soft_mask
from app.explore.handlers import Screen
from app.explore.settings import Settings
from app.page.files import fresh_folder
from app.page.lettering import Lettered, lettered
from app.server.models import Loaded
from core.analysis.render import blend, colourise, label_colours, onto_picture
from core.encoding import picture_address
from core.templates import render

WIDTH, MARGIN, GAP, TALLEST = 180, 4, 3, 110
TEXT, LINE = 2.8, 4.2
"""Height of the letters, 8 points, and from one line to the next."""
STRIP = (40, 3)
CHIP = 2.6
PER_INCH = 300
PIXELS = PER_INCH / 25.4
"""Of a millimetre."""
INK = (28, 36, 34)
DIM, DARK = 0.34, 8
"""The ground as the stage dims it: so much of its light, and a little of black's."""


@dataclass(frozen=True)
class Panel:
    """A picture on the sheet."""

    left: float
    top: float
    width: float
    height: float
    image: Image.Image

    def address(self) -> str:
        """It as a `data:` address, without loss."""
        return picture_address(self.image, "PNG")


@dataclass(frozen=True)
class Chip:
    """A square in the colour of what is written beside it."""

    left: float
    top: float
    colour: str
    side: float = CHIP


@dataclass(frozen=True)
class Line:
    left: float
    top: float
    text: str


@dataclass
class Sheet:
    """Everything that is on it; `height` grows while it is filled from above."""

    width: float = WIDTH
    height: float = MARGIN
    panels: list[Panel] = field(default_factory=list)
    strips: list[Panel] = field(default_factory=list)
    chips: list[Chip] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)


def png(folder: Path, screen: Screen, settings: Settings, model: Loaded) -> Path:
    """The sheet as a PNG that says how large it is on paper."""
    path = _path(folder, settings, "png")
    drawn(sheet(screen, settings, model)).save(path, dpi=(PER_INCH, PER_INCH))
    return path


def pdf(folder: Path, screen: Screen, settings: Settings, model: Loaded) -> Path:
    """The sheet as a PDF of one page of its size."""
    path = _path(folder, settings, "pdf")
    drawn(sheet(screen, settings, model)).save(path, "PDF", resolution=PER_INCH, quality=95)
    return path


def svg(folder: Path, screen: Screen, settings: Settings, model: Loaded) -> Path:
    """The sheet as an SVG that needs no other file; its words are text."""
    path = _path(folder, settings, "svg")
    template = Path(__file__).with_name("print.svg.j2")
    path.write_text(render(template, sheet=sheet(screen, settings, model), text=TEXT), encoding="utf-8")
    return path


def sheet(screen: Screen, settings: Settings, model: Loaded) -> Sheet:
    """The view's pictures in rows of one height, and below them what is needed to read them."""
    made = Sheet()
    _place_pictures(made, screen, settings)
    _place_scale(made, screen)
    _place_entries(made, entries(screen))
    block = screen.encoded.layer % model.depth + 1
    origin = f"{settings.view} · {model.source.title} · {settings.size} px · block {block} of {model.depth}"
    usual, chosen = asdict(settings.shown.options()), asdict(settings.options)
    origin += "".join(f" · {name} {value}" for name, value in chosen.items() if value != usual[name])
    for words in (screen.facts, settings.shown.caption, origin):
        for line in wrapped(words.replace("*", ""), WIDTH - 2 * MARGIN):
            made.lines.append(Line(MARGIN, made.height, line))
            made.height += LINE
        made.height += 0.3 * LINE
    made.height += MARGIN
    return made


def entries(screen: Screen) -> list[tuple[str, str]]:
    """(colour, words) of the legend, for a view whose colours stand for groups or for components."""
    reading, basis = screen.painted.reading, screen.painted.basis
    if reading.groups:
        colours = ["#{:02x}{:02x}{:02x}".format(*colour) for colour in label_colours(len(reading.groups))]
        return list(zip(colours, reading.groups, strict=True))
    if basis is not None:
        return list(zip(("#ff0000", "#00ff00", "#0000ff"), reading.names, strict=True))
    return []


def painted(screen: Screen, settings: Settings, index: int, width: int, height: int) -> Image.Image:
    """One picture under its view as the stage shows it at first, at so many pixels."""
    view, layer = settings.shown, screen.painted.layers[index]
    image = screen.encoded.items[index].image.convert("RGB").resize((width, height), Image.Resampling.LANCZOS)
    if screen.histogram:
        mask = np.asarray(Image.fromarray(layer).resize((width, height), Image.Resampling.BICUBIC)) / 255
        opacity = soft_mask(mask, screen.histogram["threshold"], screen.histogram["invert"])[..., None]
        ground = np.asarray(image.convert("L"), np.float32)[..., None] * DIM + DARK
        return Image.fromarray(np.round(np.asarray(image) * opacity + ground * (1 - opacity)).astype(np.uint8))
    geometry = screen.encoded.maps[index].geometry
    return Image.fromarray(blend(image, onto_picture(layer, geometry, height, width, smooth=view.smooth), view.blend))


def drawn(made: Sheet) -> Image.Image:
    """The sheet in pixels, RGB."""
    canvas = Image.new("RGB", (_pixels(made.width), _pixels(made.height)), "white")
    draw = ImageDraw.Draw(canvas)
    for panel in [*made.panels, *made.strips]:
        size = (_pixels(panel.width), _pixels(panel.height))
        canvas.paste(panel.image.resize(size, Image.Resampling.BICUBIC), (_pixels(panel.left), _pixels(panel.top)))
    for chip in made.chips:
        corner = (_pixels(chip.left), _pixels(chip.top))
        draw.rectangle((*corner, *(edge + _pixels(chip.side) for edge in corner)), fill=chip.colour)
    for line, written in zip(made.lines, _lettered([line.text for line in made.lines]), strict=True):
        draw.text((_pixels(line.left), _pixels(line.top)), written.text, fill=INK, font=written.font)
    return canvas


def wrapped(words: str, width: float) -> list[str]:
    """The words in lines of at most `width` millimetres; what is longer than a line is broken."""
    lines: list[str] = []
    for word in _printable(words).split():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and _length(longer) <= width:
            lines[-1] = longer
        else:
            (one,) = _lettered([word])
            lines += one.lines(width * PIXELS)
    return lines


def _place_pictures(made: Sheet, screen: Screen, settings: Settings) -> None:
    images = [item.image for item in screen.encoded.items]
    aspects = [image.width / image.height for image in images]
    count = len(images)
    across = 1 if count == 1 else 2 if count <= 4 else 3
    for start in range(0, count, across):
        row = range(start, min(start + across, count))
        room = WIDTH - 2 * MARGIN - GAP * (len(row) - 1)
        tall = min(room / sum(aspects[i] for i in row), TALLEST)
        left: float = MARGIN
        for i in row:
            wide = aspects[i] * tall
            # no more pixels than the original has, nor than paper shows; one at least
            fine = min(PIXELS, images[i].width / wide)
            size = (max(round(wide * fine), 1), max(round(tall * fine), 1))
            made.panels.append(Panel(left, made.height, wide, tall, painted(screen, settings, i, *size)))
            made.lines.append(Line(left, made.height + tall + 0.6, _shortened(screen.encoded.names[i], wide)))
            left += wide + GAP
        made.height += tall + LINE + 2


def _place_scale(made: Sheet, screen: Screen) -> None:
    legend = screen.painted.legend
    if not legend:
        return
    wide, tall = STRIP
    low, high = str(legend["low"]), str(legend["high"])
    left = MARGIN + _length(low) + 1.5
    colours = Image.fromarray(colourise(np.linspace(0, 1, 256)[None], legend["palette"], 0, 1))
    made.strips.append(Panel(left, made.height, wide, tall, colours))
    made.lines += [Line(MARGIN, made.height, low), Line(left + wide + 1.5, made.height, high)]
    made.height += LINE + 1.5


def _place_entries(made: Sheet, legend: Sequence[tuple[str, str]]) -> None:
    left: float = MARGIN
    for colour, words in legend:
        wide = CHIP + 1.2 + _length(words)
        if left > MARGIN and left + wide > WIDTH - MARGIN:
            left, made.height = MARGIN, made.height + LINE
        made.chips.append(Chip(left, made.height + 0.2, colour))
        made.lines.append(Line(left + CHIP + 1.2, made.height, words))
        left += wide + 4
    made.height += LINE + 1 if legend else 0


def _shortened(name: str, width: float) -> str:
    """As much of a name as fits in so many millimetres, on one line."""
    name = _printable(name)
    (one,) = _lettered([name])
    if _length(name) <= width or not name:
        return name
    return one.lines(max(width - 3, 3) * PIXELS)[0] + "…"


def _printable(words: str) -> str:
    """Without the control characters that no XML may hold."""
    return "".join(letter for letter in words if letter.isprintable())


def _length(words: str) -> float:
    (one,) = _lettered([words])
    return one.font.getlength(one.text) / PIXELS


def _lettered(texts: Sequence[str]) -> list[Lettered]:
    return lettered(texts, round(TEXT * PIXELS))


def _pixels(millimetres: float) -> int:
    return max(round(millimetres * PIXELS), 1)


def _path(folder: Path, settings: Settings, ending: str) -> Path:
    return fresh_folder(folder) / f"dinoscope-{settings.shown.key}-figure.{ending}"
