"""List files: the pictures and folders that a text file or a table names, whoever wrote it.

    # chosen                    lines that are empty or begin with # are left out
    cats/1.jpg                  relative to the list's own folder, or absolute
    cats/2.jpg 3                a label after a picture's path: behind blanks, a comma, a semicolon or a tab
    0<tab>3.0<tab>cats/2.jpg    one path among fields between tabs, its label before it (as MXNet writes lists)
    "my cat.jpg"                quoted, where a name would be taken for something else
    file:///photos/caf%E9.jpg   an absolute path, every byte that is not plain ASCII written as %XX
    dogs                        a folder: all pictures below it

A .csv or .tsv is a table: its first line may name the columns (path, file_name, image …, label); without that the
column with pictures' paths is taken. Text is UTF-8, or UTF-16 with its mark. What is neither is looked for as the bytes
it is, then as Windows writes letters. A list has this one meaning for every program here.
"""

import csv
import os
import re
import unicodedata
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote, unquote_to_bytes

from core.errors import RequestError
from core.pictures.names import as_text

SUFFIXES = frozenset(
    f".{ending}"
    for ending in (
        *("jpg", "jpeg", "jpe", "jfif", "png", "apng", "webp", "avif", "tif", "tiff", "bmp", "dib", "gif"),
        *("ppm", "pgm", "pbm", "pnm", "jp2", "j2k", "jpx"),
    )
)
"""Suffixes by which files in a folder are taken for pictures; files named one by one may have any."""
LIST_SUFFIXES = (".txt", ".lst", ".csv", ".tsv")
PATH_COLUMNS = (
    *("path", "file_name", "filename", "file", "filepath", "file_path", "image_path", "img_path", "image", "img"),
    *("images", "paths", "files", "picture"),
)
LABEL_COLUMNS = ("label", "labels", "class", "class_name", "category", "target")
"""Titles of columns, in lower case, the likeliest first."""
_ARCHIVES = (".tar", ".parquet", ".zip", ".gz", ".tgz", ".bz2", ".xz", ".7z", ".rar")
_ENDINGS = "|".join(sorted((suffix[1:] for suffix in SUFFIXES), key=len, reverse=True))
_LABELLED = re.compile(rf"(.*\.(?:{_ENDINGS}|npy))[ \t,;]+(\S.*)", re.IGNORECASE)
_QUOTED = re.compile(r"""(["'])(.*)\1(?:[ \t,;]+(\S.*))?""")


class Listed(NamedTuple):
    """A line of a list: a path as it was given (a relative one is meant from the list's folder), and its label."""

    name: str
    label: str | None
    line: int
    """Counted from 1."""


def read_list(path: Path) -> list[Listed]:
    """All that a list names. RequestError where it is no text, names nothing, or has a line that cannot be meant."""
    text = _text(path)
    suffix = path.suffix.lower()
    found = list(_rows(path, text, suffix) if suffix in (".csv", ".tsv") else _lines(path, text))
    if not found:
        raise RequestError(f"The list {str(path)!r} names no file; give one path a line.")
    known = [_as_it_lies_there(path, one) for one in found]
    foreign = [place for place, one in enumerate(found) if not _is_text(one.name)]
    if foreign and not any(os.path.lexists(path.parent / known[place].name) for place in foreign):
        raise RequestError(
            f"{_where(path, found[foreign[0]].line)} is not UTF-8, and there is no file of that name; save the list as "
            "UTF-8."
        )
    return known


def list_line(name: str) -> str:
    r"""The line by which a list names an absolute path, whatever is in it.

    >>> list_line("/photos/Löwe 1.jpg"), list_line("/photos/two\nlines.jpg")
    ('/photos/Löwe 1.jpg', 'file:///photos/two%0Alines.jpg')
    """
    plain = as_text(name) == name and not _LABELLED.fullmatch(name) and _read_line(name) == (name, None)
    return name if plain else f"file://{quote(os.fsencode(name))}"


def _text(path: Path) -> str:
    try:
        data = path.read_bytes()
        if data.startswith((b"\xff\xfe", b"\xfe\xff")):
            return data.decode("utf-16")
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise RequestError(f"The list {str(path)!r} cannot be read ({reason}); give one path a line.") from error
    if b"\0" in data:
        raise RequestError(
            f"The list {str(path)!r} cannot be read (it holds null bytes, which text has none of); give one path a "
            "line, in UTF-8."
        )
    return data.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "surrogateescape")


def _lines(path: Path, text: str) -> Iterator[Listed]:
    first = True
    for number, line in enumerate(_split(text), start=1):
        read = _read_line(line)
        if read is None:
            continue
        if first and _titles(re.split(r"[ \t,;]+", line.strip())) and not os.path.lexists(path.parent / read[0]):
            first = False
            continue
        first = False
        if read[1] is None and (several := _LABELLED.fullmatch(read[0])):
            _refuse_several(path, number, read[0], several.group(1))
        yield Listed(*read, number)


def _read_line(line: str) -> tuple[str, str | None] | None:
    """The path and the label of a line; None where it names nothing."""
    line = line.strip(" \t\f\v")
    if not line or line.startswith("#"):
        return None
    if quoted := _QUOTED.fullmatch(line):
        return quoted.group(2), quoted.group(3)
    if "\t" in line:
        fields = [field.strip() for field in line.split("\t")]
        paths = [place for place, field in enumerate(fields) if _is_picture(field)]
        if len(paths) == 1:
            (place,) = paths
            labels = fields[:place][-1:] or fields[1:2]
            return fields[place], next(iter(labels), None) or None
    if not _is_picture(line) and (labelled := _LABELLED.fullmatch(line)):
        return labelled.group(1), labelled.group(2)
    return line, None


def _rows(path: Path, text: str, suffix: str) -> Iterator[Listed]:
    """The lines of a table that name something."""
    delimiter = _delimiter(text, suffix)
    reader = csv.reader(_without_comments(text), delimiter=delimiter, skipinitialspace=True, strict=True)
    rows: list[tuple[int, list[str]]] = []
    first = 1
    try:
        for row in reader:
            if any(map(str.strip, row)):
                rows.append((first, [cell.strip() for cell in row]))
            first = reader.line_num + 1
    except csv.Error as error:
        raise RequestError(f"{_where(path, first)} is no row of a table ({error}); mend it.") from error
    column, label, header = _columns(path, [row for _, row in rows[:2]])
    for number, row in rows[header:]:
        if column >= len(row) or not row[column]:
            raise RequestError(
                f"{_where(path, number)} has no path in column {column + 1}; give each row one, or take the row out."
            )
        said = row[label] if label is not None and label < len(row) else None
        yield Listed(row[column], said or None, number)


def _columns(path: Path, first: Sequence[list[str]]) -> tuple[int, int | None, int]:
    """Of a table's first two rows: the column of paths, that of labels, and how many rows are titles."""
    if not first:
        return 0, None, 0
    titles = [cell.casefold() for cell in first[0]]
    paths = [name for name in PATH_COLUMNS if name in titles]
    labels = [titles.index(name) for name in LABEL_COLUMNS if name in titles]
    alone = len(titles) == 1 and os.path.lexists(path.parent / first[0][0])  # a folder, perhaps called "images"
    if paths and not any(map(_is_picture, titles)) and not alone:
        return titles.index(paths[0]), next(iter(labels), None), 1
    for header, row in enumerate(first):
        column = next((place for place, cell in enumerate(row) if _is_picture(cell)), None)
        if column is not None and (not header or not os.path.lexists(path.parent / first[0][0])):
            return column, _beside(column, row) if not labels else labels[0], header
    return 0, _beside(0, first[0]), 0


def _beside(column: int, row: Sequence[str]) -> int | None:
    """The other one of two columns."""
    return 1 - column if len(row) == 2 else None


def _delimiter(text: str, suffix: str) -> str:
    if suffix == ".tsv":
        return "\t"
    first = next((line for line in _split(text) if line.strip() and not line.lstrip().startswith("#")), "")
    return max(",;\t|", key=first.count)


def _without_comments(text: str) -> Iterator[str]:
    """The lines for a reader of tables; comments, which may hold single quotes, are emptied so that lines still count."""
    inside = False
    for line in re.findall(r"[^\r\n]*(?:\r\n|\r|\n|$)", text):
        if not inside and line.lstrip().startswith("#"):
            yield "\n"
            continue
        inside ^= line.count('"') % 2 == 1
        yield line


def _refuse_several(path: Path, number: int, line: str, before: str) -> None:
    """RequestError where a line is two paths with a blank between, rather than one with a blank in it."""
    if not os.path.lexists(path.parent / line) and os.path.lexists(path.parent / before):
        raise RequestError(f"{_where(path, number)} names several files; give one path a line.")


def _as_it_lies_there(path: Path, one: Listed) -> Listed:
    """The line with the name that is there, of those that its bytes may be meant for; what is plain is not looked for.

    RequestError for what no program here could open.
    """
    if one.name.startswith("file://"):
        return one._replace(name=os.fsdecode(unquote_to_bytes(one.name.removeprefix("file://"))))
    if re.match(r"[a-z][a-z0-9+.-]+://", one.name, re.IGNORECASE):
        raise RequestError(
            f"{_where(path, one.line)} is an address, {one.name[:80]!r}; download the pictures and name the files."
        )
    if one.name.lower().endswith(_ARCHIVES):
        raise RequestError(
            f"{_where(path, one.line)} names an archive or a table, {one.name[:80]!r}; a list is of pictures and "
            "folders. Give that file itself, beside the list."
        )
    if one.name.isascii() and "\\" not in one.name:
        return one
    found = (name for name in _readings(one.name) if os.path.lexists(path.parent / name))
    return one._replace(name=next(found, one.name))


def _readings(name: str) -> Iterator[str]:
    yield name
    names = [name]
    if not _is_text(name):
        names = [os.fsencode(name).decode(encoding, "replace") for encoding in ("cp1252", "latin-1")]
        yield from names
    for one in names:
        yield from (unicodedata.normalize(form, one) for form in ("NFC", "NFD"))  # macOS takes letters apart
        yield one.replace("\\", "/")


def _titles(cells: Sequence[str]) -> bool:
    """Whether a line holds nothing but titles of columns."""
    titles = [cell.strip("\"'").casefold() for cell in cells]
    return titles[0] in PATH_COLUMNS and all(title in PATH_COLUMNS + LABEL_COLUMNS for title in titles)


def _split(text: str) -> list[str]:
    """The lines; other than `splitlines`, which cuts at characters that names may hold."""
    return re.split(r"\r\n|\r|\n", text)


def _is_picture(cell: str) -> bool:
    return os.path.splitext(cell)[1].lower() in SUFFIXES | {".npy"}


def _is_text(name: str) -> bool:
    return not any("\ud800" <= one <= "\udfff" for one in name)


def _where(path: Path, line: int) -> str:
    return f"Line {line} of the list {str(path)!r}"
