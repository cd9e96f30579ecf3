"""HTML in which names of files and of models mean nothing but themselves."""

import re
from pathlib import Path

import pytest
from jinja2 import UndefinedError

from core.templates import html, render

ROOT = Path(__file__).parents[2]
EVIL = '<img src=x onerror="alert(1)">&.png'


def test_a_name_comes_out_as_text():
    assert (
        html("<b title='{{ name }}'>{{ name }}</b>", name=EVIL).count(
            "&lt;img src=x onerror=&#34;alert(1)&#34;&gt;&amp;.png"
        )
        == 2
    )
    assert "<img" not in html("{{ path }}", path=Path(EVIL))


def test_a_template_file_escapes_whatever_it_is_called_and_includes_its_neighbours(tmp_path):
    (tmp_path / "one.html.j2").write_text("<p>{{ name }}</p>{% include 'two.css' %}")
    (tmp_path / "two.css").write_text("p { color: red }")
    assert render(tmp_path / "one.html.j2", name=EVIL) == f"<p>{html('{{ name }}', name=EVIL)}</p>p {{ color: red }}"


def test_json_in_a_script_cannot_end_it():
    assert html("<script>{{ value | tojson }}</script>", value="</script><!--").count("<") == 2


def test_a_value_that_is_lacking_is_an_error(tmp_path):
    with pytest.raises(UndefinedError, match="'name' is undefined"):
        html("{{ name }}")


def test_no_module_builds_html_with_formatted_strings():
    """Where a value is put between tags by hand, one day nobody escapes it."""
    built = re.compile(r"""f["'][^"']*</?(?:[a-z]|\{)""")
    files = [path for package in ("app", "core", "train") for path in sorted((ROOT / package).rglob("*.py"))]
    assert [path.relative_to(ROOT).as_posix() for path in files if built.search(path.read_text("utf-8"))] == []
