"""Figures of what is shown, drawn when a visitor opens them: patches in space, numbers of a view, curves of a run.

Plotly is imported with the first of them.
"""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from app.explore.downloads import fresh_folder
from app.explore.handlers import NOTHING_SELECTED, Basis, Screen, show
from app.explore.views.pca import PCA
from app.server.engine import Engine
from app.server.models import Loaded
from app.server.session import Pin, Settings, Tray
from core import RequestError
from core.analysis.pca import joint_pca
from core.analysis.render import label_colours
from core.records.runs import read_metrics
from core.records.scores import curves
from core.records.timeline import SHIPPED, load_timeline

SCREE = 12
"""Components whose explained variance is drawn."""


@dataclass(frozen=True)
class Drawn:
    """Figures of one kind: their name as a file, a title, and what they show, in a sentence."""

    stem: str
    title: str
    figures: list
    """`plotly.graph_objects.Figure` each."""
    note: str = ""

    def texts(self) -> list[str]:
        """The figures as the browser takes them, JSON each."""
        from core.figures import as_json

        return list(map(as_json, self.figures))

    def page(self, folder: Path) -> Path:
        """One HTML file with all of them in a new folder under `folder`; it opens without a network. RequestError where
        there is none."""
        from core.figures import save_page

        if not self.figures:
            raise RequestError(f"There is nothing to draw yet. {self.note}")

        return save_page(fresh_folder(folder) / f"dinoscope-{self.stem}.html", self.title, self.figures, self.note)


def patches(engine: Engine, tray: Tray, model: Loaded, settings: Settings, basis: Basis | None = None) -> Drawn:
    """The selected pictures' patches along the first three components, in the colours of the PCA view; no figure where
    none is selected. RequestError where a saved basis has fewer than three components.
    """
    from core.figures import patches_in_space

    if not tray.chosen:
        return Drawn("patches", "Patches in 3-D", [], NOTHING_SELECTED)
    options = settings.options if settings.shown is PCA else PCA.options()
    screen = show(engine, tray, model, replace(settings, view=PCA.name, options=options), basis=basis)
    encoded, found = screen.encoded, screen.painted.basis
    if len(found.explained) < 3:
        raise RequestError(f"This basis has {len(found.explained)} components; patches in space want three.")
    places = [found.project(feature_map.patches)[..., :3].numpy() for feature_map in encoded.maps]
    shares = found.explained[:3].tolist()
    figure = patches_in_space(encoded.names, encoded.ids, places, screen.painted.layers, shares)
    note = (
        f"Every point is a patch of {model.source.name}'s features at {settings.size} pixels. Near points are similar "
        f"in what {sum(shares):.0%} of the variance tells; colours are those of the PCA view."
    )
    return Drawn("patches", "Patches in 3-D", [figure], note)


def of_view(
    engine: Engine, tray: Tray, model: Loaded, settings: Settings, pin: Pin | None = None, basis: Basis | None = None
) -> Drawn:
    """The numbers behind the view that is shown: explained variance, sizes of groups, or a histogram of the values; no
    figure where no picture is selected.
    """
    from core.figures import explained_variance, group_sizes, histogram

    if not tray.chosen:
        return Drawn("view", settings.view, [], NOTHING_SELECTED)
    screen = show(engine, tray, model, settings, pin=pin, basis=basis)
    painted, view = screen.painted, settings.view
    values = _by_name(screen)
    if painted.basis is not None:
        figure = explained_variance(_shares(screen, settings, basis))
    elif all(np.issubdtype(one.dtype, np.integer) for one in values.values()):
        figure = group_sizes(values, label_colours(1 + max(int(one.max()) for one in values.values())))
    else:
        marks = {"median": float(np.median(np.concatenate([one.ravel() for one in values.values()])))}
        if screen.histogram:
            marks = {"threshold": screen.histogram["threshold"]}
        figure = histogram(view, values, marks)
    return Drawn(
        view.lower(), view, [figure], f"{model.source.name} at {settings.size} pixels. {settings.shown.caption}"
    )


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


def _by_name(screen: Screen) -> dict[str, np.ndarray]:
    """The view's values by name of the picture; pictures of one name are numbered."""
    names = screen.encoded.names
    told = [name if names.count(name) == 1 else f"{name} ({at})" for at, name in enumerate(names, start=1)]
    return dict(zip(told, screen.painted.values, strict=True))


def _shares(screen: Screen, settings: Settings, basis: Basis | None) -> list[float]:
    if basis is not None:
        return basis.basis.explained.tolist()
    maps = screen.encoded.maps
    stages = "auto" if settings.options.stages == "Two stages" else None
    return joint_pca(maps, min(SCREE, maps[0].patches.shape[-1]), stages).explained.tolist()
