"""Figures that people look at and take away, drawn by Plotly: curves of a run, variances, histograms, patches in space.

Importing this takes a tenth of a second, the first figure most of one: import it where a figure is asked for. Names of
pictures and measures are shown as they are: Plotly would read some HTML in them.

h w patch grid, N patches of one picture.
"""

import html
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import plotly.graph_objects as go
from plotly.offline import get_plotlyjs

from core.analysis.render import OKABE_ITO
from core.files import write_whole
from core.records.scores import Curve
from core.records.timeline import LOSSES
from core.templates import render

COLOURS = ["rgb(0,114,178)", "rgb(213,94,0)", "rgb(0,158,115)", "rgb(204,121,167)", "rgb(230,159,0)", "rgb(86,180,233)"]
"""Of Okabe and Ito's, those that are seen on white and on black, the darkest first."""
GREY = "rgb({},{},{})".format(*OKABE_ITO[-1])
SYMBOLS = ("circle", "square", "diamond", "cross", "x", "circle-open", "square-open", "diamond-open")
"""One for each picture in space."""
BINS = 40
FEW = 40
"""Points of a curve up to which each is marked."""
CONFIG = {
    "displaylogo": False,
    "responsive": True,
    "modeBarButtonsToRemove": ["sendChartToCloud"],
    "toImageButtonOptions": {"format": "svg"},
}
"""Plotly's settings for a figure: one of its buttons saves the picture as SVG, none sends it to another host."""


def figure(title: str, x: str = "", y: str = "", **layout) -> go.Figure:
    """An empty figure with its title and the names of its axes."""
    made = go.Figure()
    usual = {
        "title": {"text": _text(title), "font": {"size": 14}, "x": 0.02, "xanchor": "left"},
        "xaxis": {"title": {"text": _text(x)}, "automargin": True},
        "yaxis": {"title": {"text": _text(y)}, "automargin": True},
        "template": "none",
        "colorway": COLOURS,
        "margin": {"l": 56, "r": 16, "t": 40, "b": 44},
        "legend": {"orientation": "h", "y": -0.25},
        "hovermode": "x unified",
    }
    made.update_layout(**(usual | layout))
    return made


def run_figures(curves: Sequence[Curve], lines: Sequence[Mapping[str, float]]) -> list[go.Figure]:
    """A run's losses in one figure, then each score with what it is compared with, then whatever else was logged.

    `lines`: {"step": ..., name: value, ...} each, by step, as `core.records.runs.read_metrics` gives them.
    """
    figures = []
    losses = [name for name in LOSSES if any(name in line for line in lines)]
    if losses:
        figures.append(figure("Losses", "step", "loss"))
        for name in losses:
            figures[-1].add_scatter(**_line(lines, name), name=name, line={"width": 3 if name == "loss" else 1.5})
    figures += [_score(curve) for curve in curves if curve.points]
    names = dict.fromkeys(name for line in lines for name in line if name not in ("step", *LOSSES))
    for name in names:
        figures.append(figure(name.replace("_", " "), "step"))
        figures[-1].add_scatter(**_line(lines, name), name=_text(name), showlegend=False)
    return figures


def explained_variance(shares: Sequence[float]) -> go.Figure:
    """The share of the variance along each component, 0..1, and of all up to it together."""
    numbers = list(range(1, len(shares) + 1))
    made = figure("Explained variance", "component", "share of the variance")
    made.add_bar(x=numbers, y=list(shares), name="this component")
    made.add_scatter(
        x=numbers, y=np.cumsum(shares).tolist(), name="together with those before it", mode="lines+markers"
    )
    made.update_xaxes(dtick=1)
    made.update_yaxes(tickformat=".0%", rangemode="tozero")
    return made


def histogram(title: str, values: Mapping[str, np.ndarray], marks: Mapping[str, float]) -> go.Figure:
    """A histogram of the values of each named picture's patches, all in the same BINS; `marks` are drawn as lines across.

    `values`: by name of the picture, [h, w] each. Numbers of patches lie on a logarithmic axis, so that few are seen.
    """
    edges = np.histogram_bin_edges(np.concatenate([one.ravel() for one in values.values()]), BINS)
    centres = (edges[:-1] + edges[1:]) / 2
    made = figure(title, title.lower(), "patches")
    for name, one in values.items():
        counts, _ = np.histogram(one, edges)
        made.add_scatter(x=centres, y=counts, name=_text(name), line={"shape": "hvh"})
    for name, value in marks.items():
        made.add_vline(value, line={"dash": "dot", "color": GREY}, annotation={"text": f"{_text(name)} {value:.2f}"})
    made.update_yaxes(type="log")
    return made


def group_sizes(labels: Mapping[str, np.ndarray], colours: np.ndarray) -> go.Figure:
    """Which share of each named picture's patches [h, w] int belongs to which group, `colours` [K, 3] uint8."""
    made = figure("Sizes of the groups", "share of the patches", barmode="stack", hovermode="closest")
    counts = [np.bincount(one.ravel(), minlength=len(colours)) / one.size for one in labels.values()]
    for group, colour in enumerate(colours):
        shares = [share[group] for share in counts]
        names = [_text(name) for name in labels]
        made.add_bar(x=shares, y=names, orientation="h", name=f"group {group + 1}", marker={"color": css(colour)})
    made.update_xaxes(tickformat=".0%")
    return made


def css(colour: Iterable[int]) -> str:
    """A colour [3] in 0..255 as CSS.

    >>> css((255, 0, 16))
    '#ff0010'
    """
    return "#{:02x}{:02x}{:02x}".format(*colour)


def patches_in_space(
    names: Sequence[str],
    ids: Sequence[str],
    places: Sequence[np.ndarray],
    colours: Sequence[np.ndarray],
    shares: Sequence[float],
) -> go.Figure:
    """The patches of several pictures as points in space, a trace for each picture, whose `meta` is the picture's id.

    `places` [h, w, 3] coordinates, `colours` [h, w, 3] uint8, `shares` the part of the variance along each of the
    three. A point's number in its trace is row · w + column.
    """
    made = go.Figure()
    for number, (name, identity, where, colour) in enumerate(zip(names, ids, places, colours, strict=True)):
        x, y, z = where.reshape(-1, 3).T.astype(np.float32)
        rows, columns = np.indices(where.shape[:2])
        made.add_scatter3d(
            x=x, y=y, z=z, mode="markers", name=_text(name), meta=identity,
            customdata=np.stack([rows.ravel() + 1, columns.ravel() + 1], 1).astype(np.uint16),
            marker={
                "color": [css(one) for one in colour.reshape(-1, 3)],
                "size": 3.5, "symbol": SYMBOLS[number % len(SYMBOLS)], "line": {"width": 0},
            },
            hovertemplate=_text(name) + "<br>row %{customdata[0]}, column %{customdata[1]}<extra></extra>",
        )  # fmt: skip
    axes = zip("xyz", shares, strict=True)
    made.update_layout(
        template="none",
        margin={"l": 0, "r": 0, "t": 0, "b": 0},
        uirevision="patches",  # the visitor's angle stays when the points change
        legend={"orientation": "h", "y": -0.02, "itemsizing": "constant"},
        scene={"aspectmode": "data", "camera": {"eye": {"x": 1.6, "y": 1.6, "z": 1.0}}}
        | {
            f"{axis}axis": {"title": {"text": f"component {number} ({share:.0%})"}, "showspikes": False}
            for number, (axis, share) in enumerate(axes, start=1)
        },
    )
    return made


def as_json(figure: go.Figure) -> str:
    """A figure as Plotly's script takes it: an object with `data`, `layout` and `config`."""
    return json.dumps(json.loads(figure.to_json()) | {"config": CONFIG})


def save_page(path: Path, title: str, figures: Sequence[go.Figure], note: str = "") -> Path:
    """Figures as one HTML file with Plotly's script in it: it asks no network for anything. Whole or not at all."""
    page = render(
        Path(__file__).with_name("figures.html.j2"),
        title=title,
        note=note,
        library=get_plotlyjs(),
        # in a script element only its own end tag and the start of a comment mean anything
        figures=f"[{', '.join(map(as_json, figures))}]".replace("<", "\\u003c"),
    )
    write_whole(path, page)
    return path


def _text(words: str) -> str:
    """Words as Plotly's HTML that means nothing but them; quotes it would show as `&quot;`."""
    return html.escape(words, quote=False)


def _line(lines: Sequence[Mapping[str, float]], name: str) -> dict:
    points = [(line["step"], line[name]) for line in lines if name in line]
    mode = "lines" if len(points) > FEW else "lines+markers"  # a line of one point is not seen
    return {"x": [step for step, _ in points], "y": [value for _, value in points], "mode": mode}


def _score(curve: Curve) -> go.Figure:
    """Over the logarithm of the step, since a run is looked at after 0, 1, 2, 4, … of them."""
    steps, readings = list(curve.points), list(curve.points.values())
    places = np.log2(np.array(steps) + 1.0).tolist()
    better = "" if curve.rises else " (less is better)"
    made = figure(f"{curve.title}{better}", "step", hovermode="closest")
    band = {"mode": "lines", "line": {"width": 0}, "showlegend": False, "hoverinfo": "skip"}
    made.add_scatter(x=places, y=[one.high for one in readings], **band)
    made.add_scatter(x=places, y=[one.low for one in readings], fill="tonexty", fillcolor="rgba(0,114,178,0.2)", **band)
    made.add_scatter(
        x=places, y=[one.value for one in readings], name="this run", mode="lines+markers", line={"color": COLOURS[0]},
        customdata=steps, hovertemplate="step %{customdata:,}: %{y:.3f}<extra></extra>",
    )  # fmt: skip
    for number, (name, value) in enumerate({"chance": curve.chance, **curve.baselines}.items(), start=1):
        colour = GREY if name == "chance" else COLOURS[number % len(COLOURS)]
        dashed = {"dash": "dot", "color": colour}
        made.add_scatter(x=[places[0], places[-1]], y=[value, value], name=_text(name), mode="lines", line=dashed)
    apart = [at for at, place in enumerate(places) if not at or place - places[at - 1] > 0.5]  # legible
    made.update_xaxes(tickvals=[places[at] for at in apart], ticktext=[f"{steps[at]:,}" for at in apart])
    return made
