"""`python -m train.photographs --data FILES.parquet --out assets/photographs`: the real photographs that ship with the app.

    DIR/
    ├── CLASS/NAME.webp      ten photographs of each of 30 classes, their shorter side 160 pixels at most
    ├── table.json           for each: file, kind, label
    └── README.md            where they come from, under which licence, what was changed

Nothing here depends on a model. `python -m tests.benchmarks.searching --out assets/search.json` measures how well the
shipped one finds them, and names the examples that work; run it when other weights ship.
"""

import json
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, NamedTuple

import tyro
from PIL import Image

from core import RequestError
from core.command import run_command
from core.encoding import picture_bytes
from core.files import Output, require_output, write_whole
from core.parquet_files import read_table
from core.pictures.image import load_image
from core.wording import counted

PROGRAM = "python -m train.photographs"
SOURCE = "caltech101"
"""Rows of this `source` are taken, no others: their licence allows it."""
EACH = 10
SHORT_SIDE = 160
QUALITY = 80


class Kind(NamedTuple):
    """Classes of one kind, and how many of them ship."""

    name: str
    wanted: int
    classes: tuple[str, ...]


KINDS = (
    Kind(
        "animal", 12,
        ("Leopards", "ant", "bass", "beaver", "butterfly", "cougar_body", "crab", "crayfish", "crocodile", "dalmatian",
         "dolphin", "dragonfly", "elephant", "emu", "flamingo", "gerenuk", "hawksbill", "hedgehog", "ibis", "kangaroo",
         "llama", "lobster", "mayfly", "nautilus", "octopus", "okapi", "panda", "pigeon", "platypus", "rhino",
         "rooster", "scorpion", "sea_horse", "starfish", "tick", "wild_cat"),
    ),
    Kind("vehicle", 5, ("Motorbikes", "airplanes", "car_side", "ferry", "helicopter", "ketch", "schooner")),
    Kind(
        "instrument", 4,
        ("accordion", "electric_guitar", "euphonium", "grand_piano", "mandolin", "metronome", "saxophone"),
    ),
    Kind("plant", 3, ("bonsai", "joshua_tree", "lotus", "strawberry", "sunflower", "water_lilly")),
    Kind(
        "thing", 6,
        ("anchor", "barrel", "binocular", "buddha", "camera", "ceiling_fan", "cellphone", "chair", "chandelier", "cup",
         "ewer", "gramophone", "headphone", "inline_skate", "lamp", "laptop", "menorah", "scissors", "soccer_ball",
         "stapler", "stop_sign", "umbrella", "watch", "wheelchair", "windsor_chair", "wrench"),
    ),
)  # fmt: skip
"""For variety. Left out: faces and heads, drawn characters, symbols, money, weapons, buildings, fossils, food."""
RULE = (
    "Of each kind (12 animals, 5 vehicles, 4 instruments, 3 plants, 6 things) the classes with the most photographs in "
    "the files, ties by name; of each class ten photographs at equal distances in the order of their names. No model was "
    "asked."
)
NOTICE = f"""# Photographs

300 photographs of 30 classes from Caltech-101, by Fei-Fei Li, Marco Andreeto, Marc'Aurelio Ranzato and Pietro Perona
(<https://doi.org/10.22002/D1.20086>), published under the Creative Commons Attribution 4.0 International licence,
<https://creativecommons.org/licenses/by/4.0/>. They stay under that licence.

Changed: made smaller, the shorter side at most {SHORT_SIDE} pixels, and written as WebP.

Chosen by a rule. {RULE}

The model that ships was trained on these photographs, among others, without their labels.

`python -m train.photographs --data FILES.parquet --out DIR` wrote this folder.
"""


@dataclass(frozen=True)
class Command:
    """Choose photographs of Caltech-101 by a fixed rule, make them small, and write them as class folders."""

    data: tuple[Path, ...]
    """Parquet files with the columns image (struct of bytes and path), label and source."""
    out: Annotated[Path, Output.NEW_FOLDER]
    """The folder to make; it must not hold anything yet."""


class Row(NamedTuple):
    """One photograph of the files."""

    label: str
    path: str
    data: bytes


def chosen(rows: Sequence[Row], kinds: Sequence[Kind] = KINDS, each: int = EACH) -> Iterator[tuple[Kind, Row]]:
    """The photographs that ship, by RULE. RequestError where there are fewer classes or photographs than that."""
    of_label: dict[str, list[Row]] = {}
    for row in sorted(rows, key=lambda row: row.path):
        of_label.setdefault(row.label, []).append(row)
    for kind in kinds:
        enough = [label for label in kind.classes if len(of_label.get(label, ())) >= each]
        if len(enough) < kind.wanted:
            raise RequestError(
                f"--data has {counted(len(enough), 'class', 'classes')} of the kind {kind.name!r} with {each} photographs "
                f"or more of the source {SOURCE!r}; {kind.wanted} are needed. Give all of its files."
            )
        for label in sorted(enough, key=lambda label: (-len(of_label[label]), label))[: kind.wanted]:
            those = of_label[label]
            yield from ((kind, those[number * len(those) // each]) for number in range(each))


def small(data: bytes) -> bytes:
    """The photograph as a WebP, its shorter side SHORT_SIDE pixels at most."""
    image = load_image(data)
    factor = min(1.0, SHORT_SIDE / min(image.size))
    width, height = (max(1, round(side * factor)) for side in image.size)
    return picture_bytes(image.resize((width, height), Image.Resampling.LANCZOS), "WEBP", quality=QUALITY, method=6)


def write_photographs(data: Sequence[Path], out: Path) -> int:
    """Write the photographs, their table and the notice; how many there are.

    Raises RequestError where `out` holds something already, and as `chosen`.
    """
    require_output(out, Output.NEW_FOLDER)
    picked = list(chosen(list(_rows(data))))
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{out.name}-", dir=out.parent) as made:
        folder, table = Path(made) / out.name, []
        for kind, row in picked:
            file = f"{row.label}/{row.label}_{Path(row.path).stem.removeprefix('image_')}.webp"
            (folder / row.label).mkdir(parents=True, exist_ok=True)
            (folder / file).write_bytes(small(row.data))
            table.append(json.dumps({"file": file, "kind": kind.name, "label": row.label}))
        write_whole(folder / "table.json", "[\n" + ",\n".join(table) + "\n]\n")
        write_whole(folder / "README.md", NOTICE)
        if out.exists():
            out.rmdir()
        os.replace(folder, out)
    return len(picked)


def _rows(files: Sequence[Path]) -> Iterator[Row]:
    for file in files:
        for row in read_table(file, ("image", "label", "source")).to_pylist():
            if row["source"] == SOURCE:
                yield Row(row["label"], row["image"]["path"], row["image"]["bytes"])


def main(words: list[str]) -> int:
    """Run the command with a command line; the exit status."""

    def write(command: Command) -> None:
        print(f"{counted(write_photographs(command.data, command.out), 'photograph')} in {command.out}")

    return run_command(PROGRAM, lambda: tyro.cli(Command, args=words, prog=PROGRAM), write)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
