"""The tour's script: its steps whole, and no end of a script tag in them."""

import json
import re

import core
from app.tour.steps import STOPS, tour_script
from core.analysis.similarity import query_vector, similarity_map
from core.pictures.gallery import samples
from core.weights.load import SHIPPED

GROUND = ((0.0, 0.0, 0.25, 0.42), (0.72, 0.0, 1.0, 0.25))
"""Left, top, right, bottom of what is behind the lion, at both sides of its head, as shares of its photograph."""


def test_six_steps_travel_as_they_are():
    assert len(STOPS) == 6
    script = tour_script()
    assert script.count("</script>") == 1
    told = json.loads(re.search(r"^start\((\[.*\])\);$", script, re.MULTILINE)[1])
    assert [(one["title"], one["tab"]) for one in told] == [(stop.title, stop.tab) for stop in STOPS]


def test_what_it_says_of_the_model_that_ships_is_true_by_our_scores():
    record = json.loads((SHIPPED.parent / "emergence.json").read_text("utf-8"))
    scores = {row["title"]: {one["of"]: one["value"] for one in row["values"]} for row in record["rows"]}
    ground = next(stop for stop in STOPS if stop.title == "Object and ground")
    assert "finds less than colour does" in ground.see
    assert scores["foreground IoU"]["embedded"] < scores["foreground IoU"]["colour"]
    assert scores["part matching PCK@0.1"]["embedded"] > scores["part matching PCK@0.1"]["no training"]


def test_the_questions_it_asks_have_answers_in_the_model_that_ships():
    """The cheetah's fur finds the other animals, and its ground does not."""
    model = core.load_model("embedded", device="cpu")
    photographs = {one.name: core.load_image(one.path) for one in samples()}
    maps = {name: core.extract(model, photographs[name]) for name in ("cheetah", "lion")}
    for point, on_the_animal in (((0.5, 0.25), True), ((0.05, 0.4), False)):
        place = tuple(share * side for share, side in zip(point, photographs["cheetah"].size, strict=True))
        cosines = similarity_map(maps["lion"], query_vector(maps["cheetah"], point=place)).numpy()
        row, col = divmod(int(cosines.argmax()), cosines.shape[1])
        x, y = (
            one / side
            for one, side in zip(maps["lion"].geometry.center(row, col), photographs["lion"].size, strict=True)
        )
        behind = any(left <= x <= right and top <= y <= bottom for left, top, right, bottom in GROUND)
        assert behind != on_the_animal, (x, y)
