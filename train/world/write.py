"""Folders of pictures from the small world, with everything known about them.

    DIR/
    ├── images/CATEGORY/NAME.webp   the pictures, in class folders: what training and evaluation are pointed at
    ├── masks/CATEGORY/NAME.png     0 background, 1, 2, … the objects
    ├── parts/CATEGORY/NAME.png     indices into PARTS
    ├── depth/CATEGORY/NAME.png     16 bit, millimetres along the optical axis; 0 where unknown or beyond 65.5 m
    └── truth.parquet               one row per picture: `ROW` says which columns

Made in a folder beside DIR and renamed at the end, so that DIR is whole or not there.
"""

import json
import multiprocessing
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image
from tqdm import tqdm

from core.encoding import picture_bytes
from core.errors import RequestError
from core.files import Output, require_output
from train.world import CATEGORIES, DOMAINS, KEYPOINTS, PARTS, Picture, WorldConfig, near_duplicate, render
from train.world.names import HELD_OUT

QUALITY = 92
ROW = (
    "file",
    "seed",
    "domain",
    "category",
    "family",
    "objects",
    "count",
    "occluded",
    "foreground",
    "keypoints",
    "intrinsics",
    "extrinsics",
    "copy_of",
    "copy_kind",
)
"""Columns of truth.parquet. `keypoints` is a list of structs (name, instance, x, y, visible); `intrinsics` 9 and
`extrinsics` 12 numbers, row by row; `copy_of` is the file that a near-duplicate was made from. Masks, parts and depth
of a near-duplicate are not written: the copy's own geometry may differ."""


class Order(NamedTuple):
    """One picture to be made: its number, seed, category and domain, and the kind of scenes."""

    number: int
    seed: int
    category: str
    domain: str
    size: int
    options: WorldConfig
    copied: bool


def write_world(
    out: Path,
    count: int,
    size: int = 224,
    seed: int = 0,
    categories: Sequence[str] = tuple(CATEGORIES),
    domains: Sequence[str] = ("photo",),
    duplicates: float = 0.0,
    workers: int = 1,
    options: WorldConfig = WorldConfig(),  # noqa: B008 (frozen)
) -> int:
    """Write `count` pictures, categories and domains in turn, and near-duplicates of a share of them; returns how
    many pictures there are in all.

    Picture n has the seed `seed + n`. Raises RequestError where `out` is not empty, or for a count, share, size,
    category or domain that cannot be.
    """
    require_output(out, Output.NEW_FOLDER)
    _check(count, categories, domains, duplicates, workers)
    _check_seeds(seed, count)
    copied = np.random.default_rng([seed, 4]).random(count) < duplicates
    orders = [
        Order(
            n,
            seed + n,
            categories[n % len(categories)],
            domains[n // len(categories) % len(domains)],
            size,
            options,
            bool(copied[n]),
        )
        for n in range(count)
    ]
    out.parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=f".{out.name}-", dir=out.parent))
    try:
        for kind in ("images", "masks", "parts", "depth"):
            for category in sorted(set(categories)):
                (folder / kind / category).mkdir(parents=True)
        rows = [row for rows in tqdm(_made(orders, folder, workers), total=count, unit="picture") for row in rows]
        _write_table(folder / "truth.parquet", rows)
        folder.chmod(0o755)  # mkdtemp lets nobody else in
        if out.exists():
            out.rmdir()
        folder.rename(out)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return len(rows)


def _check(count: int, categories, domains, duplicates: float, workers: int) -> None:
    if count < 1 or workers < 1:
        raise RequestError(f"{count} pictures by {workers} workers cannot be made; both must be at least 1.")
    if not 0 <= duplicates <= 1:
        raise RequestError(f"The share of duplicates is {duplicates}; give one from 0 to 1.")
    for given, known, what in ((categories, CATEGORIES, "categories"), (domains, DOMAINS, "domains")):
        unknown = [name for name in given if name not in known]
        if unknown or not given:
            raise RequestError(f"Unknown {what}: {', '.join(unknown) or 'none given'}; choose from {', '.join(known)}.")


def _check_seeds(seed: int, count: int) -> None:
    if seed < 0 or seed + count > HELD_OUT:
        raise RequestError(
            f"Seeds {seed} to {seed + count - 1} are not all between 0 and {HELD_OUT - 1:,}; scenes from {HELD_OUT:,} "
            "on are kept for judging what a model has learned."
        )


def _made(orders: list[Order], folder: Path, workers: int) -> Iterator[list[dict]]:
    """The rows of every picture, as they are written; in the order of the orders."""
    tasks = [(order, folder) for order in orders]
    if workers == 1:
        yield from map(_make, tasks)
        return
    _make_ready()
    with multiprocessing.get_context("spawn").Pool(workers) as pool:
        yield from pool.imap(_make, tasks, chunksize=4)


def _make_ready() -> None:
    """Compile the kernels once, before several processes would each do it."""
    render(0, "duck", size=32)


def _make(task: tuple[Order, Path]) -> list[dict]:
    order, folder = task
    picture = render(order.seed, order.category, order.domain, order.size, order.options)
    name = f"{order.category}/{order.category}_{order.number:06d}"
    truth = picture.truth
    _webp(picture.image, folder / "images" / f"{name}.webp")
    Image.fromarray(truth.instances).save(folder / "masks" / f"{name}.png")
    Image.fromarray(truth.parts).save(folder / "parts" / f"{name}.png")
    millimetres = np.round(truth.depth * 1000.0)
    Image.fromarray(np.where(millimetres < 65536, millimetres, 0).astype(np.uint16)).save(
        folder / "depth" / f"{name}.png"
    )
    rows = [_row(picture, f"{name}.webp")]
    if order.copied:
        copy, kind = near_duplicate(picture.image, np.random.default_rng([order.seed, 5]))
        _webp(copy, folder / "images" / f"{name}_copy.webp")
        rows.append(
            rows[0] | {"file": f"{name}_copy.webp", "keypoints": [], "copy_of": f"{name}.webp", "copy_kind": kind}
        )
    return rows


def _webp(image: np.ndarray, path: Path) -> None:
    path.write_bytes(picture_bytes(image, "WEBP", quality=QUALITY, method=2))


def _row(picture: Picture, file: str) -> dict:
    truth = picture.truth
    return {
        "file": file,
        "seed": truth.seed,
        "domain": picture.domain,
        "category": truth.category,
        "family": truth.family,
        "objects": list(truth.objects),
        "count": len(truth.objects),
        "occluded": truth.occluded,
        "foreground": float(truth.mask.mean()),
        "keypoints": [point._asdict() for point in truth.keypoints],
        "intrinsics": truth.camera.intrinsics.ravel().tolist(),
        "extrinsics": truth.camera.extrinsics.ravel().tolist(),
        "copy_of": None,
        "copy_kind": None,
    }


def _write_table(path: Path, rows: list[dict]) -> None:
    import pyarrow
    import pyarrow.parquet

    text, number = pyarrow.string(), pyarrow.float64()
    point = pyarrow.struct(
        [("name", text), ("instance", pyarrow.int64()), ("x", number), ("y", number), ("visible", pyarrow.bool_())]
    )
    types = dict.fromkeys(ROW, text) | {
        "seed": pyarrow.int64(),
        "objects": pyarrow.list_(text),
        "count": pyarrow.int64(),
        "occluded": pyarrow.bool_(),
        "foreground": number,
        "keypoints": pyarrow.list_(point),
        "intrinsics": pyarrow.list_(number),
        "extrinsics": pyarrow.list_(number),
    }
    names = {"parts": PARTS, "keypoints": KEYPOINTS, "categories": CATEGORIES}
    schema = pyarrow.schema(list(types.items()), {f"world.{key}": json.dumps(value) for key, value in names.items()})
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows, schema), path)
