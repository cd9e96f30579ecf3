"""Who may know whom among the page's modules, and how they may look: as `test_architecture` holds for Python."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from app.page import modules

ROOT = Path(__file__).parents[1]
LINTER = Path(sys.executable).with_name("oxlint")
SHARED = ("page", "explore")
"""Rooms whose modules those above them may import; those of tabs know nothing of one another."""


def lint(folder: Path) -> subprocess.CompletedProcess:
    command = [LINTER, "--config", ROOT / ".oxlintrc.json", "--deny-warnings", folder]
    return subprocess.run(command, capture_output=True, text=True)


def room(name: str) -> str:
    return name.partition("/")[0]


def entries() -> set[str]:
    """Modules that Python names: what it mounts, and what belongs to the whole page."""
    trees = [ast.parse(path.read_text("utf-8")) for path in modules.APP.rglob("*.py")]
    words = {node.value for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Constant)}
    return words & set(modules.sources())


def test_the_linter_finds_nothing():
    result = lint(modules.APP)
    assert result.returncode == 0, result.stdout + result.stderr
    assert f"on {len(modules.sources())} files" in result.stdout


@pytest.mark.parametrize(
    ("source", "complaint"),
    [
        ("console.log(nowhere);", "'nowhere' is not defined"),
        ('import { lost } from "./other.js";\nlost();', 'named import "lost" not found'),
        ('import { here } from "./other.js";', "imported but never used"),
    ],
)
def test_the_linter_sees(source, complaint, tmp_path):
    (tmp_path / "other.js").write_text("export const here = 1;\n")
    (tmp_path / "one.js").write_text(source + "\n")
    result = lint(tmp_path)
    assert result.returncode != 0 and complaint in result.stdout


def test_every_import_is_of_a_module_that_is_there():
    for name, source in modules.sources().items():
        assert len(modules.imports(name)) == len(re.findall(r"^import\b", source, re.MULTILINE)), name
        assert "import(" not in source and not re.search(r'^export .* from "', source, re.MULTILINE), name
        assert set(modules.imports(name)) <= set(modules.sources()), name


def test_every_module_is_reached_from_one_that_python_names():
    assert set(modules.reached(*entries())) == set(modules.sources())


def test_rooms_know_only_those_below():
    known = {(room(name), room(other)) for name in modules.sources() for other in modules.imports(name)}
    foreign = {(one, other) for one, other in known if one != other}
    assert foreign, "or this test would pass on nothing"
    upwards = {(one, other) for one, other in foreign if other not in SHARED or one == "page"}
    assert upwards == set()


def test_modules_ask_no_other_host_and_never_make_html_of_text():
    for name, source in modules.sources().items():
        assert "innerHTML" not in source and "insertAdjacentHTML" not in source, name
        assert [word for word in source.split() if "://" in word and "www.w3.org/2000/svg" not in word] == [], name


def test_nothing_is_left_for_others_but_by_one_name():
    """A module's own state is its own; what parts of the page leave for one another is `window.dinoscope`."""
    for name, source in modules.sources().items():
        assigned = set(re.findall(r"\bwindow\.(\w+)\s*(?:=[^=]|\|\|=)", source))
        assert assigned <= {"dinoscope"}, name
