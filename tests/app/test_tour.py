"""The tour's script: its steps whole, and no end of a script tag in them."""

import json
import re

from app.tour.steps import STOPS, tour_script


def test_six_steps_travel_as_they_are():
    assert len(STOPS) == 6
    script = tour_script()
    assert script.count("</script>") == 1
    told = json.loads(re.search(r"^start\((\[.*\])\);$", script, re.MULTILINE)[1])
    assert [(one["title"], one["tab"]) for one in told] == [(stop.title, stop.tab) for stop in STOPS]
