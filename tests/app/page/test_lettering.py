"""Names in pictures: written where a font has their letters, spelt where none has."""

import ast
import itertools

import numpy as np
import pytest
from PIL import Image, ImageDraw

from app.page import lettering
from app.page.lettering import Lettered, lettered, letters_of, own_font

ABSENT = "\U0010fffd"  # of a plane for private use: drawn as the box that stands for whatever a font lacks


def drawn(letter: str, font) -> bytes:
    image = Image.new("L", (40, 40))
    ImageDraw.Draw(image).text((4, 4), letter, fill=255, font=font)
    return np.asarray(image).tobytes()


@pytest.mark.parametrize("name", ["Café Ångström.jpg", "Μέδουσα.png", "Кот на снегу.png"])
def test_latin_greek_and_cyrillic_are_written_as_they_are(name, monkeypatch):
    monkeypatch.setattr(lettering, "fonts_here", lambda: pytest.fail("no other font is needed"))
    (written,) = lettered([name], 12)
    assert written.text == name
    pictures = {letter: drawn(letter, written.font) for letter in set(name) - {" "}}
    assert len(set(pictures.values())) == len(pictures) and drawn(ABSENT, written.font) not in pictures.values()


def test_what_no_font_has_is_spelt_and_can_be_read_back(monkeypatch):
    monkeypatch.setattr(lettering, "fonts_here", lambda: ())
    for name in ("猫.png", "кот 猫 🐱.png", "a\nb.png", "exe.\u202egnp"):
        (written,) = lettered([name], 12)
        assert written.text.isprintable() and letters_of(own_font()).issuperset(written.text)
        assert ast.literal_eval(f"'{written.text}'") == name
    assert lettered(["猫.png"], 12)[0].text == r"\u732b.png"


def test_a_font_of_this_machine_that_has_the_letters_is_taken(monkeypatch, tmp_path):
    """As if DejaVu lay among the installed ones and matplotlib brought a font without these letters."""
    elsewhere = tmp_path / "installed.ttf"
    elsewhere.write_bytes(own_font().read_bytes())
    (tmp_path / "broken.ttf").write_bytes(b"nothing")
    monkeypatch.setattr(lettering, "fonts_here", lambda: (tmp_path / "broken.ttf", elsewhere))
    poor = own_font().with_name("cmr10.ttf")
    assert not letters_of(poor).issuperset("Кот")
    monkeypatch.setattr(lettering, "own_font", lambda: poor)
    greek, plain = lettered(["Кот", "cat"], 12)
    assert (greek.text, greek.font.path) == ("Кот", str(elsewhere))
    assert plain.font.path == str(poor)


def test_lines_are_as_wide_as_allowed_and_leave_nothing_out():
    (name,) = lettered(["a rather long name of a picture, " * 4], 12)
    lines = name.lines(200)
    assert "".join(lines) == name.text and len(lines) > 3
    assert max(map(name.font.getlength, lines)) <= 200
    assert all(name.font.getlength(line + after[0]) > 200 for line, after in itertools.pairwise(lines))
    assert Lettered("", name.font).lines(200) == []
