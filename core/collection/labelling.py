"""Labels of pictures on their way into a collection: from their folders, their file names, or a table."""

import csv
import io
import re
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import Literal, get_args

from core.errors import RequestError
from core.pictures.reading import read_file

Way = Literal["folders", "names", "nothing"]
WAYS: tuple[Way, ...] = get_args(Way)
Labeller = Callable[[str], str]
"""The label of a picture by its name, folders included."""
TABLES = (".csv", ".tsv")
LARGEST_TABLE = 64 * 2**20
LONGEST_LABEL = 200
_NUMBER = re.compile(r"[\s_.\-]*\(?\d+\)?$")
_NAME_COLUMNS = ("name", "file", "filename", "file_name", "path", "image", "picture")
_LABEL_COLUMNS = ("label", "class", "category", "species", "kind")


def labeller(way: Way = "folders", table: dict[str, str] | None = None) -> Labeller:
    """What labels pictures that way; those that a table names, by it.

    >>> labeller("folders")("birds/owl/1.png"), labeller("names")("birds/snowy owl_012.png")
    ('owl', 'snowy owl')
    >>> labeller("nothing", {"1.png": "owl"})("birds/1.png")
    'owl'
    """
    if way not in WAYS:
        raise RequestError(f"Labels from {str(way)[:40]!r} are asked for; choose from {', '.join(WAYS)}.")
    from_name = {"folders": folder_of, "names": stem_of, "nothing": lambda name: ""}[way]

    def label(name: str) -> str:
        path = PurePosixPath(name)
        for key in (name, path.name, path.stem) if table else ():
            if table and key in table:
                return table[key]
        return from_name(name)

    return label


def folder_of(name: str) -> str:
    """The folder it lay in, below what was given; empty where it lay at the top."""
    return PurePosixPath(name).parent.name


def stem_of(name: str) -> str:
    """The file's name without the number at its end.

    >>> stem_of("n01440764_10026.JPEG"), stem_of("cat (3).png"), stem_of("0012.png")
    ('n01440764', 'cat', '')
    """
    return _NUMBER.sub("", PurePosixPath(name).stem)


def read_table(path: Path) -> dict[str, str]:
    """Labels by name, from a table with a column of names and one of labels, told by their titles or else the first two.

    RequestError where it is no such table.
    """
    if path.stat().st_size > LARGEST_TABLE:
        raise RequestError(
            f"{path.name} is larger than {LARGEST_TABLE >> 20} MB; give a table of names and labels only."
        )
    try:
        text = read_file(path).decode("utf-8-sig")
        head = text.partition("\n")[0]
        rows = [row for row in csv.reader(io.StringIO(text), delimiter=max(",;\t", key=head.count)) if any(row)]
    except (UnicodeDecodeError, csv.Error) as error:
        raise RequestError(
            f"{path.name} cannot be read as a table ({error}); save it as CSV in UTF-8, with a column of names and one of labels."
        ) from error
    if not rows or len(rows[0]) < 2:
        raise RequestError(f"{path.name} has no two columns; give it one of names and one of labels.")
    titles = [title.strip().casefold() for title in rows[0]]
    names, labels = _column(titles, _NAME_COLUMNS), _column(titles, _LABEL_COLUMNS)
    body = rows if names is None and labels is None else rows[1:]
    names = names if names is not None else (1 if labels == 0 else 0)
    labels = labels if labels is not None else (0 if names == 1 else 1)
    pairs = [(row[names].strip(), row[labels].strip()[:LONGEST_LABEL]) for row in body if len(row) > max(names, labels)]
    return {name.replace("\\", "/"): label for name, label in pairs if name}


def _column(titles: list[str], known: tuple[str, ...]) -> int | None:
    return next((titles.index(title) for title in known if title in titles), None)
