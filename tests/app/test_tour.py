"""The tour's script: whole, and no end of a script tag in it."""

import json
import re

from app.tour.steps import STOPS, tour_script


def test_six_steps_travel_as_they_are():
    assert len(STOPS) == 6
    script = tour_script()
    assert script.count("</script>") == 1
    told = json.loads(re.search(r"const STOPS = (\[.*?\]);\n", script, re.DOTALL)[1])
    assert [(one["title"], one["tab"]) for one in told] == [(stop.title, stop.tab) for stop in STOPS]
