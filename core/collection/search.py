"""From a query to the pictures that answer it and the places where they do: exact, or by an index and then exact.

n pictures, D width of the model, h w cells of a picture.
"""

import threading
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from torch import Tensor

from core.collection.exact import Ranked, merged, nearest, nearest_by_cell
from core.collection.index import PASSED, Index, IndexFacts, Space, build, facts_of, load, memory_budget
from core.collection.query import Mode, Query
from core.collection.records import Record
from core.collection.vectors import Snapshot
from core.errors import CollectionError
from core.pictures.geometry import Geometry

EXACT_VALUES = 100_000_000
"""Numbers that a query is compared with one by one: up to some 0.2 s on two cores. Beyond, an index is worth it."""
STALE_SHARE = 0.2
"""Of vectors that came after the index was built, at which it is built anew."""
CELLS_PER_PICTURE = 4
"""Candidates among cells for each wanted picture, since several may be of one picture."""
SPACES: dict[Mode, Space] = {"cls": "cls", "mean": "mean", "region": "cells"}
_INSTEAD = "Every picture is compared instead, which is slower and exact, until the index is built anew."


@dataclass(frozen=True, eq=False)
class MatchedPart:
    """The part of a picture that matches: `heat` [h, w] float32, the cosine of each cell with the query."""

    heat: np.ndarray
    box: tuple[float, float, float, float]
    """The best cell: left, top, right, bottom in pixels of the original."""
    geometry: Geometry
    """Of the cells on the original picture."""


def place_of(heat: np.ndarray, record: Record, patch: int) -> MatchedPart:
    """The place whose best cell is where `heat` [h, w] is highest, on a picture of that record."""
    rows, columns = heat.shape
    geometry = Geometry(record.height, record.width, rows, columns, patch)
    best = divmod(int(heat.argmax()), columns)
    return MatchedPart(heat, geometry.box(*best), geometry)


@dataclass(frozen=True, eq=False)
class Hit:
    """One result."""

    record: Record
    score: float
    """Cosine with the query in its mode."""
    place: MatchedPart

    @property
    def id(self) -> int:
        return self.record.id

    @property
    def name(self) -> str:
        return self.record.name


@dataclass(frozen=True)
class Method:
    """The current kind of search of a mode."""

    exact: int
    """Pictures or cells compared one by one."""
    index: IndexFacts | None = None

    @property
    def sentence(self) -> str:
        if self.index is None:
            return "exact: compared with every one"
        kind = {"hnsw": "HNSW", "ivfpq": "IVF-PQ"}[self.index.kind]
        return f"{kind} index over {self.index.covered:,}, recall {self.index.recall:.0%}; {self.exact:,} exact"


class Searcher:
    """Searches snapshots of one collection; keeps its indexes loaded."""

    def __init__(self, root: Path, exact_values: int = EXACT_VALUES, budget: int | None = None):
        self.root = root
        self.exact_values = exact_values
        self.budget = memory_budget() if budget is None else budget
        self.problems: dict[Space, str] = {}
        """Why an index that is there is not used; empty where all is well."""
        self._unusable: dict[Space, IndexFacts] = {}
        self._indexes: dict[Space, Index] = {}
        self._loading = threading.Lock()

    def rank(self, snapshot: Snapshot, mode: Mode, vector: Tensor, k: int, rows: np.ndarray) -> Ranked:
        """The best `k` of the rows (ascending) in that mode, whether an index is there, behind, damaged, or not.

        Every row of the answer is whole in all files: damaged ones are left out, and marked in the snapshot's checks.
        """
        while True:
            rows = rows[~snapshot.checks.damaged[rows]]
            found, scores = self._best(snapshot, mode, vector, k, rows)
            if len(snapshot.whole(found)) == len(found):
                return found, scores

    def _best(self, snapshot: Snapshot, mode: Mode, vector: Tensor, k: int, rows: np.ndarray) -> Ranked:
        index = self._index(snapshot, SPACES[mode]) if self._values(snapshot, mode, rows) > self.exact_values else None
        if index is None:
            return _compared(snapshot, mode, vector, k, rows)
        covered = self._covered_rows(snapshot, index.facts)
        near = self._candidates(snapshot, index, vector, k, rows[rows < covered])
        found = [_compared(snapshot, mode, vector, k, part) for part in (near, rows[rows >= covered])]
        return merged(found, k)

    def place(self, snapshot: Snapshot, query: Query, row: int, record: Record) -> MatchedPart:
        """The part of a picture that matches."""
        heat = (snapshot.grid(row) @ snapshot.project(query.place)).numpy()
        return place_of(heat, record, snapshot.about.patch)

    def method(self, snapshot: Snapshot, mode: Mode) -> Method:
        space = SPACES[mode]
        total = len(getattr(snapshot, space))
        everything = np.arange(len(snapshot.alive))
        facts = self._facts(snapshot, space)
        if facts is None or self._values(snapshot, mode, everything) <= self.exact_values:
            return Method(total)
        return Method(total - facts.covered, facts)

    def due(self, snapshot: Snapshot) -> list[Space]:
        """Kinds of vectors that have become so many that an index, or a newer one, is worth it."""
        everything = np.arange(len(snapshot.alive))
        spaces = []
        for mode, space in SPACES.items():
            facts = self._facts(snapshot, space)
            total = len(getattr(snapshot, space))
            behind = facts is None or facts.crc is None or total - facts.covered > STALE_SHARE * facts.covered
            if behind and self._values(snapshot, mode, everything) > self.exact_values:
                spaces.append(space)
        return spaces

    def build(self, snapshot: Snapshot, space: Space) -> IndexFacts:
        facts = build(self.root, snapshot, space, self.budget)
        self._well(space)
        return facts

    def _values(self, snapshot: Snapshot, mode: Mode, rows: np.ndarray) -> int:
        matrix = getattr(snapshot, SPACES[mode])
        share = len(rows) / max(1, len(snapshot.alive))
        return int(matrix.size * share)

    def _index(self, snapshot: Snapshot, space: Space) -> Index | None:
        """The index of those vectors; None where there is none, or none that can be used, which `problems` says then."""
        with self._loading:
            facts = self._facts(snapshot, space)
            if facts is None:
                return None
            kept = self._indexes.get(space)
            if kept is None or kept.facts != facts:
                try:
                    kept = self._indexes[space] = load(self.root, facts, getattr(snapshot, space).shape[1])
                except CollectionError as error:
                    if self._facts(snapshot, space) == facts:  # else it was being replaced in this moment
                        self.problems[space] = f"{error} {_INSTEAD}"
                        self._unusable[space] = facts
                    return None
            return kept

    def _facts(self, snapshot: Snapshot, space: Space) -> IndexFacts | None:
        """The description of the index, where it has one that can be used."""
        try:
            facts = facts_of(self.root, snapshot.about.generation, space)
        except CollectionError as error:
            self.problems[space] = f"{error} {_INSTEAD}"
            return None
        if facts is not None and facts == self._unusable.get(space):
            return None
        self._well(space)
        return None if facts is None or facts.covered > len(getattr(snapshot, space)) else facts

    def _well(self, space: Space) -> None:
        self.problems.pop(space, None)
        self._unusable.pop(space, None)

    def _covered_rows(self, snapshot: Snapshot, facts: IndexFacts) -> int:
        if facts.space != "cells":
            return facts.covered
        return int(np.searchsorted(snapshot.starts, facts.covered))

    def _candidates(self, snapshot: Snapshot, index: Index, vector: Tensor, k: int, rows: np.ndarray) -> np.ndarray:
        """Rows, ascending, that the index thinks near."""
        allowed = np.zeros(len(snapshot.alive), bool)
        allowed[rows] = True
        if index.facts.space != "cells":
            found = index.candidates(
                vector.numpy()[None], PASSED[index.facts.kind] * k, allowed[: index.facts.covered]
            )[0]
            return np.unique(found[found >= 0])
        lengths = snapshot.places[:, 1] * snapshot.places[:, 2]
        cells = np.repeat(allowed, lengths)[: index.facts.covered]
        query = snapshot.project(vector).numpy()[None]
        found = index.candidates(query, CELLS_PER_PICTURE * PASSED[index.facts.kind] * k, cells)[0]
        return np.unique(np.searchsorted(snapshot.starts, found[found >= 0], side="right") - 1)


def _compared(snapshot: Snapshot, mode: Mode, vector: Tensor, k: int, rows: np.ndarray) -> Ranked:
    rows = snapshot.whole(rows, SPACES[mode])
    if mode == "region":
        return nearest_by_cell(snapshot, snapshot.project(vector), k, rows)
    return nearest(getattr(snapshot, SPACES[mode]), vector, k, rows)
