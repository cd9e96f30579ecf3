"""Tables for spreadsheets: CSV whose text no program takes for a formula."""

import csv
import io
import unicodedata
from collections.abc import Iterable, Sequence


def csv_bytes(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> bytes:
    """CSV in UTF-8 with a byte-order mark, by which spreadsheets see other scripts; numbers stay numbers.

    >>> csv_bytes(["name", "x"], [["=1+1", -2]]).decode("utf-8-sig").split()
    ['name,x', "'=1+1,-2"]
    """
    stream = io.StringIO(newline="")
    writer = csv.writer(stream)
    writer.writerow(columns)
    writer.writerows([harmless(cell) if isinstance(cell, str) else cell for cell in row] for row in rows)
    return stream.getvalue().encode("utf-8-sig")


def harmless(text: str) -> str:
    """`text`, with an apostrophe before it where a spreadsheet could compute it (CWE-1236).

    That is where the first letter that can be seen is =, +, - or @, in any width: spaces, control and invisible
    characters before it are passed over by some programs. So is a tab or line end that begins a cell of its own.

    >>> harmless(" =1+1"), harmless("＠a"), harmless("cat-1.jpg")
    ("' =1+1", "'＠a", 'cat-1.jpg')
    """
    seen = next((letter for letter in text if letter.isprintable() and not letter.isspace()), "")
    risky = unicodedata.normalize("NFKC", seen)[:1] in {*"=+-@"} or text[:1] in {*"\t\r\n"}
    return f"'{text}" if risky else text
