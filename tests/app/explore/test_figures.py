"""Figures of what is shown: the numbers in them are those of the view, and nothing is drawn of nothing."""

from pathlib import Path

import numpy as np
import pytest

from app.emergence.figures import of_run
from app.explore import figures
from app.explore.handlers import Basis, read_basis, show
from app.explore.settings import Settings
from app.explore.views import pca, segments
from app.server.session import Tray
from app.server.trays import open_tray
from core import RequestError
from core.analysis.pca import joint_pca
from tests.app.small import SIZE

SETTINGS = Settings(size=SIZE)


@pytest.fixture
def shown(engine):
    """Engine, tray and model of a page just opened."""
    return engine, open_tray(engine, "ada"), engine.models.get("small")


def test_patches_lie_along_the_first_three_components_in_the_colours_of_the_view(shown):
    screen = show(*shown, SETTINGS)
    maps = screen.encoded.maps
    expected = joint_pca(maps, 3).basis.project(maps[1].patches)
    for settings in (SETTINGS, Settings("Norms", size=SIZE)):
        (made,) = figures.patches(*shown, settings).figures
        assert [trace.meta for trace in made.data] == list(screen.encoded.ids)
        found = np.stack([made.data[1].x, made.data[1].y, made.data[1].z], 1)
        assert found == pytest.approx(expected.reshape(-1, 3).numpy(), abs=1e-4)
        red, green, blue = screen.painted.layers[1].reshape(-1, 3)[5]
        assert made.data[1].marker.color[5] == f"#{red:02x}{green:02x}{blue:02x}"
    (flipped,) = figures.patches(*shown, Settings("PCA", size=SIZE, options=pca.Options(flip=True))).figures
    assert flipped.data[1].marker.color[5] == f"#{255 - red:02x}{255 - green:02x}{255 - blue:02x}"


def test_a_saved_basis_places_the_patches_and_needs_three_components(shown, tmp_path):
    maps = show(*shown, SETTINGS).encoded.maps

    def saved(components: int) -> Basis:
        joint_pca(maps[:1], components).basis.save(tmp_path / f"{components}.safetensors")
        return read_basis(tmp_path / f"{components}.safetensors")

    (made,) = figures.patches(*shown, SETTINGS, saved(3)).figures
    assert made.data[0].x[:2] == pytest.approx(saved(3).basis.project(maps[0].patches)[0, :2, 0].numpy(), abs=1e-4)
    with pytest.raises(RequestError, match="2 components; patches in space want three"):
        figures.patches(*shown, Settings("PCA", size=SIZE, options=pca.Options(red=1, green=1, blue=2)), saved(2))


def test_each_view_has_the_figure_of_its_numbers(shown):
    def figure(view: str):
        (made,) = figures.of_view(*shown, Settings(view, size=SIZE)).figures
        return made

    shares = figure("PCA").data[0].y
    assert len(shares) == figures.SCREE and shares[:3] == pytest.approx(show(*shown, SETTINGS).painted.explained)
    norms, patches = figure("Norms"), (SIZE // 14) ** 2
    assert norms.layout.title.text == "Norms" and len(norms.data) == 4
    assert all(0 < sum(trace.y) <= patches for trace in norms.data)
    found = show(*shown, Settings("Foreground", size=SIZE)).painted.found
    assert figure("Foreground").layout.shapes[0].x0 == pytest.approx(found.threshold)
    assert figure("Attention").layout.title.text == "Attention"
    sizes = figure("Segments")
    assert len(sizes.data) == segments.Options().segments
    assert sum(trace.x[0] for trace in sizes.data) == pytest.approx(1)


def test_of_nothing_there_is_no_figure_and_no_page(shown, tmp_path):
    engine, _, model = shown
    for drawn in (figures.patches(engine, Tray(), model, SETTINGS), figures.of_view(engine, Tray(), model, SETTINGS)):
        assert drawn.texts() == []
        with pytest.raises(RequestError, match=r"nothing to draw yet\. No picture is selected"):
            drawn.page(tmp_path)


def test_a_run_folder_and_the_shipped_run_are_drawn(tmp_path):
    (tmp_path / "metrics.jsonl").write_text('{"step": 10, "loss": 2.5}\n', encoding="utf-8")
    drawn = of_run(str(tmp_path))
    assert drawn.title == tmp_path.name and drawn.figures[0].data[0].y == (2.5,)
    titles = [figure.layout.title.text for figure in of_run("").figures]
    assert titles[0] == "Losses" and "k-NN category" in titles
    page: Path = drawn.page(tmp_path)
    assert page.name == "dinoscope-run.html" and "Plotly.newPlot" in page.read_text(encoding="utf-8")
