"""Pieces of a page that needs nothing but itself: pictures within, bars and curves drawn as SVG, every text escaped."""

import html
from collections.abc import Sequence
from pathlib import Path

import numpy as np

TICKS = 10
"""A histogram begins at a multiple of one part in so many."""
POINTS = 360
"""Clusters that a curve has a step for, at most."""


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
    last = text(Path(name).name)
    inside = f'<img src="{address}" alt="{last}">' if address else '<span class="muted">picture not found</span>'
    return (
        f'<figure class="picture {kind}" title="{text(name)}"><div class="frame">{inside}</div>'
        f'<figcaption>{text(caption)}<span class="name">{last}</span></figcaption></figure>'
    )


def bars(counts: Sequence[int], mark: float, label: str) -> str:
    """A histogram of values from 0 to 1, from the first that occurs on, with a vertical line at `mark`."""
    occupied = [place for place, count in enumerate(counts) if count]
    first = min([*occupied, int(mark * len(counts)), len(counts) - 1]) * TICKS // len(counts) / TICKS
    skipped = round(first * len(counts))
    most, step = max([*counts, 1]), 100 / (len(counts) - skipped)
    columns = "".join(
        f'<rect class="fill" x="{place * step:.3f}" width="{0.85 * step:.3f}" y="{100 - size:.2f}" height="{size:.2f}">'
        f"<title>{(place + skipped) / len(counts):.3f} and more: {count:,}</title></rect>"
        for place, count in enumerate(counts[skipped:])
        if (size := max(100 * count / most, 1 if count else 0))
    )
    at = 100 * (mark - first) / (1 - first)
    ticks = [f"{first + (1 - first) * part / 4:.3g}" for part in range(5)]
    return _chart(f'{columns}<line class="mark" x1="{at:.2f}" x2="{at:.2f}" y1="0" y2="100"/>', ticks, label)


def curves(first: Sequence[int], second: Sequence[int], label: str) -> str:
    """Shares of two groups in each cluster, each from its fullest to its emptiest, one line each."""
    shares = [np.sort(np.asarray(one, float))[::-1] / max(sum(one), 1) for one in (first, second)]
    most = max(float(one.max()) for one in shares) or 1.0
    lines = []
    for kind, one in zip(("first", "second"), shares, strict=True):
        places = np.unique(np.linspace(0, len(one) - 1, min(len(one), POINTS)).round().astype(int))
        steps = " ".join(
            f"{100 * (place + side) / len(one):.2f},{100 - 98 * one[place] / most:.2f}"
            for place in places
            for side in (0, 1)
        )
        lines.append(f'<polyline class="{kind}" points="{steps}"/>')
    return _chart("".join(lines), [f"fullest, {most:.1%} of the images at the top", "emptiest"], label)


def _chart(drawn: str, ticks: Sequence[str], label: str) -> str:
    """Shapes on a ground of 100 × 100 that is as wide as the page, with words under it."""
    under = "".join(f"<span>{text(tick)}</span>" for tick in ticks)
    return (
        f'<div class="chart"><svg viewBox="0 0 100 100" preserveAspectRatio="none" role="img" aria-label="{text(label)}">'
        f'{drawn}</svg><div class="ticks">{under}</div></div>'
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
