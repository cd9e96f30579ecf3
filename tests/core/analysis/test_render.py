import numpy as np
import plotly.colors
import pytest
import torch
from PIL import Image

from core.analysis.render import blend, colourise, label_colours, onto_picture
from core.errors import RequestError
from core.features import Geometry
from core.pictures.geometry import plan_grid


@pytest.mark.parametrize("palette", ["viridis", "magma", "cividis"])
def test_a_palette_passes_through_plotlys_stops(palette):
    stops = [plotly.colors.hex_to_rgb(code) for code in getattr(plotly.colors.sequential, palette.capitalize())]
    values = np.linspace(0, 1, len(stops))[None]
    assert np.abs(colourise(values, palette)[0].astype(int) - np.array(stops)).max() <= 3  # 256 steps between them


def test_values_are_clipped_to_the_limits_and_equal_ones_are_even():
    colours = colourise(torch.tensor([[-5.0, 0.0, 1.0, 7.0]]), "magma", 0.0, 1.0)
    assert colours.dtype == np.uint8
    assert (colours[0, 0] == colours[0, 1]).all()
    assert (colours[0, 2] == colours[0, 3]).all()
    assert len(np.unique(colourise(np.ones((3, 3))).reshape(-1, 3), axis=0)) == 1


def test_what_cannot_be_coloured_is_refused():
    for values in (np.array([[np.nan, 1.0]]), np.array([[np.inf]]), np.zeros((0, 3))):
        with pytest.raises(RequestError, match="finite"):
            colourise(values)
    with pytest.raises(RequestError, match="choose viridis"):
        colourise(np.ones((1, 1)), "jet")


def test_label_colours_differ_and_keep_their_places():
    assert label_colours(24).shape == (24, 3)
    assert len(np.unique(label_colours(24), axis=0)) == 24
    assert (label_colours(24)[:6] == label_colours(6)).all()
    assert label_colours(1).tolist() == [[230, 159, 0]]


@pytest.mark.parametrize("size", [(427, 640), (640, 427), (300, 451), (100, 1000), (5, 400)])
def test_one_lit_patch_lands_exactly_on_its_box(size):
    geometry = plan_grid(*size, 518, 14)
    for row in range(0, geometry.rows, 5):
        for column in range(0, geometry.columns, 7):
            small = np.zeros((geometry.rows, geometry.columns, 1), dtype=np.uint8)
            small[row, column] = 1
            lit = np.argwhere(onto_picture(small, geometry, *size, smooth=False)[..., 0])
            left, top, right, bottom = geometry.box(row, column)
            ys = [y for y in range(size[0]) if top <= y + 0.5 < bottom]
            xs = [x for x in range(size[1]) if left <= x + 0.5 < right]
            assert {tuple(pixel) for pixel in lit.tolist()} >= {(y, x) for y in ys for x in xs}
            assert all(geometry.patch_at(x + 0.5, y + 0.5) == (row, column) for y, x in lit.tolist())


def test_smooth_rendering_reproduces_a_ramp_and_keeps_uint8():
    geometry = Geometry(100, 100, 10, 10, 14)
    ramp = (torch.arange(10.0) * 10 + 5).expand(10, 10).unsqueeze(-1)  # each patch has its centre's x
    painted = onto_picture(ramp, geometry, 100, 100)[..., 0]
    np.testing.assert_allclose(painted[50, 5:95], np.arange(5, 95) + 0.5, atol=1e-4)
    assert onto_picture(ramp.numpy().astype(np.uint8), geometry, 50, 50).dtype == np.uint8


def test_a_single_patch_fills_the_picture():
    for smooth in (True, False):
        assert (onto_picture(np.full((1, 1, 3), 7.0), Geometry(9, 9, 1, 1, 14), 9, 9, smooth=smooth) == 7).all()


def test_values_of_another_grid_are_refused():
    with pytest.raises(RequestError, match="10×10"):
        onto_picture(np.zeros((9, 10, 3)), Geometry(100, 100, 10, 10, 14), 100, 100)


def test_blending_mixes_and_refuses_another_size():
    picture = Image.new("RGB", (4, 2), (100, 0, 0))
    over = np.full((2, 4, 3), 200, dtype=np.uint8)
    assert blend(picture, over, 0.5)[0, 0].tolist() == [150, 100, 100]
    assert blend(picture, over, 0.0)[0, 0].tolist() == [100, 0, 0]
    with pytest.raises(RequestError, match="onto_picture"):
        blend(picture, over[:1], 0.5)
