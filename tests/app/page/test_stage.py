"""What is sent to the stage: cosines that survive eight bits, places that agree with the geometry, sizes, names."""

import base64
import io

import numpy as np
import pytest
import torch
from PIL import Image

from app.explore.payloads import view_prop
from app.explore.views import FOREGROUND, PCA
from app.page.stage import DISPLAY_SIDE, StagePicture, features_prop, pictures_prop
from core import RequestError
from core.analysis.compact import ACCURACY, compact
from core.features import FeatureMap, Geometry, plan_grid


def feature_map(height: int, width: int, size: int = 140, width_of_model: int = 96, rank: int = 12, seed: int = 0):
    """Patches that share `rank` directions and a common part, as a network's do, and a little of everything else."""
    geometry = plan_grid(height, width, size, 14)
    generator = torch.Generator().manual_seed(seed)
    shared = torch.randn(rank, width_of_model, generator=torch.Generator().manual_seed(99))
    weights = torch.randn(geometry.rows, geometry.columns, rank, generator=generator)
    noise = 0.1 * torch.randn(geometry.rows, geometry.columns, width_of_model, generator=generator)
    return FeatureMap(weights @ shared + shared[0] * 2 + noise, torch.zeros(width_of_model), geometry)


def exact_cosines(maps: list[FeatureMap]) -> np.ndarray:
    """Of every patch with every other, straight from the definition, in float64."""
    flat = np.concatenate([m.patches.double().numpy().reshape(-1, m.patches.shape[-1]) for m in maps])
    return flat @ flat.T / np.outer(np.linalg.norm(flat, axis=1), np.linalg.norm(flat, axis=1))


def sent_cosines(prop: dict) -> np.ndarray:
    """The same from what the browser gets, decoded here independently of it."""
    grids = [
        np.frombuffer(base64.b64decode(grid["data"]), np.int8).reshape(grid["rows"] * grid["columns"], prop["dims"])
        for grid in prop["grids"].values()
    ]
    numbers = np.concatenate(grids) * np.asarray(prop["scales"])
    result = numbers @ numbers.T
    np.fill_diagonal(result, 1)
    return result


def test_int8_cosines_are_within_two_hundredths_of_the_exact_ones():
    maps = [feature_map(120, 160, seed=1), feature_map(160, 100, seed=2)]
    difference = np.abs(sent_cosines(features_prop(["a", "b"], maps)) - exact_cosines(maps))
    assert np.quantile(difference, 0.95) <= ACCURACY
    assert difference.max() <= 2 * ACCURACY


def test_with_all_dimensions_kept_only_the_rounding_is_left():
    maps = [feature_map(120, 160, width_of_model=48, seed=3)]
    prop = features_prop(["a"], maps, dims=64)
    assert prop["dims"] == 48
    assert np.abs(sent_cosines(prop) - exact_cosines(maps)).max() < 0.01


def test_dimensions_are_added_where_cosines_would_be_wrong():
    flat_spectrum = feature_map(160, 160, width_of_model=192, rank=192, seed=4)
    few = compact([flat_spectrum], dims=16)
    assert len(few.scales) > 16
    assert few.error <= ACCURACY or len(few.scales) == 192
    assert len(compact([feature_map(160, 160, rank=3, seed=5)], dims=16).scales) == 16


def test_the_promised_error_is_the_measured_one():
    maps = [feature_map(160, 160, seed=6)]
    prop = features_prop(["a"], maps)
    difference = np.abs(sent_cosines(prop) - exact_cosines(maps))
    np.fill_diagonal(difference, 0)
    assert prop["error"] == pytest.approx(np.quantile(difference, 0.95), abs=1e-4)


def test_size_of_the_features_is_one_byte_a_number():
    maps = [feature_map(518, 518, size=518, seed=i) for i in range(4)]
    prop = features_prop(["a", "b", "c", "d"], maps, dims=64)
    assert all(len(grid["data"]) == 4 * -(-37 * 37 * prop["dims"] // 3) for grid in prop["grids"].values())


def test_no_pictures_make_empty_props():
    assert pictures_prop([]) == {"pictures": []}
    assert features_prop([], [])["grids"] == {}


@pytest.mark.parametrize(("height", "width"), [(427, 640), (640, 427), (300, 300), (1200, 90), (2000, 3001)])
def test_the_grid_lies_on_the_picture_where_the_geometry_says(height, width):
    geometry = plan_grid(height, width, 518, 14)
    [sent] = pictures_prop([StagePicture("p1", "a", Image.new("RGB", (width, height)), geometry)])["pictures"]
    left, top, right, bottom = sent["covered"]
    for row, column in [(0, 0), (geometry.rows - 1, geometry.columns - 1), (geometry.rows // 2, geometry.columns // 3)]:
        x = (left + (column + 0.5) / sent["columns"] * (right - left)) * sent["width"]
        y = (top + (row + 0.5) / sent["rows"] * (bottom - top)) * sent["height"]
        assert (x, y) == pytest.approx(geometry.center(row, column))


def test_fractions_of_a_padded_picture_by_hand():
    # 10 × 4 patches of 10 px over 100 × 37 px: the grid is 40 px high and sticks out by 1.5 px at either edge
    geometry = Geometry(height=37, width=100, rows=4, columns=10, patch=14)
    [sent] = pictures_prop([StagePicture("p1", "a", Image.new("RGB", (100, 37)), geometry)])["pictures"]
    assert sent["covered"] == pytest.approx([0, -1.5 / 37, 1, 38.5 / 37])


def test_copies_are_small_and_keep_the_aspect_and_the_original_is_left_alone():
    original = Image.new("RGB", (3000, 2000), "teal")
    name = '<img src=x onerror="alert(1)">.jpg'
    [sent] = pictures_prop([StagePicture("p1", name, original, plan_grid(2000, 3000, 518, 14))])["pictures"]
    copy = opened(sent["uri"])
    assert copy.size == (DISPLAY_SIDE, round(DISPLAY_SIDE * 2 / 3))
    assert (sent["width"], sent["height"], original.size) == (3000, 2000, (3000, 2000))
    assert sent["name"] == name


def test_layers_arrive_as_they_are():
    generator = np.random.default_rng(0)
    colours = generator.integers(0, 256, (25, 37, 3), dtype=np.uint8)
    scores = generator.integers(0, 256, (40, 60), dtype=np.uint8)
    sent = view_prop(PCA, {"a": colours}, legend={"palette": "magma"})
    assert np.array_equal(np.asarray(opened(sent["layers"]["a"])), colours)
    assert sent["aligned"] == "grid"
    sent = view_prop(FOREGROUND, {"a": scores}, aligned="picture", histogram={"threshold": 0.3, "invert": True})
    assert np.array_equal(np.asarray(opened(sent["layers"]["a"])), scores)
    assert (sent["threshold"], sent["invert"]) == (0.3, True)


def read(sent: dict, shape: tuple[int, ...]) -> np.ndarray:
    return np.frombuffer(base64.b64decode(sent["data"]), f"<{sent['kind']}").reshape(shape)


def test_the_numbers_behind_a_layer_are_sent_as_small_as_they_can_be():
    generator = np.random.default_rng(0)
    for values, kind in (
        (generator.integers(0, 12, (25, 37)), "u1"),
        (generator.integers(-1, 12, (3, 4)), "f2"),
        (generator.random((25, 37, 3), np.float32), "f2"),
        (generator.random((25, 37), np.float32) * 1e-3, "f2"),
        (generator.random((5, 7), np.float32) * 1e5, "f4"),
    ):
        sent = view_prop(PCA, {}, values={"a": values})["numbers"]["a"]
        assert (sent["rows"], sent["columns"], sent["kind"]) == (*values.shape[:2], kind)
        assert np.allclose(read(sent, values.shape), values, rtol=6e-4, atol=1e-7)


def test_a_wrong_alignment_is_refused_by_name():
    with pytest.raises(RequestError, match=r"'left'.*'grid' or 'picture'"):
        view_prop(PCA, {}, aligned="left")


def opened(uri: str) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(uri.partition("base64,")[2])))
