"""Every command, given what it cannot do: each ends in a sentence that names the flag or the file, and a status.

Commands are run in this process. Wrong numbers are made from the bounds that every number must have, so that a new flag
is tried here without being told.
"""

import contextlib
import dataclasses
import errno
import io
import types
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, Union, get_args, get_origin, get_type_hints

import numpy as np
import pytest
import torch
import tyro
from PIL import Image

from app.__main__ import arguments
from core import VisionTransformer, ViTConfig
from core import exchange as exchanging
from core import export as exporting
from core.bounds import Bounds, declared
from core.files import Output
from core.records.runs import save_backbone
from tests.test_architecture import FILES
from train import distill, figures, photographs, pretrain, timeline
from train.ablate import __main__ as ablate
from train.curate import __main__ as curate
from train.evaluate import __main__ as evaluate
from train.evaluate.tasks import TASKS
from train.phase_config import PhaseConfig
from train.world import __main__ as world
from train.world import gallery


class Command(NamedTuple):
    """A command line that would be right, and the dataclass whose fields are its flags."""

    main: object
    kind: type
    words: str
    subcommand: str = ""


MORE = {"robustness": " --sets {data}"}
COMMANDS = {
    "export": Command(exporting.main, exporting.Export, "{photo} --model {tiny} --out {out}"),
    "exchange": Command(exchanging.main, exchanging.Exchange, "--model {tiny} --out {out}"),
    "pretrain": Command(pretrain.main, pretrain.Command, "--data {data} --out {out}"),
    "distill": Command(distill.main, distill.Command, "--teacher {tiny} --data {data} --out {out}"),
    "ablate": Command(ablate.main, ablate.Command, "--data {data} --labelled {data} --out {out}"),
    "curate": Command(curate.main, curate.Curate, "--pool {data} --curated {data} --embed.model {tiny} --out {out}"),
    "timeline": Command(timeline.main, timeline.Command, "{run} --out {out}"),
    "figures": Command(figures.main, figures.Command, "{run} --out {out}"),
    "world": Command(world.main, world.Command, "--count 1 --out {out}"),
    "photographs": Command(photographs.main, photographs.Command, "--data {data} --out {out}"),
    "gallery": Command(gallery.main, gallery.Command, "--out {out}"),
    **{f"curate {name}": Command(curate.main, step, "--out {out}", name) for name, step in curate.STEPS.items()},
    **{
        f"evaluate {task.name()}": Command(
            evaluate.main, task, "--model {tiny} --data {data} --out {out}" + MORE.get(task.name(), ""), task.name()
        )
        for task in TASKS
    },
}
del COMMANDS["curate embed"]  # it has the flags of curate's own, and needs pictures
NOT_COMMANDS = {"core.projection.umap_worker", "train.world.write"}
"""Files that are run by the project itself."""


@pytest.fixture(scope="module")
def given(tmp_path_factory):
    """Names of what the command lines are made of: a tiny model, a few pictures, and things that are neither."""
    root = tmp_path_factory.mktemp("given")
    model = VisionTransformer(ViTConfig(width=48, depth=1, heads=3, image_size=56, layer_scale=1.0))
    model.initialise(torch.Generator().manual_seed(0))
    save_backbone(model, root / "tiny.safetensors")
    for name in ("backbone", "snapshots/step-00000000"):
        save_backbone(model, root / "run" / f"{name}.safetensors")
    pixels = np.random.default_rng(0).integers(0, 256, (8, 60, 60, 3), np.uint8)
    for number, picture in enumerate(pixels):
        path = root / "data" / ("sky", "leaf")[number % 2] / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture).save(path)
    (root / "empty").mkdir()
    (root / "rubbish.bin").write_bytes(bytes(pixels[0].ravel()[:4000]))
    for ending in (".txt", ".tar", ".parquet", ".safetensors", ".pth"):
        (root / f"rubbish.bin{ending}").write_bytes(bytes(pixels[0].ravel()[:4000]))
    (root / "data/sky/0.png.txt").write_bytes((root / "data/sky/0.png").read_bytes())
    names = {"tiny": "tiny.safetensors", "run": "run", "data": "data", "photo": "data/sky/0.png", "empty": "empty"}
    return {name: str(root / path) for name, path in (names | {"rubbish": "rubbish.bin"}).items()}


@pytest.fixture
def tried(given, tmp_path, monkeypatch):
    """Tries a command line; its status and what it said. It must not raise, and must leave no file."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("RANK", raising=False)

    def try_it(command: Command, words: list[str], status: int = 2) -> str:
        words = ([command.subcommand] if command.subcommand else []) + words
        words = [word.format(out=tmp_path / "out", **given) for word in words]
        said, found = io.StringIO(), None
        with contextlib.redirect_stderr(said), contextlib.redirect_stdout(io.StringIO()):
            try:
                found = command.main(words)
            except SystemExit as ended:
                found = ended.code
        text = said.getvalue()
        assert found == status, f"{words}: status {found}, {text}"
        assert "Traceback" not in text and text.strip(), words
        assert not [path for path in tmp_path.rglob("*") if path.is_file()], words
        return text

    return try_it


class Flag(NamedTuple):
    name: str
    bounds: Bounds
    whole: bool
    numbers: int


def fields_of(kind: type, before: str = "") -> Iterator[tuple[str, type, dataclasses.Field]]:
    """The fields of a command and of the parts it is made of: the flag, the class it is declared in, the field."""
    hints = get_type_hints(kind, include_extras=True)
    for item in dataclasses.fields(kind):
        hint = hints[item.name]
        extras = getattr(hint, "__metadata__", ())
        if tyro.conf.Suppress in extras or any(extra is tyro.conf.Suppress[int].__metadata__[0] for extra in extras):
            continue
        inner = get_args(hint)[0] if extras else hint
        if dataclasses.is_dataclass(inner):
            unnamed = any(getattr(extra, "name", None) == "" for extra in extras)
            yield from fields_of(inner, before if unnamed else f"{before}{item.name}.")
        else:
            yield f"--{before}{item.name}".replace("_", "-"), kind, item


def flags_of(kind: type) -> list[Flag]:
    found = []
    for name, where, item in fields_of(kind):
        bounded = {field.name: field for field in declared(where)}.get(item.name)
        if bounded is not None:
            numbers = bounded.count if isinstance(bounded.count, int) else 1
            found.append(Flag(name, bounded.bounds, bounded.whole, numbers))
    return found


def wrong_numbers(flag: Flag) -> list[str]:
    """Values below and above the bounds, and NaN."""
    least, most = flag.bounds.least, flag.bounds.most
    if flag.whole:
        return [str(int(least) - 1), str(int(most) * 10 + 1)]
    return [str(least if flag.bounds.above else least - 1), "nan", "1e30"]


def numeric(hint) -> bool:
    """Whether values of that type are numbers, or hold some."""
    if get_origin(hint) in (Union, types.UnionType, tuple):
        return any(map(numeric, get_args(hint)))
    return hint in (int, float)


def test_every_number_of_every_command_has_bounds():
    unbounded = set()
    for command in COMMANDS.values():
        for name, where, item in fields_of(command.kind):
            bounded = {field.name for field in declared(where)}
            if numeric(get_type_hints(where)[item.name]) and item.name not in bounded:
                unbounded.add(f"{where.__name__}.{item.name} ({name})")
    unbounded |= {name for name, kind in get_type_hints(PhaseConfig).items() if numeric(kind)} - {
        field.name for field in declared(PhaseConfig)
    }
    assert unbounded == set()


def test_every_program_is_tried_here():
    programs = {name for name, path in FILES.items() if 'if __name__ == "__main__"' in path.read_text(encoding="utf-8")}
    tried = {command.main.__module__ for command in COMMANDS.values()} | {"app.__main__"}
    assert programs - tried - NOT_COMMANDS == set()


@pytest.mark.parametrize("name", COMMANDS)
def test_wrong_numbers(tried, name):
    """All of a command's own; of the run's configuration, which three share, one wrong value each is enough."""
    command, seen = COMMANDS[name], 0
    for place, flag in enumerate(flags_of(command.kind)):
        values = wrong_numbers(flag)
        if name in ("distill", "ablate") and "." in flag.name:
            continue
        if name == "pretrain":
            values = values[place % len(values) :][:1]
        for value in values:
            text = tried(command, [*command.words.split(), flag.name, *[value] * flag.numbers])
            field = flag.name.rsplit(".", 1)[-1].removeprefix("--")
            assert field in text.replace("_", "-") and " give " in text and len(text.splitlines()) <= 3, text
            seen += 1
    assert seen or name in ("figures", "photographs", "evaluate linear", "curate pack")


WRONG_PLACES = {
    Output.FILE: ["{empty}", "{tiny}/file", "/proc/file", "/dev/null", "x" * 300],
    Output.FOLDER: ["{tiny}", "{tiny}/folder", "/proc/folder", "/dev/null", "/dev/null/folder", "x" * 300],
    Output.NEW_FOLDER: ["{tiny}", "{data}", ".", "/proc/folder", "/dev/null/folder", "x" * 300],
}


@pytest.mark.parametrize("name", COMMANDS)
def test_places_that_cannot_be_written_are_told_of_before_the_work(tried, name, monkeypatch):
    """The model of each is nobody's: had it been looked for first, that would be what is said."""
    command = COMMANDS[name]
    words = command.words.replace("{tiny}", "nobody").replace("--out {out}", "").split()
    kinds = {
        flag: extra
        for flag, where, item in fields_of(command.kind)
        for extra in getattr(get_type_hints(where, include_extras=True)[item.name], "__metadata__", ())
        if isinstance(extra, Output)
    }
    if name == "exchange":
        kinds = {"--out": Output.NEW_FOLDER, "--to onnx --out": Output.FILE}
    assert "--out" in kinds
    for flag, kind in kinds.items():
        needed = [] if flag.endswith("--out") else ["--out", "{out}"]
        for place in WRONG_PLACES[kind]:
            text = tried(command, [*words, *needed, *flag.split(), place])
            assert flag.split()[-1] in text and "name another" in text and len(text.splitlines()) <= 3, text
        with monkeypatch.context() as forbidding:
            forbidding.setattr("core.files.tempfile.TemporaryFile", forbidden)
            text = tried(command, [*words, *needed, *flag.split(), "{out}"])
        assert " --" in text and "Permission denied" in text, text


def forbidden(dir: Path):
    raise PermissionError(errno.EACCES, "Permission denied", str(dir))


DATA = ["{rubbish}", "{rubbish}.txt", "{rubbish}.tar", "{rubbish}.parquet", "{photo}.txt", "{empty}", "nowhere"]
LISTS = ["{photo}", "{empty}", "nowhere"]
MODELS = ["{rubbish}", "{rubbish}.safetensors", "{rubbish}.pth", "{photo}", "{empty}", "nobody", ""]
FEW = ["{photo}.txt", "{empty}", "nowhere"]
INPUTS = {
    "export": {"--model": MODELS, "--list": LISTS, "--device": ["cuda:99", "meta", "x", ""], "--layer": ["1"]},
    "exchange": {"--model": MODELS, "--push": ["x"]},
    "pretrain": {"--data": DATA, "--labelled": FEW, "--start-from": ["{photo}", "nobody"], "--recipe": ["x"]},
    "distill": {"--data": FEW, "--teacher": ["{photo}", "nobody", ""], "--recipe": ["x"], "--also": ["x"]},
    "ablate": {
        "--data": FEW[:1],
        "--labelled": FEW[:1],
        "--segmentation": FEW[1:],
        "--grid": ["data", "distillation", "x"],
        "--grid scaling --models": ["48x4"],
        "--emergence": ["59"],
        "--recipe": ["x"],
    },
    "curate": {"--pool": DATA, "--curated": FEW, "--evaluation": FEW, "--embed.model": MODELS, "--embed.size": ["13"]},
    "timeline": {"--images": LISTS[1:], "--after": LISTS, "--scale-images": ["59"]},
    "world": {"--categories": ["x"], "--domains": ["x"], "--count": ["x"]},
    "evaluate knn": {"--data": DATA, "--model": MODELS, "--groups": LISTS, "--test": FEW, "--size": ["55"]},
    "evaluate robustness": {"--sets": FEW, "--class-map": LISTS},
    "evaluate retrieval": {"--data": FEW, "--ground-truth": LISTS},
    "evaluate emergence": {"--model": MODELS, "--data": FEW, "--images": ["59"]},
    **{f"evaluate {name}": {"--data": FEW} for name in ("segmentation", "depth", "matching", "foreground")},
}


@pytest.mark.parametrize("name", INPUTS)
def test_inputs_of_the_wrong_kind(tried, name, monkeypatch):
    """Told before a run begins, or before anything is kept."""
    monkeypatch.setattr("train.run.loop.Loop.train", began)
    for flag, values in INPUTS[name].items():
        for value in values:
            words = COMMANDS[name].words.split()
            if flag in words:
                words[words.index(flag) + 1] = value
            else:
                words += [*flag.split(), value]
            text = tried(COMMANDS[name], words)
            lines = [line for line in text.splitlines() if not line.startswith(("INFO", "WARNING"))]
            assert len(lines) <= 3 or "For full helptext" in text, text


def began(*_):
    raise AssertionError("a run began")


@pytest.mark.parametrize("words", ["--port 0", "--port 1e5", "--max-upload-mb nan", "--max-upload-mb 1e30", "--auth x"])
def test_wrong_words_for_the_app(words, capsys):
    with pytest.raises(SystemExit) as ended:
        arguments(words.split())
    assert ended.value.code == 2 and words.split()[0] in capsys.readouterr().err
