"""Names of the members of a zip, in the letters they were packed with.

A zip says of a name that it is UTF-8 (a flag, or Info-ZIP's extra field with the name once more), or says nothing:
then it is in whatever the packing machine wrote in, which every reader that takes the standard's word (cp437) garbles.
"""

import struct
import unicodedata
import zipfile
import zlib
from collections.abc import Callable, Sequence

UTF8_FLAG, UNICODE_PATH = 0x800, 0x7075
FALLBACK = "cp437"
"""The standard's own; every byte is a letter of it, so that nothing is lost."""
SAMPLED = 500
"""Names of an archive that are looked at, at most twice as many."""
ENOUGH = 8
"""Characters from which on text that could be Korean is: half of common Chinese letters cannot, so all of 8 hardly can."""


def member_names(members: Sequence[zipfile.ZipInfo]) -> list[str]:
    """The name of each member, in the order given.

    Those that the zip says nothing about are in the one encoding that is `guessed` of them together.
    """
    told = [_told(member) for member in members]
    raw = [b"" if name is not None else _bytes(member) for name, member in zip(told, members, strict=True)]
    unsaid = [name for name in raw if not name.isascii()]
    encoding = guessed(b"\n".join(unsaid[:: 1 + len(unsaid) // SAMPLED]))
    return [_decoded(data, encoding) if name is None else name for name, data in zip(told, raw, strict=True)]


def guessed(data: bytes) -> str:
    """The encoding of names in a language's everyday letters, as Python calls it.

    The one in which most of what is not ASCII is everyday text: kana and common kanji, the commoner half of Chinese
    characters, Hangul, whole words in Cyrillic, accented letters. UTF-8 comes first, but two bytes may be UTF-8 by chance.

    >>> guessed("写真/ねこ.png".encode("cp932")), guessed("照片/小猫.png".encode("gbk")), guessed("naïve".encode())
    ('cp932', 'gbk', 'utf-8')
    """
    shares = {encoding: _share(data, encoding) for encoding in _EVERYDAY}
    if len(data.translate(None, bytes(range(128)))) < 2 * ENOUGH:
        shares["cp949"] -= 1e-6  # too little to tell it from Chinese, which is packed more often
    best = max(shares, key=lambda encoding: shares[encoding])
    if shares[best] > 0.5:
        return best
    return "utf-8" if _decodes(data, "utf-8") else FALLBACK


def _told(member: zipfile.ZipInfo) -> str | None:
    """The name as the zip itself tells it; None where it does not."""
    if member.flag_bits & UTF8_FLAG:
        return member.filename
    raw, extra = _bytes(member), member.extra
    while len(extra) >= 4:
        kind, length = struct.unpack("<HH", extra[:4])
        field, extra = extra[4 : 4 + length], extra[4 + length :]
        # its checksum is of the other name: whoever renamed a member without knowing this field left it stale
        if (
            kind == UNICODE_PATH
            and len(field) > 5
            and field[0] == 1
            and field[1:5] == struct.pack("<I", zlib.crc32(raw))
        ):
            return field[5:].decode("utf-8") if _decodes(field[5:], "utf-8") else None
    return None


def _bytes(member: zipfile.ZipInfo) -> bytes:
    """The name as it lies in the zip, up to a zero byte as `zipfile` does; it is read as cp437 where it is not UTF-8."""
    return member.orig_filename.encode("utf-8" if member.flag_bits & UTF8_FLAG else FALLBACK).split(b"\0")[0]


def _decoded(data: bytes, encoding: str) -> str:
    return data.decode(encoding if _decodes(data, encoding) else FALLBACK)


def _decodes(data: bytes, encoding: str) -> bool:
    try:
        data.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True


def _share(data: bytes, encoding: str) -> float:
    """Share of the characters that are not ASCII which are everyday ones in an encoding; 0 where it is not in it."""
    if not _decodes(data, encoding):
        return 0.0
    text, everyday = f"\n{data.decode(encoding)}\n", _EVERYDAY[encoding]
    found = [
        everyday(letter, letter.encode(encoding), before, after)
        for before, letter, after in zip(text, text[1:], text[2:], strict=False)
        if not letter.isascii()
    ]
    return sum(found) / max(1, len(found))


Everyday = Callable[[str, bytes, str, str], float]
"""How common a character is, 0 to 1, from itself, its bytes, and the characters before and after it."""


def _utf8(letter: str, raw: bytes, before: str, after: str) -> float:
    if len(raw) > 2:
        return 1
    if letter < "\u0370":  # Latin, and the marks that macOS writes after a letter
        return any(one.isalpha() and (one.isascii() or one < "\u0250") for one in (before, after))
    return _in_its_word(letter, before, after)


def _double(first: int, last: int, rarest: int, trail: int) -> Everyday:
    """Characters of two bytes: the first from `first` to `last` for common ones, to `rarest` for others."""

    def everyday(letter: str, raw: bytes, before: str, after: str) -> float:
        alone = before.isascii() and after.isascii() and (before.isalpha() or after.isalpha())
        if len(raw) != 2 or raw[1] < trail or (alone and raw[1:].isalpha()):  # rather an accented letter and another
            return 0
        common = first <= raw[0] <= last or unicodedata.name(letter, "").startswith(_COMMON)
        return 1 if common else RARE * (first <= raw[0] <= rarest)

    return everyday


def _cyrillic(letter: str, raw: bytes, before: str, after: str) -> float:
    russian = "А" <= letter <= "я" or letter in "Ёё"
    return russian and not (letter.isupper() and before.islower()) and _in_its_word(letter, before, after)


def _in_its_word(letter: str, before: str, after: str) -> bool:
    """Whether it is a letter with none of the Latin ones beside it."""
    return letter.isalpha() and not any(one.isascii() and one.isalpha() for one in (before, after))


def _accented(letter: str, raw: bytes, before: str, after: str) -> float:
    odd = letter.isupper() and before.islower()
    return letter.isalpha() and not odd and unicodedata.name(letter, "").startswith("LATIN")


RARE = 0.6
_COMMON = ("HIRAGANA", "KATAKANA", "FULLWIDTH", "IDEOGRAPHIC")
_EVERYDAY: dict[str, Everyday] = {
    "utf-8": _utf8,
    "cp949": _double(0xB0, 0xC8, 0xC8, 0xA1),
    "gbk": _double(0xB0, 0xD7, 0xF7, 0xA1),
    "cp932": _double(0x88, 0x97, 0xEA, 0x40),
    "big5": _double(0xA4, 0xC6, 0xF9, 0x40),
    "cp866": _cyrillic,
    "cp1251": _cyrillic,
    FALLBACK: _accented,
    "cp1252": _accented,
}
"""Of two that fit as well, the first is taken."""
