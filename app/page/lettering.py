"""Names of files in pictures, in whatever script they are.

The font that matplotlib brings has Latin, Greek, Cyrillic and more; for other scripts a font of this machine is looked
for. Letters that no font has are spelt by their number, as Python spells them (猫 is \\u732b), so that none is lost.
"""

import functools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import ImageFont


@dataclass(frozen=True)
class Lettered:
    """A text as it can be written, and the font that has all its letters."""

    text: str
    font: ImageFont.FreeTypeFont

    def lines(self, width: float) -> list[str]:
        """The text in lines of at most `width` pixels; nothing is left out."""
        lines, start = [], 0
        while start < len(self.text):
            end = start + 1
            while end < len(self.text) and self.font.getlength(self.text[start : end + 1]) <= width:
                end += 1
            lines.append(self.text[start:end])
            start = end
        return lines


def lettered(texts: Sequence[str], size: int) -> list[Lettered]:
    """Each text with a font of that size in pixels; other fonts are looked through once, and only where they are needed."""
    letters = {letter for text in texts for letter in text if letter.isprintable()}
    has = {own_font(): letters & letters_of(own_font())}
    if letters - has[own_font()]:
        has |= {path: letters & letters_of(path) for path in fonts_here()}
    return [_lettered(text, has, size) for text in texts]


def own_font() -> Path:
    """DejaVu Sans as matplotlib brings it."""
    import matplotlib  # a fifth of a second, for whoever asks for a picture

    return Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"


@functools.cache
def fonts_here() -> tuple[Path, ...]:
    """The fonts that are installed on this machine."""
    from matplotlib.font_manager import findSystemFonts

    return tuple(map(Path, sorted(findSystemFonts())))


def letters_of(font: Path) -> set[str]:
    """The characters of a font; none where the file cannot be read."""
    from matplotlib.ft2font import FT2Font

    try:
        return set(map(chr, FT2Font(str(font)).get_charmap()))
    except (OSError, RuntimeError):
        return set()


def _lettered(text: str, has: dict[Path, set[str]], size: int) -> Lettered:
    whole = (_opened(path, size) for path, letters in has.items() if letters.issuperset(text))
    font = next(filter(None, whole), None)
    if font is not None:
        return Lettered(text, font)
    return Lettered(_spelt(text, has[own_font()]), ImageFont.truetype(str(own_font()), size))


def _spelt(text: str, letters: Iterable[str]) -> str:
    return "".join(letter if letter in letters else letter.encode("unicode_escape").decode() for letter in text)


@functools.lru_cache(16)
def _opened(font: Path, size: int) -> ImageFont.FreeTypeFont | None:
    """None for fonts of pixels, which have no such size."""
    try:
        return ImageFont.truetype(str(font), size)
    except OSError:
        return None
