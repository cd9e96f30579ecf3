"""Figures of what is shown, drawn when a visitor opens them: patches in space, numbers of a view, curves of a run.

Plotly is imported with the first of them.
"""

from dataclasses import replace
from typing import Literal

import numpy as np

from app.explore.handlers import Basis, Screen, show
from app.explore.settings import Settings
from app.explore.view import basis_of
from app.explore.views.pca import PCA
from app.page.figures import Drawn
from app.server.encode import NOTHING_SELECTED
from app.server.engine import Engine
from app.server.models import Loaded
from app.server.session import Pin, Tray
from core import RequestError
from core.analysis.pca import joint_pca
from core.analysis.render import label_colours

SCREE = 12
"""Components whose explained variance is drawn."""


def patches(engine: Engine, tray: Tray, model: Loaded, settings: Settings, basis: Basis | None = None) -> Drawn:
    """The selected pictures' patches along the first three components, in the colours of the PCA view; no figure where
    none is selected. RequestError where a saved basis has fewer than three components.
    """
    from core.figures import patches_in_space

    if not tray.chosen:
        return Drawn("patches", "Patches in 3-D", [], NOTHING_SELECTED)
    options = settings.options if settings.shown is PCA else PCA.options()
    screen = show(engine, tray, model, replace(settings, view=PCA.name, options=options), basis=basis)
    encoded, found = screen.encoded, basis_of(screen.painted)
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


def _by_name(screen: Screen) -> dict[str, np.ndarray]:
    """The view's values by name of the picture; pictures of one name are numbered."""
    names = screen.encoded.names
    numbered = [name if names.count(name) == 1 else f"{name} ({at})" for at, name in enumerate(names, start=1)]
    return dict(zip(numbered, screen.painted.values, strict=True))


def _shares(screen: Screen, settings: Settings, basis: Basis | None) -> list[float]:
    if basis is not None:
        return basis.basis.explained.tolist()
    maps = screen.encoded.maps
    stages: Literal["auto"] | None = "auto" if settings.options.stages == "Two stages" else None
    return joint_pca(maps, min(SCREE, maps[0].patches.shape[-1]), stages).explained.tolist()
