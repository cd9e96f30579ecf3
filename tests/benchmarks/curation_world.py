"""Curation where the truth is known: `python -m tests.benchmarks.curation_world --model embedded`.

First a world with near-duplicates: for each threshold, which share of what would be dropped is a copy of what is kept
(precision), and which share of the copies is joined with its original (recall), by what was done to it. Then a pool
in four domains, of which a curated set of photographs of a few categories wants some: which share of what the nearest
bring is of the wanted domain, of the wanted categories, and of both, beside a random choice. `--model colour` compares
thumbnails of 8 × 8 pixels instead of features: what a model has to beat.
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import torch

from core import load_image
from train.curate.config import DeduplicateConfig, EmbedConfig, RetrieveConfig
from train.curate.embeddings import ImageRow, open_embeddings
from train.curate.folder import Parts
from train.curate.steps.components import Components
from train.curate.steps.deduplicate import deduplicate
from train.curate.steps.embed import adopt, embed, open_given
from train.curate.steps.retrieve import retrieve
from train.dist import World
from train.evaluate.emergence.features import colour_encoder
from train.world.write import write_world

THRESHOLDS = (0.45, 0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.92, 0.94, 0.96, 0.98, 0.99, 0.995, 0.998)
WANTED = ("cat", "dog", "horse", "owl", "duck")
CURATED_SEED = 500_000
"""The curated set shows other scenes than the pool."""
ALONE = World(0, 1, torch.device("cuda" if torch.cuda.is_available() else "cpu"))


def world(folder: Path, count: int, size: int, **given) -> dict[str, dict]:
    """The rows of a world's truth by file, written if it is not there."""
    if not folder.exists():
        write_world(folder, count, size, **given)
    return {row["file"]: row for row in pq.read_table(folder / "truth.parquet").to_pylist()}


def see(root: Path, sets: dict[str, Path], config: EmbedConfig) -> None:
    """Vectors of the images in each folder, by the model or by colour alone."""
    if config.model != "colour":
        embed(root, {name: [path] for name, path in sets.items()}, config, ALONE)
        return
    images: list[np.ndarray] = []
    rows: dict[str, list[ImageRow]] = {}
    for name, path in sets.items():
        source, rows[name] = open_given([path]).source, []
        for place in range(len(source)):
            one = source.read(place)
            images.append(np.asarray(load_image(one.data)))
            rows[name].append(ImageRow(one.name, 0, one.label, *images[-1].shape[:2], len(one.data), None))
    thumbnails = colour_encoder(1)(images).cls.split([len(some) for some in rows.values()])
    adopt(root, {name: some.numpy() for name, some in zip(rows, thumbnails, strict=True)}, rows)


def truth_of(root: Path, name: str, truth: dict[str, dict]) -> list[dict]:
    """The truth about each row of a set."""
    images = open_embeddings(root, name)
    return [truth["/".join(Path(row.name).parts[-2:])] for row in images.rows(np.arange(len(images)))]


def by_threshold(root: Path, truth: list[dict]) -> None:
    """Print precision and recall of near-duplicates for each threshold."""
    places = {row["file"]: place for place, row in enumerate(truth)}
    copies = np.array([place for place, row in enumerate(truth) if row["copy_of"]])
    originals = np.array([places[truth[place]["copy_of"]] for place in copies])
    kinds = np.array([truth[place]["copy_kind"] for place in copies])
    of = np.arange(len(truth))
    of[copies] = originals
    parts = Parts(root / "search" / "pool", len(list((root / "search" / "pool").glob("*.parquet"))))
    print(f"\n{len(truth)} pictures, {len(copies)} of them near-duplicates; recall by what was done")
    print(
        f"{'threshold':>10}{'precision':>11}{'recall':>8}{'largest':>9}"
        + "".join(f"{kind:>12}" for kind in sorted(set(kinds)))
    )
    for threshold in THRESHOLDS:
        graph = Components(len(truth))
        for table in parts.tables():
            near = table["cosine"].to_numpy() > threshold
            graph.add(*(table[name].to_numpy()[near] for name in ("row", "neighbour", "cosine")))
        roots = graph.roots
        dropped = np.flatnonzero(roots != np.arange(len(roots)))
        right = (of[dropped] == of[roots[dropped]]).mean() if len(dropped) else float("nan")
        joined = roots[copies] == roots[originals]
        each = "".join(f"{joined[kinds == kind].mean():12.3f}" for kind in sorted(set(kinds)))
        print(f"{threshold:10.3f}{right:11.3f}{joined.mean():8.3f}{np.bincount(roots).max():9d}{each}")


def wanted(root: Path, truth: list[dict], k: int, threshold: float) -> None:
    """Print which share of what is retrieved is wanted."""
    deduplicate(root, DeduplicateConfig(threshold=threshold, evaluation_threshold=threshold), 4, ALONE)
    photo = np.array([row["domain"] == "photo" for row in truth])
    category = np.array([row["category"] in WANTED for row in truth])
    print(f"\nshare of what is retrieved that is wanted: photographs of {', '.join(WANTED)}")
    print(f"{'':24}{'images':>8}{'domain':>9}{'category':>10}{'both':>8}")
    for label, chosen in (
        ("a random choice", np.arange(len(truth))),
        *((f"{one} nearest of each", _taken(root, one)) for one in (1, k)),
    ):
        shares = (photo[chosen].mean(), category[chosen].mean(), (photo & category)[chosen].mean())
        print(f"{label:24}{len(chosen):8d}{shares[0]:9.3f}{shares[1]:10.3f}{shares[2]:8.3f}")


def _taken(root: Path, k: int) -> np.ndarray:
    retrieve(root, RetrieveConfig(k=k), 4, ALONE)
    return np.unique(pq.read_table(root / "retrieved.parquet")["row"].to_numpy())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--model", default="embedded", help="whose features, or colour")
    parser.add_argument("--count", type=int, default=1200, help="pictures of each world")
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--k", type=int, default=4)
    parser.add_argument("--threshold", type=float, default=0.9, help="for copies, before retrieval")
    parser.add_argument("--work", type=Path, default=None, help="worlds that are there are not drawn again")
    options = parser.parse_args()
    work = options.work or Path(tempfile.mkdtemp(prefix="curation-world-"))
    config = EmbedConfig(model=options.model, size=options.size)
    name = options.model.replace("/", "_")
    copied = world(work / "copied", options.count, options.size, duplicates=0.5)
    root = work / f"{name}-copied"
    see(root, {"pool": work / "copied" / "images"}, config)
    deduplicate(root, DeduplicateConfig(), 4, ALONE)
    by_threshold(root, truth_of(root, "pool", copied))
    domains = ("photo", "cartoon", "sketch", "night")
    pool = world(work / "domains", options.count, options.size, domains=domains, seed=100_000)
    world(work / "curated", options.count // 12, options.size, categories=WANTED, seed=CURATED_SEED)
    root = work / f"{name}-domains"
    see(root, {"pool": work / "domains" / "images", "curated": work / "curated" / "images"}, config)
    wanted(root, truth_of(root, "pool", pool), options.k, options.threshold)


if __name__ == "__main__":
    main()
