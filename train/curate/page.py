"""Pieces of a page that needs nothing but itself: pictures within, bars and curves drawn as SVG, every text escaped."""

import html
from collections.abc import Sequence
from pathlib import Path

import numpy as np

SHOWN_NAME = 42
"""Letters of a name that a caption shows; all of it stands in the tooltip."""


def text(value: object) -> str:
    """Any value as text of a page: nothing in it is taken for HTML."""
    return html.escape(str(value), quote=True)


def page(title: str, body: str) -> str:
    """A whole HTML document that may load nothing from anywhere."""
    style = Path(__file__).with_name("report.css").read_text(encoding="utf-8")
    policy = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        f"<title>{text(title)}</title>\n<style>\n{style}</style>\n</head>\n<body>\n<main>\n{body}\n</main>\n</body>\n</html>\n"
    )


def table(head: Sequence[str], rows: Sequence[Sequence[object]], here: int | None = None) -> str:
    """Rows under a head; numbers to the right, the row `here` in bold."""
    first = "".join(f"<th>{text(word)}</th>" for word in head)
    lines = []
    for place, row in enumerate(rows):
        cells = "".join(
            f'<td class="number">{number(value)}</td>' if isinstance(value, int | float) else f"<td>{text(value)}</td>"
            for value in row
        )
        kind = ' class="here"' if place == here else ""
        lines.append(f"<tr{kind}>{cells}</tr>")
    return f'<div class="scroll"><table><tr>{first}</tr>{"".join(lines)}</table></div>'


def number(value: float) -> str:
    """With separators; three decimals where it is no whole number.

    >>> number(1234567), number(0.25)
    ('1,234,567', '0.250')
    """
    return f"{value:,}" if isinstance(value, int) else f"{value:,.3f}"


def picture(address: str | None, name: str, caption: str, kind: str = "") -> str:
    """A framed picture with a caption; `kind` is kept, gone or nothing, and colours the frame."""
    short = name if len(name) <= SHOWN_NAME else f"…{name[-SHOWN_NAME:]}"
    alt = text(Path(name).name)
    inside = f'<img src="{address}" alt="{alt}">' if address else '<span class="muted">picture not found</span>'
    return (
        f'<figure class="picture {kind}" title="{text(name)}"><div class="frame">{inside}</div>'
        f"<figcaption>{text(caption)}<br>{text(Path(short).name)}</figcaption></figure>"
    )


def bars(counts: Sequence[int], mark: float, label: str) -> str:
    """A histogram of values from 0 to 1 with a vertical line at `mark`."""
    width, height, foot = 720, 140, 24
    most, step = max([*counts, 1]), width / max(len(counts), 1)
    columns = "".join(
        f'<rect class="fill" x="{place * step:.1f}" width="{step - 1:.1f}" y="{height - size:.1f}" height="{size:.1f}">'
        f"<title>{place / len(counts):.2f}–{(place + 1) / len(counts):.2f}: {count:,}</title></rect>"
        for place, count in enumerate(counts)
        if (size := max(height * count / most, 1.5 if count else 0))
    )
    ticks = "".join(_tick(width * tenth / 10, f"{tenth / 10:.1f}", height + 16, tenth, 10) for tenth in range(0, 11, 2))
    return (
        f'<svg viewBox="0 0 {width} {height + foot}" role="img" aria-label="{text(label)}">{columns}'
        f'<line class="axis" x1="0" x2="{width}" y1="{height}" y2="{height}"/>'
        f'<line class="mark" x1="{mark * width:.1f}" x2="{mark * width:.1f}" y1="0" y2="{height}"/>{ticks}</svg>'
    )


def curves(first: Sequence[int], second: Sequence[int], label: str) -> str:
    """Shares of two groups of clusters, each from its fullest to its emptiest, one line each."""
    width, height, foot = 720, 180, 24
    shares = [np.sort(np.asarray(one, float))[::-1] / max(sum(one), 1) for one in (first, second)]
    most = max([float(one.max(initial=0)) for one in shares] + [1e-9])
    lines = []
    for kind, one in zip(("first", "second"), shares, strict=True):
        places = np.unique(np.linspace(0, len(one) - 1, min(len(one), 360)).round().astype(int)) if len(one) else []
        steps = " ".join(
            f"{width * place / len(one):.1f},{height - height * one[place] / most:.1f} "
            f"{width * (place + 1) / len(one):.1f},{height - height * one[place] / most:.1f}"
            for place in places
        )
        lines.append(f'<polyline class="{kind}" points="{steps}"/>')
    ticks = _tick(0, "fullest cluster", height + 16, 0, 1) + _tick(width, "emptiest", height + 16, 1, 1)
    return (
        f'<svg viewBox="0 -2 {width} {height + foot + 2}" role="img" aria-label="{text(label)}">'
        f'<line class="axis" x1="0" x2="{width}" y1="{height}" y2="{height}"/>{"".join(lines)}{ticks}'
        f'<text x="{width / 2}" y="12" text-anchor="middle">fullest: {most:.1%} of the images</text></svg>'
    )


def funnel(rows: Sequence[tuple[str, int, str]]) -> str:
    """What is left after each step as bars: (words, images, what was dropped and why)."""
    most = max([count for _, count, _ in rows] + [1])
    return (
        '<div class="funnel">'
        + "".join(
            f'<span>{text(words)}</span><span class="number">{count:,}</span>'
            f'<span class="bar"><i style="width:{100 * count / most:.2f}%"></i></span>'
            + (f'<span class="why">{text(why)}</span>' if why else "")
            for words, count, why in rows
        )
        + "</div>"
    )


def _tick(x: float, words: str, y: float, place: int, last: int) -> str:
    anchor = "start" if place == 0 else "end" if place == last else "middle"
    return f'<text x="{x:.1f}" y="{y}" text-anchor="{anchor}">{text(words)}</text>'
