"""Curated against uncurated: `python -m tests.benchmarks.curation_training --world WORLD --others PHOTOGRAPHS --work DIR`.

A pool of pictures of the small world, photographs of other things, and near-duplicates of both is curated for further
pictures of that world. One recipe then learns from what was retrieved, and from as many pictures of the pool drawn
at random, each with the same seeds, and every model is read on the emergence scale, whose scenes are of that world.
The curated pictures themselves are not trained on. What is in `--work` is not made again.

    python -m train.world --count 16000 --size 128 --domains photo photo photo cartoon sketch night --out WORLD
"""

import argparse
import io
import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from core import load_image
from core.records.curation import FATES
from train.curate.steps.pack import SCHEMA
from train.data.sources import Source, open_source, some_of
from train.world.duplicates import near_duplicate

CURATED, WANTED, OTHERS, COPIES = 1000, 4000, 4000, 2000
"""Pictures: of the curated set; and of the pool, of that world, of other things, and near-duplicates of any of these."""
GROUP = 256
ARMS = ("curated", "random")
Row = dict[str, object]


def make_sets(work: Path, world: Path, others: Path) -> None:
    """curated.parquet and pool.parquet, whose labels say what each picture is."""
    random = np.random.default_rng(0)
    rendered = open_source(world / "images")
    places = random.permutation(len(rendered))[: CURATED + WANTED].tolist()
    write(work / "curated.parquet", (_row(rendered, place, "wanted") for place in places[:CURATED]))
    foreign = some_of(open_source(others), OTHERS)
    pool = [_row(rendered, place, "wanted") for place in places[CURATED:]]
    pool += [_row(foreign, place, "other") for place in range(OTHERS)]
    copied = random.integers(0, len(pool), COPIES).tolist()
    pool += [_copy(pool[place], random) for place in copied]
    write(work / "pool.parquet", (pool[place] for place in random.permutation(len(pool)).tolist()))


def _row(source: Source, place: int, label: str) -> Row:
    return {"image": {"bytes": source.read(place).data, "path": f"{label}-{place}"}, "label": label}


def _copy(row: Row, random: np.random.Generator) -> Row:
    image = np.asarray(load_image(row["image"]["bytes"]))
    copy, kind = near_duplicate(image, random)
    file = io.BytesIO()
    Image.fromarray(copy).save(file, "WEBP", quality=92)
    return {
        "image": {"bytes": file.getvalue(), "path": f"{row['image']['path']}-{kind}"},
        "label": f"{row['label']} copy",
    }


def write(path: Path, rows: Iterator[Row]) -> None:
    pq.write_table(pa.Table.from_pylist(list(rows), schema=SCHEMA), path, row_group_size=GROUP)


def run(*words: object) -> None:
    """A program of this project in a process of its own; the end of all where it fails."""
    print(f"python -m {' '.join(map(str, words))}", flush=True)
    if status := subprocess.call([sys.executable, "-m", *map(str, words)]):
        sys.exit(f"{words[0]} ended with status {status}")


def choose(work: Path, options: argparse.Namespace) -> None:
    """Write what each arm and seed learns from: the retrieved pictures, and as many at random; told with what they are."""
    out, pool = work / "curation", open_source(work / "pool.parquet")
    run(
        *("train.curate", "--curated", work / "curated.parquet", "--pool", work / "pool.parquet", "--out", out),
        *("--embed.model", options.model, "--embed.size", options.size),
        *("--deduplicate.threshold", options.threshold, "--retrieve.k", options.k),
    )
    fates = pq.read_table(out / FATES, columns=["set", "row", "kept"]).to_pandas()
    kept = fates[(fates.set == "pool") & fates.kept].row.to_numpy()
    labels = np.array([pool.label(place) for place in range(len(pool))])
    kinds = sorted(set(labels))
    print(f"\n{'':28}{'pictures':>9}" + "".join(f"{kind:>14}" for kind in kinds))
    chosen = {"the pool": np.arange(len(pool)), "curated": kept} | {
        f"random {seed}": np.sort(np.random.default_rng([1, seed]).choice(len(pool), len(kept), replace=False))
        for seed in range(options.seeds)
    }
    for name, rows in chosen.items():
        shares = "".join(f"{(labels[rows] == kind).mean():14.3f}" for kind in kinds)
        print(f"{name:28}{len(rows):9,}{shares}", flush=True)
        if name != "the pool":
            write(work / f"learn-{name.replace(' ', '-')}.parquet", (_row(pool, int(row), labels[row]) for row in rows))


def learnt_from(work: Path, arm: str, seed: int) -> Path:
    return work / ("learn-curated.parquet" if arm == "curated" else f"learn-random-{seed}.parquet")


def learn(work: Path, arm: str, seed: int, options: argparse.Namespace) -> dict[str, dict[str, float]]:
    """Train, read the scale: by title of the row, the value of each column."""
    out, scores = work / f"run-{arm}-{seed}", work / f"{arm}-{seed}.json"
    if not (out / "account.json").exists():
        schedule = ("--optim.steps", options.steps, "--optim.temperature-warmup-steps", options.steps)
        schedule += ("--phases", "--seed", seed)
        resume = ("--resume",) if (out / "config.json").exists() else ("--recipe", options.recipe, *schedule)
        run("train.pretrain", "--data", learnt_from(work, arm, seed), "--out", out, *resume)
    if not scores.exists():
        baselines = "--baselines" if seed == 0 and arm == "curated" else "--no-baselines"
        run("train.evaluate", "emergence", "--model", out, "--out", scores, "--seed", 1, "--workers", 1, baselines)
    rows = json.loads(scores.read_text(encoding="utf-8"))["rows"]
    return {row["title"]: {one["of"]: one["value"] for one in row["values"]} | {"best": row["better"]} for row in rows}


def tell(found: dict[str, Sequence[dict]]) -> None:
    """A row for each measure: both arms by seed and on average, and what the same network is without training."""
    first = found["curated"][0]
    print(
        f"\n{'':28}"
        + "".join(f"{arm:>10}{'by seed':>{8 * len(seeds) + 2}}" for arm, seeds in found.items())
        + f"{'no training':>13}"
    )
    for title, values in first.items():
        cells = ""
        for seeds in found.values():
            each = [next(iter(one[title].values())) for one in seeds]
            cells += f"{np.mean(each):10.3f}  " + "".join(f"{value:8.3f}" for value in each)
        arrow = "↑" if values["best"] == "higher" else "↓"
        print(f"{f'{title} {arrow}':28}{cells}{values['no training']:13.3f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--world", type=Path, required=True)
    parser.add_argument("--others", type=Path, required=True, help="photographs of other things")
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--model", default="embedded", help="whose features curation sees")
    parser.add_argument("--size", type=int, default=126)
    parser.add_argument("--threshold", type=float, default=0.98, help="for near-duplicates; what suits the model")
    parser.add_argument("--k", type=int, default=4)
    parser.add_argument("--recipe", default="shipped")
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--seeds", type=int, default=2)
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    if not (options.work / "pool.parquet").exists():
        make_sets(options.work, options.world, options.others)
    if not all(learnt_from(options.work, arm, seed).exists() for arm in ARMS for seed in range(options.seeds)):
        choose(options.work, options)
    found: dict[str, list[dict]] = {arm: [] for arm in ARMS}
    for seed in range(options.seeds):
        for arm in ARMS:
            found[arm].append(learn(options.work, arm, seed, options))
    tell(found)


if __name__ == "__main__":
    main()
