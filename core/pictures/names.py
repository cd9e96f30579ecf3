r"""File names that are no plain text, and the forms in which they are kept: each can be turned back into the name.

A file system holds any bytes but / and null: line ends, tabs, and letters in an encoding that is not UTF-8. In memory
such a name is a `str` as `os.fsdecode` gives it, its other bytes as surrogates. Where it is kept:

    a line, a table or a database (UTF-8)    `as_text`: café\n1.jpg for one with a line end, caf\udce9.jpg for Latin-1
    JSON                                     as JSON escapes it, which is the same, "caf\udce9.jpg"
    a list of files that is read again       as it is, or where a line cannot hold it file:///photos/caf%E9.jpg
"""

import re
import unicodedata

from core.errors import RequestError

ESCAPED = ("Cc", "Cs", "Zl", "Zp")
"""Unicode's categories of what a line of text cannot hold: controls, surrogates, ends of lines and paragraphs."""
_ESCAPE = re.compile(r"\\(?:[\\ntr]|x[0-9a-f]{2}|u[0-9a-f]{4}|U[0-9a-f]{8})")


def as_text(name: str) -> str:
    r"""A name in UTF-8 and on one line.

    Tabs, line ends, other control characters, bytes that are no UTF-8 (surrogates, as Python holds them) and the
    backslash itself are written as in Python's source: raw bytes would keep editors from opening the list.

    >>> print(as_text("Löwe\n1.jpg"), as_text("caf\udce9.jpg"))
    Löwe\n1.jpg caf\udce9.jpg
    """
    if name.isascii() and name.isprintable() and "\\" not in name:
        return name
    return "".join(
        one.encode("unicode_escape").decode() if one == "\\" or unicodedata.category(one) in ESCAPED else one
        for one in name
    )


def from_text(text: str) -> str:
    r"""The name that `as_text` wrote.

    >>> from_text(as_text("a\\n\n\udce9.jpg")) == "a\\n\n\udce9.jpg"
    True
    """
    plain = {r"\\": "\\", r"\n": "\n", r"\t": "\t", r"\r": "\r"}

    def meant(escape: re.Match) -> str:
        found = escape.group()
        return plain.get(found) or chr(int(found[2:], 16))

    try:
        return _ESCAPE.sub(meant, text)
    except (ValueError, OverflowError) as error:
        raise RequestError(f"{text!r} is no name as this program writes them ({error}); take it out.") from error
