r"""File names that are no plain text, and the forms in which they are kept: each can be turned back into the name.

A file system holds any bytes but / and null: line ends, tabs, and letters in an encoding that is not UTF-8. In memory
such a name is a `str` as `os.fsdecode` gives it, its other bytes as surrogates. Where it is kept:

    a line, a table or a database (UTF-8)    `as_text`: café\n1.jpg for one with a line end, caf\xe9.jpg for Latin-1
    JSON                                     as JSON escapes what `str` holds, "caf\udce9.jpg"
    a list of files that is read again       as it is, or where a line cannot hold it file:///photos/caf%E9.jpg
"""

import re
import unicodedata

ESCAPED = ("Cc", "Cs", "Zl", "Zp")
"""Unicode's categories of what a line of text cannot hold: controls, surrogates, ends of lines and paragraphs."""
_ESCAPE = re.compile(r"\\(?:[\\ntr]|x[89a-f][0-9a-f]|u[0-9a-f]{4})")
_SHORT = {"\\": r"\\", "\n": r"\n", "\t": r"\t", "\r": r"\r"}
_MEANT = {short: one for one, short in _SHORT.items()}
_BYTES = 0xDC00
"""Where Python puts the bytes that are no UTF-8, among the surrogates."""


def as_text(name: str) -> str:
    r"""A name in UTF-8 and on one line.

    Tabs, line ends, other control characters, bytes that are no UTF-8 and the backslash itself are written with a
    backslash: raw bytes would keep editors from opening the list.

    >>> print(as_text("Löwe\n1.jpg"), as_text("caf\udce9.jpg"))
    Löwe\n1.jpg caf\xe9.jpg
    """
    if name.isascii() and name.isprintable() and "\\" not in name:
        return name
    return "".join(map(_escaped, name))


def from_text(text: str) -> str:
    r"""The name that `as_text` wrote; what it never writes is left as it is.

    >>> from_text(as_text("a\\n\n\udce9.jpg")) == "a\\n\n\udce9.jpg"
    True
    """
    return _ESCAPE.sub(lambda escape: _meant(escape.group()), text)


def _escaped(one: str) -> str:
    if one in _SHORT:
        return _SHORT[one]
    if unicodedata.category(one) not in ESCAPED:
        return one
    place = ord(one)
    return f"\\x{place - _BYTES:02x}" if _BYTES + 0x80 <= place <= _BYTES + 0xFF else f"\\u{place:04x}"


def _meant(escape: str) -> str:
    if escape in _MEANT:
        return _MEANT[escape]
    return chr(int(escape[2:], 16) + (_BYTES if escape.startswith(r"\x") else 0))
