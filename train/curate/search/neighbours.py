"""Neighbours on disk: for each image of one set its nearest of another, a Parquet part per block of images."""

import logging
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from tqdm import tqdm

from train import dist
from train.curate.embeddings import Embeddings, parts_of
from train.curate.folder import Parts, Record, key_of, prepare, read_found, write_found, write_table
from train.curate.search.inverted import InvertedSearch
from train.curate.search.nearest import ExactSearch, Plan, Search, gather, plan_search
from train.dist import World

log = logging.getLogger(__name__)

FOUND, INDEX = "found.json", "index.faiss"
MOST_QUERIES, LEAST_QUERIES = 65_536, 1024


class NeighbourQuery(NamedTuple):
    """A search: for each of `rows` of `queries`, its k nearest among `bank_rows` of `bank`."""

    queries: Embeddings
    rows: np.ndarray
    bank: Embeddings
    bank_rows: np.ndarray
    k: int
    floor: float
    """Neighbours at or below this cosine are left out."""
    recall: float
    """The share of true neighbours above the floor that an approximate search must find."""


class Neighbours(NamedTuple):
    """Parts with the columns `row`, `neighbour`, `cosine`, nearest first for each row, and how they were found."""

    parts: Parts
    record: Record


def neighbours(root: Path, name: str, query: NeighbourQuery, made_from: str, memory: float, world: World) -> Neighbours:
    """The neighbours asked for, searched or found on disk. An image is never its own neighbour. Every rank calls it.

    `made_from` is a key of all that decides the rows. Rows are divided over the processes, which find the same
    however many they are.
    """
    plan = plan_search(len(query.rows), len(query.bank_rows), query.bank.vectors.shape[1], memory, world.device.type)
    folder = root / "search" / name
    block = int(np.clip(len(query.rows) // 64, LEAST_QUERIES, MOST_QUERIES))
    settings = {"from": made_from, "k": query.k, "floor": query.floor, "recall": query.recall, "block": block}
    prepare(folder, settings | plan._asdict(), world)
    parts = Parts(folder, parts_of(len(query.rows), block))
    record, whole = read_found(folder / FOUND), all(path.exists() for path in parts.paths)
    dist.wait()
    if record is None or not whole:
        search, recall = _open_search(query, plan, folder, world)
        _search(query, search, parts, block, name, world)
        dist.wait()
        if world.leads:
            tuned = {name: getattr(search, name, None) for name in ("probes", "candidates")}
            found = plan._asdict() | {"recall": recall, "k": query.k} | tuned
            write_found(folder / FOUND, key_of(settings, plan), found)
            (folder / INDEX).unlink(missing_ok=True)
        dist.wait()
        record = Record(read_found(folder / FOUND) or {})
    return Neighbours(parts, record)


def _open_search(query: NeighbourQuery, plan: Plan, folder: Path, world: World) -> tuple[Search, float]:
    """A search, and the recall it has."""
    if plan.method == "exact":
        return ExactSearch(query.bank.vectors, query.bank_rows, world.device), 1.0
    search = InvertedSearch(query.bank.vectors, query.bank_rows, plan, folder / INDEX, world)
    reached = search.tune(query.queries.vectors, query.rows, query.k, query.floor, query.recall)
    if reached < query.recall:
        log.warning(
            "Search finds %.3f of the neighbours, %.3f were asked for: allow more --memory", reached, query.recall
        )
    return search, reached


def _search(query: NeighbourQuery, search: Search, parts: Parts, block: int, name: str, world: World) -> None:
    missing = parts.missing(world)
    same = query.queries is query.bank
    for number in tqdm(missing, desc=f"search {name}", unit=" blocks", disable=not (world.leads and missing)):
        rows = query.rows[number * block : (number + 1) * block]
        found = search.nearest(gather(query.queries.vectors, rows).numpy(), query.k + same)
        own = same & (found.places == rows[:, None])
        if same:  # where many are equal an image may not be among its own nearest: then the last one goes
            own[~own.any(axis=1), -1] = True
        kept = (found.cosines > query.floor) & (found.places >= 0) & ~own
        table = pa.table(
            {
                "row": np.repeat(rows, kept.sum(axis=1)),
                "neighbour": found.places[kept],
                "cosine": found.cosines[kept],
            }
        )
        write_table(parts.path(number), table)
