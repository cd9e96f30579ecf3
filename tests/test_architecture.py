"""Who may know whom, and how a file may look: the arrows and sizes of the style guide, read from the source."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = [name for name in ("core", "train", "app") if (ROOT / name).is_dir()]
FILES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for package in PACKAGES
    for path in sorted((ROOT / package).rglob("*.py"))
}
CORE_ROOMS = (
    "core.errors", "core.bounds", "core.wording", "core.quiet", "core.files", "core.command", "core.tensor_files", "core.parquet_files",
    "core.tables", "core.templates", "core.encoding", "core.pictures", "core.model",
    "core.features", "core.analysis", "core.records", "core.figures", "core.weights", "core.projection", "core.collection",
    "core.export", "core.publish", "core.exchange",
)  # fmt: skip
TRAIN_ROOMS = (
    "train.dist", "train.losses", "train.data", "train.method", "train.phase_config", "train.config", "train.recipes",
    "train.checkpoint_reader", "train.checkpoint", "train.world", "train.evaluate", "train.run", "train.pretrain", "train.distill",
    "train.timeline", "train.photographs", "train.figures", "train.ablate", "train.curate",
)  # fmt: skip
APP_TABS = ("app.match", "app.search", "app.map", "app.emergence", "app.compare", "app.video", "app.tour")
"""Rooms that know nothing of one another."""
APP_ROOMS = ("app.server", "app.page", "app.explore", *APP_TABS, "app.build", "app.__main__")
"""From the bottom up; each may know what is before it, by whatever way."""
STABLE_NAMES = {"core.analysis.retrieval"}
"""Modules that only pass on what lives in a room above; nothing of the project imports them."""
EVALUATE_ROOMS = ("features", "datasets", "probes", "emergence", "task", "tasks", "__main__")
"""Of train.evaluate, from the bottom up; what is in none of them is shared by all and knows none."""
FORBIDDEN_NAMES = {"utils", "misc", "common", "helpers", "legacy"}
HEAVY = (
    "gradio", "train", "app", "xformers", "transformers", "umap", "sklearn", "skimage", "scipy", "faiss", "plotly",
    "jinja2", "huggingface_hub", "httpx2",
)  # fmt: skip


def imports_of(module):
    """Modules that a file imports anywhere in it, inside functions too; for this project's own, down to the file."""
    path = FILES[module]
    package = module.split(".") if path.name == "__init__.py" else module.split(".")[:-1]
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            origin = ".".join([*base, *(node.module or "").split(".")]).strip(".")
            names = {f"{origin}.{alias.name}" for alias in node.names}
            found |= {name if name in FILES else origin for name in names}
    return found


IMPORTS = {module: imports_of(module) for module in FILES}


def reached_from(module):
    """This project's modules that a module imports, directly or through others."""
    reached, waiting = set(), [module]
    while waiting:
        for name in IMPORTS.get(waiting.pop(), ()):
            if name in FILES and name not in reached:
                reached.add(name)
                waiting.append(name)
    return reached


def inside(name, package):
    return name == package or name.startswith(f"{package}.")


def test_the_imports_are_seen():
    """Or every other test here would pass on nothing."""
    assert "core.features" in IMPORTS["core"]
    assert "core.model.vit" in reached_from("core.features")
    assert "torch" in IMPORTS["core.model.vit"]
    assert "core.records.feature_table" in IMPORTS["core.export"], "imported inside a function"
    assert "core.records.runs" in IMPORTS["core.weights.load"], "imported as `from core.records import runs`"


@pytest.mark.parametrize(
    ("package", "unknown"), [("core", "train"), ("core", "app"), ("app", "train"), ("train", "app")]
)
def test_packages_know_only_core(package, unknown):
    known = [
        f"{module} imports {name}"
        for module, names in IMPORTS.items()
        for name in names
        if inside(module, package) and inside(name, unknown)
    ]
    assert known == []


@pytest.mark.parametrize("rooms", [CORE_ROOMS, TRAIN_ROOMS, APP_ROOMS], ids=["core", "train", "app"])
def test_rooms_know_only_those_below(rooms):
    for place, room in enumerate(rooms):
        upwards = [
            f"{module} reaches {name}"
            for module in FILES
            if inside(module, room) and module not in STABLE_NAMES
            for name in reached_from(module)
            if any(inside(name, above) for above in rooms[place + 1 :])
        ]
        assert upwards == []


@pytest.mark.parametrize(("package", "rooms"), [("core", CORE_ROOMS), ("train", TRAIN_ROOMS), ("app", APP_ROOMS)])
def test_every_module_is_in_a_room(package, rooms):
    assert [m for m in FILES if m.startswith(f"{package}.") and not any(inside(m, room) for room in rooms)] == []


def test_stable_names_are_for_others():
    assert [module for module, names in IMPORTS.items() if names & STABLE_NAMES] == []


@pytest.mark.parametrize("room", APP_TABS)
def test_no_tab_knows_another(room):
    others = [other for other in APP_TABS if other != room]
    known = [n for m in FILES if inside(m, room) for n in reached_from(m) if any(inside(n, other) for other in others)]
    assert known == []


def test_the_wiring_of_explore_is_its_own():
    """What other tabs take from it are its views and its answers, none of its widgets."""
    widgets = {"app.explore.tab", "app.explore.events", "app.explore.widgets", "app.explore.endpoints"}
    users = {module for module, names in IMPORTS.items() if names & widgets and not inside(module, "app.explore")}
    assert users == {"app.build"}


@pytest.mark.parametrize("package", ["core", "train", "app"])
def test_there_are_no_circles(package):
    assert [module for module in FILES if inside(module, package) and module in reached_from(module)] == []


def test_the_rooms_of_evaluate_have_one_direction():
    def floor(module):
        room = module.removeprefix("train.evaluate").strip(".").split(".")[0]
        return EVALUATE_ROOMS.index(room) if room in EVALUATE_ROOMS else -1

    found = {module for module in FILES if inside(module, "train.evaluate")}
    assert {floor(module) for module in found} == set(range(-1, len(EVALUATE_ROOMS)))
    upwards = [f"{m} imports {n}" for m in found for n in IMPORTS[m] & found if floor(n) > floor(m)]
    assert upwards == []


def test_only_the_command_line_knows_which_tasks_there_are():
    """Or a new one would have to be told to others too."""
    assert [module for module in FILES if "train.evaluate.tasks" in IMPORTS[module]] == ["train.evaluate.__main__"]


def test_modules_of_core_do_not_import_the_whole_package():
    """`import core` inside it would make a module depend on all the others, and on their order."""
    assert [m for m in FILES if m.startswith("core.") and m != "core.__main__" and "core" in IMPORTS[m]] == []


@pytest.mark.parametrize("module", FILES)
def test_files_are_short(module):
    lines = len(FILES[module].read_text(encoding="utf-8").splitlines())
    assert lines <= 350, f"{lines} lines; split it by concern"


def test_files_are_named_for_what_they_hold():
    assert [module for module in FILES if FORBIDDEN_NAMES & set(module.split("."))] == []


def test_importing_core_is_quiet_and_light():
    program = f"import sys, core; print(*(name for name in {HEAVY!r} if name in sys.modules))"
    result = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert result.returncode == 0, result.stderr
    assert result.stdout.split() == [], "loaded by `import core`"
    assert result.stderr == ""
