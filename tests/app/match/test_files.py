import csv
import io
import json
import xml.etree.ElementTree as ET

import numpy as np
import pytest
import torch
from PIL import Image

from app.match import files, handlers, sheet
from app.match.handlers import MatchSettings
from app.match.payloads import matches_prop
from app.server.session import Tray
from app.server.uploads import add_bytes
from core.analysis.matching import Matches
from core.features import Geometry
from tests.app.small import SIZE, photograph

NAMES = ["=HYPERLINK(1).png", '<script>"&.png', "три.png"]


@pytest.fixture
def shown(engine):
    """A function: settings → (screen, settings, model), of three pictures with names that mean something else."""
    tray = Tray("ada")
    for seed, (name, size) in enumerate(zip(NAMES, [(160, 120), (90, 150), (120, 120)], strict=True)):
        tray = add_bytes(engine.library, tray, photograph(seed, *size), name)
    model = engine.models.get("small")
    return lambda settings: (handlers.show(engine, tray, model, settings), settings, model)


def test_json_and_csv_hold_the_same_points(shown, tmp_path):
    screen, settings, model = shown(MatchSettings(size=SIZE, density=1))
    content = json.loads(files.points_json(tmp_path, screen, settings, model).read_text("utf-8"))
    assert content["reference"] == NAMES[0] and content["provenance"]["settings"]["density"] == 1
    assert [pair["picture"] for pair in content["matches"]] == NAMES[1:]
    expected = screen.pairs[2]
    points = np.array(content["matches"][1]["points"])
    assert len(points) == len(expected) > 0
    assert np.allclose(points[:, :2], expected.points_a, atol=0.01)
    assert np.allclose(points[:, 4], expected.scores, atol=1e-4)
    text = files.points_csv(tmp_path, screen, settings, model).read_text("utf-8-sig")
    header, *rows = csv.reader(io.StringIO(text))
    assert tuple(header) == files.COLUMNS
    assert len(rows) == sum(map(len, screen.pairs.values()))
    assert {row[0] for row in rows} == {"'=HYPERLINK(1).png"}
    assert [float(value) for value in rows[-1][2:]] == points[-1].tolist()


def test_a_sheet_of_very_wide_pictures_stays_of_a_size_that_can_be_drawn():
    image, geometry = Image.new("RGB", (5000, 2)), Geometry(2, 5000, 1, 8, 14)
    pictures = [sheet.SheetPicture(str(number), image, geometry) for number in range(3)]
    drawn = sheet.png(sheet.lay_out(pictures, 0, {}))
    assert drawn.width <= sheet.WIDEST + 2 * sheet.MARGIN and drawn.height < sheet.TALL


@pytest.mark.parametrize("show", ["Lines", "Dots", "Parts"])
def test_the_sheet_as_svg_is_well_formed_and_names_are_text(shown, tmp_path, show):
    screen, settings, model = shown(MatchSettings(size=SIZE, show=show, density=1))
    root = ET.parse(files.picture_svg(tmp_path, screen, settings, model)).getroot()
    count = sum(map(len, screen.pairs.values()))
    tags = [node.tag.rpartition("}")[2] for node in root.iter()]
    assert tags.count("image") == 3
    assert tags.count("line") == (count if show == "Lines" else 0)
    assert tags.count("circle") == (0 if show == "Parts" else 2 * count)
    assert tags.count("script") == 0
    assert [node.text for node in root.iter() if node.tag.endswith("}text")] == NAMES


@pytest.mark.parametrize("show", ["Lines", "Parts"])
def test_the_sheet_as_png_is_as_large_as_its_svg(shown, tmp_path, show):
    screen, settings, model = shown(MatchSettings(size=SIZE, show=show))
    root = ET.parse(files.picture_svg(tmp_path, screen, settings, model)).getroot()
    with Image.open(files.picture_png(tmp_path, screen, settings, model)) as image:
        assert image.size == (int(root.get("width")), int(root.get("height")))


def match_of(a: list[float], b: list[float]) -> Matches:
    patches = torch.zeros(1, 2, dtype=torch.int64)
    return Matches(torch.tensor([a]), torch.tensor([b]), torch.ones(1), patches, patches)


def test_lines_join_the_places_by_hand():
    geometry = Geometry(100, 200, 5, 10, 14)
    pictures = [sheet.SheetPicture(str(number), Image.new("RGB", (200, 100), "navy"), geometry) for number in range(2)]
    made = sheet.lay_out(pictures, 0, {1: match_of([50.0, 50.0], [150.0, 25.0])})
    (start, end, _), (left, top, width, height) = made.segments[0], made.boxes[0]
    assert (width, height) == (2 * sheet.TALL, sheet.TALL)
    assert start == (left + width / 4, top + height / 2)
    left, top, width, height = made.boxes[1]
    assert end == (left + width * 3 / 4, top + height / 4)
    middle = [round((a + b) / 2) for a, b in zip(start, end, strict=True)]
    assert sheet.png(made).getpixel(tuple(middle)) not in ((0, 0, 128), (255, 255, 255))
    assert sheet.png(made).getpixel((sheet.MARGIN + 3, sheet.MARGIN + 3)) == (0, 0, 128)


def test_any_number_of_pictures_stands_side_by_side_without_overlap():
    geometry = Geometry(100, 150, 6, 9, 14)
    for count in range(2, 7):
        pictures = [sheet.SheetPicture("", Image.new("RGB", (150, 100)), geometry) for _ in range(count)]
        boxes = sheet.lay_out(pictures, count - 1, {}).boxes
        for i, (left, top, width, height) in enumerate(boxes):
            for other_left, other_top, other_width, other_height in boxes[:i]:
                apart = left >= other_left + other_width or other_left >= left + width
                assert apart or top >= other_top + other_height or other_top >= top + height


def test_what_the_browser_gets_agrees_with_the_numbers(shown):
    screen, settings, _ = shown(MatchSettings(size=SIZE, density=1))
    prop = matches_prop(screen, settings)
    assert (prop["reference"], prop["show"], prop["region"], prop["layers"]) == ("p0", "lines", None, {})
    found = screen.pairs[1]
    sent = np.array([row[:4] for row in prop["pairs"]["p1"]])
    assert np.allclose(sent * [160, 120, 90, 150], np.hstack([found.points_a, found.points_b]), atol=0.02)
    assert set(matches_prop(*shown(MatchSettings(size=SIZE, show="Parts"))[:2])["layers"]) == {"p0", "p1", "p2"}
