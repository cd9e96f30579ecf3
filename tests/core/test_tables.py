"""Tables that spreadsheets open and do not compute."""

import ast
import csv
import io
from pathlib import Path

import pytest

from core.tables import csv_bytes, harmless

ROOT = Path(__file__).parents[2]


def cells(rows):
    return list(csv.reader(io.StringIO(csv_bytes(["a", "b"], rows).decode("utf-8-sig"), newline="")))[1:]


@pytest.mark.parametrize(
    "before", ["", " ", "   ", "\t", "\r", "\n", "\r\n ", "\u00a0", "\u3000", "\ufeff", "\u200b", "\x00"]
)
@pytest.mark.parametrize("sign", "=+-@＝＋－＠﹦﹢﹣﹫")
def test_whatever_begins_like_a_formula_is_made_harmless(before, sign):
    text = f"{before}{sign}1+1"
    assert harmless(text) == f"'{text}"


@pytest.mark.parametrize("text", ["\tname", "\rname", "\nname"])
def test_a_cell_that_begins_with_a_tab_or_line_end_is_made_harmless(text):
    assert harmless(text) == f"'{text}"


@pytest.mark.parametrize("text", ["", " ", "a=1", "1-2.jpg", " name", "три.png", "猫＝.png", "'=1", "_+1"])
def test_usual_names_stay(text):
    assert harmless(text) == text


def test_every_text_of_a_table_is_guarded_and_no_number_is():
    assert cells([["=1", -1.5], [" @a", "-1.5"], ['a,"b"\n', -2]]) == [
        ["'=1", "-1.5"],
        ["' @a", "'-1.5"],
        ['a,"b"\n', "-2"],
    ]


def test_the_mark_is_there_by_which_spreadsheets_know_other_scripts():
    assert csv_bytes(["имя"], []) == b"\xef\xbb\xbf" + "имя\r\n".encode()


def test_no_other_module_writes_csv():
    """Or its text could be taken for formulas."""
    writers = [
        path.relative_to(ROOT).as_posix()
        for package in ("app", "core", "train")
        for path in sorted((ROOT / package).rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Attribute) and node.attr in ("writer", "DictWriter", "to_csv", "savetxt", "write_csv")
    ]
    assert writers == ["core/tables.py"]
