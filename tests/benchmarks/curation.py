"""How curation grows, and what of it is right: `python -m tests.benchmarks.curation 100000 1000000`.

Vectors of 384 numbers with planted near-duplicates, clusters, wanted clusters and images too close to an evaluation
set go through every step, each in a process of its own, whose time and peak of memory (pages of mapped files
included) are printed with the precision and recall of what was planted. `--work` is a folder for the files, some 6 GB
for a million; what was finished there is not done again.
"""

import argparse
import math
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow.parquet as pq

from train.curate.embeddings import open_embeddings
from train.curate.folder import read_arrays, read_record, write_arrays
from train.curate.steps import deduplicate
from train.curate.steps.cluster import labels_of
from train.curate.steps.embed import adopt

WIDTH = 384
WITHIN = 0.35
"""Cosine of two images of a cluster, on average."""
COPIED = (0.75, 0.98)
"""Cosines of copies with their originals."""
COPIES, CURATED, WANTED, EVALUATION = 0.1, 0.005, 0.1, 0.002
"""Shares: of the pool that are copies, of curated images to the pool, of clusters that they are from, of evaluation
images, each of which an image of the pool is too close to."""
BLOCK = 65_536


class Step(NamedTuple):
    name: str
    seconds: float
    computed: float
    """Seconds of processor time over all cores: what other programs on the machine change least."""
    gib: float


def noise(centres: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Of length 1, at right angles to each row."""
    drawn = random.standard_normal(centres.shape, dtype=np.float32)
    drawn -= (drawn * centres).sum(axis=1, keepdims=True) * centres
    return drawn / np.linalg.norm(drawn, axis=1, keepdims=True)


def turned(vectors: np.ndarray, cosines: np.ndarray | float, random: np.random.Generator) -> np.ndarray:
    """Vectors of unit length at these cosines to the given ones."""
    cosines = np.broadcast_to(np.asarray(cosines, np.float32), len(vectors))[:, None]
    return cosines * vectors + np.sqrt(1 - cosines**2) * noise(vectors, random)


def plant(root: Path, images: int) -> None:
    """Write the vectors of all sets, and the truth about them to truth.npz."""
    random = np.random.default_rng(0)
    copies = int(COPIES * images)
    originals, clusters = images - copies, round(math.sqrt(images))
    centres = noise(np.zeros((clusters, WIDTH), np.float32), random)
    labels = random.integers(0, clusters, originals)
    copied = random.choice(originals, copies, replace=False)
    pool = np.lib.format.open_memmap(root / "planted.npy", "w+", np.float16, (images, WIDTH))
    for start in range(0, originals, BLOCK):
        mine = slice(start, min(start + BLOCK, originals))
        pool[mine] = turned(centres[labels[mine]], math.sqrt(WITHIN), random)
    for start in range(0, copies, BLOCK):
        mine = copied[start : start + BLOCK]
        there = originals + start
        cosines = random.uniform(*COPIED, len(mine))
        pool[there : there + len(mine)] = turned(pool[mine].astype(np.float32), cosines, random)
    wanted = np.arange(max(1, int(WANTED * clusters)))
    curated = turned(centres[random.choice(wanted, int(CURATED * images))], math.sqrt(WITHIN), random)
    close = random.choice(originals, int(EVALUATION * images), replace=False)
    evaluation = turned(pool[np.sort(close)].astype(np.float32), 0.8, random)
    adopt(root, {"pool": pool, "curated": curated, "evaluation": evaluation})
    (root / "planted.npy").unlink()
    write_arrays(
        root / "truth.npz", labels=labels[np.r_[:originals, copied]], copied=copied, wanted=wanted, close=close
    )


def run(root: Path, *words: str) -> Step:
    """One step in a process of its own."""
    started = time.perf_counter()
    process = subprocess.Popen([sys.executable, "-m", "train.curate", *words, "--out", str(root)])
    _, status, used = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"{' '.join(words)} ended with status {status}")
    scale = 2**30 if sys.platform == "darwin" else 2**20
    return Step(words[0], time.perf_counter() - started, used.ru_utime + used.ru_stime, used.ru_maxrss / scale)


def share(right: np.ndarray) -> float:
    return float(right.mean()) if len(right) else float("nan")


def quality(root: Path) -> dict[str, str]:
    """What each step found of what was planted."""
    truth, table = read_arrays(root / "truth.npz"), pq.read_table(root / deduplicate.TABLE)
    fate = table["fate"].combine_chunks().indices.to_numpy()
    because, group = table["because"].to_numpy(), table["component"].to_numpy()
    originals = len(fate) - len(truth["copied"])
    of = np.r_[np.arange(originals), truth["copied"]]
    dropped = np.flatnonzero(fate == deduplicate.COPY)
    close = np.flatnonzero(fate == deduplicate.IN_EVALUATION)
    labels = labels_of(root, open_embeddings(root, "pool"), "pool")
    found = np.zeros((labels.max() + 1, truth["labels"].max() + 1), np.int32)
    np.add.at(found, (labels, truth["labels"]), 1)
    taken = np.unique(pq.read_table(root / "retrieved.parquet")["row"].to_numpy())
    search = read_record(root, "deduplicate")["search"]["pool"]
    return {
        "deduplicate": f"{search['method']}, recall {search['recall']:.3f} · copies: "
        f"precision {share(of[because[dropped]] == of[dropped]):.4f}, "
        f"recall {share(group[originals:] == group[truth['copied']]):.4f} · evaluation: "
        f"precision {share(np.isin(of[close], truth['close'])):.3f}, "
        f"recall {share(fate[truth['close']] == deduplicate.IN_EVALUATION):.3f}",
        "cluster": f"{len(found)} clusters: purity {found.max(axis=1).sum() / len(labels):.4f}, "
        f"completeness {found.max(axis=0).sum() / len(labels):.4f}",
        "retrieve": f"{len(taken)} taken: precision {share(np.isin(truth['labels'][taken], truth['wanted'])):.4f}",
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("images", type=int, nargs="+")
    parser.add_argument("--work", type=Path, default=None)
    parser.add_argument("--memory", default="4")
    options = parser.parse_args()
    work = options.work or Path(tempfile.mkdtemp(prefix="curation-"))
    measured: dict[int, list[Step]] = {}
    for images in options.images:
        root = work / f"{images}"
        root.mkdir(parents=True, exist_ok=True)
        if not (root / "truth.npz").exists():
            plant(root, images)
        measured[images] = [
            run(root, "deduplicate", "--memory", options.memory),
            run(root, "cluster"),
            run(root, "retrieve", "--memory", options.memory),
            run(root, "report"),
        ]
        found, size = quality(root), sum(file.stat().st_size for file in root.rglob("*") if file.is_file())
        print(
            f"\n{images:,} × {WIDTH}, {size / 2**20:,.0f} MiB on disk\n{'step':12}{'seconds':>9}{'CPU s':>9}{'GiB':>7}  of what was planted"
        )
        for step in measured[images]:
            print(f"{step.name:12}{step.seconds:9.1f}{step.computed:9.1f}{step.gib:7.2f}  {found.get(step.name, '')}")
    if len(measured) > 1:
        few, many = min(measured), max(measured)
        print(f"\nfrom {few:,} to {many:,} images, processor time grows with the power")
        for first, last in zip(measured[few], measured[many], strict=True):
            print(f"{first.name:12}{math.log(last.computed / first.computed) / math.log(many / few):9.2f}")


if __name__ == "__main__":
    main()
