"""The buttons that stop something: each says so at once, in an element that is there."""

import re
from pathlib import Path

APP = Path(__file__).parents[3] / "app"


def test_whatever_is_stopped_says_so_in_an_element_that_exists():
    texts = [path.read_text("utf-8") for path in APP.rglob("*.py")]
    said = [found for text in texts for found in re.findall(r'(?<!def )\bstops\(.*"([\w-]+)"\)$', text, re.MULTILINE)]
    assert sorted(said) == ["clip-status", "map-status", "search-progress", "status", "train-progress"]
    for element in said:
        assert any(f'elem_id="{element}"' in text for text in texts), element


def test_no_stop_button_is_wired_another_way():
    wired = re.compile(r"answer\((?:\w+\.)*(?:stop|cancel)\.click")
    assert [path.name for path in APP.rglob("*.py") if wired.search(path.read_text("utf-8"))] == []
