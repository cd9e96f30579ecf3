"""Figures of a training run: its losses and its scores, step by step."""

from pathlib import Path

from app.page.figures import Drawn
from core.records.runs import read_metrics
from core.records.scores import curves
from core.records.timeline import SHIPPED, load_timeline


def of_run(source: str) -> Drawn:
    """The losses and scores of a run folder and whatever else it logged, or of the shipped run where `source` is ""."""
    from core.figures import run_figures

    if source:
        run = Path(source)
        return Drawn("run", run.name, run_figures(curves(run), read_metrics(run)))
    if not SHIPPED.is_file():
        return Drawn("run", "No run ships with this copy", [])
    timeline = load_timeline(SHIPPED)
    return Drawn("run", timeline.title, run_figures(timeline.curves, timeline.losses))
