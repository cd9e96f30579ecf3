"""DIR/report.html: what each step of a curation did, in counts and in pictures, on one page that stands by itself."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from core.files import write_whole
from core.records.curation import FATES, REPORT
from core.templates import render
from train.curate.embeddings import Embeddings, open_embeddings, required_embeddings
from train.curate.folder import SELECTED, Record, read_record, read_table, required_record
from train.curate.report import examples
from train.curate.report.charts import curves, histogram
from train.curate.report.examples import Group, ReportImage
from train.curate.steps import deduplicate
from train.curate.steps.cluster import labels_of
from train.curate.steps.counts import steps_of
from train.curate.steps.embed import UNREADABLE
from train.curate.steps.originals import Originals, thumbnail
from train.curate.steps.retrieve import TABLE as RETRIEVED

SIDE = 108
"""Pixels of a small picture."""
MOST_UNREADABLE = 20


class Picture(NamedTuple):
    """A small picture of an image, with its caption and the frame it has: kept, gone or none."""

    address: str | None
    """None where it cannot be read any more."""
    name: str
    caption: str
    kind: str

    @property
    def last(self) -> str:
        return Path(self.name).name


class Curation(NamedTuple):
    """The material of a report. Steps that are not done yet are None."""

    root: Path
    embedded: Record
    deduplicated: Record
    clustered: Record | None
    retrieved: Record | None
    pool: Embeddings
    duplicates: pa.Table
    pairs: pa.Table | None
    originals: Originals

    def groups(self, groups: Sequence[Group], titled: bool = True) -> list[dict]:
        """{"title", "pictures"} of each group."""
        return [
            {"title": group.title if titled else "", "pictures": list(map(self._picture, group.shown))}
            for group in groups
        ]

    def _picture(self, one: ReportImage) -> Picture:
        name = required_embeddings(self.root, one.set).rows(np.array([one.row]))[0].name
        return Picture(thumbnail(self.originals, one.set, one.row, SIDE), name, one.caption, one.kind)


def write_report(root: Path) -> Path:
    """Write the page, of the steps that are done; CurationError before deduplication is."""
    embedded, deduplicated = required_record(root, "embed"), required_record(root, "deduplicate")
    retrieved = read_record(root, "retrieve")
    known = Curation(
        root,
        embedded,
        deduplicated,
        read_record(root, "cluster"),
        retrieved,
        required_embeddings(root, "pool"),
        read_table(root / deduplicate.TABLE),
        read_table(root / RETRIEVED) if retrieved else None,
        Originals(root),
    )
    page = render(
        Path(__file__).with_name("report.html.j2"),
        number=number,
        name=root.name,
        kept=retrieved["images"] if retrieved else deduplicated["fates"]["kept"],
        pool=embedded["sets"]["pool"]["images"],
        curated=embedded["sets"].get("curated", {}).get("images", 0),
        model=embedded.get("model", "elsewhere"),
        steps=_steps(known),
        unreadable=_unreadable(known),
        duplicates=_duplicates(known),
        clusters=_clusters(known),
        retrieval=_retrieval(known),
        how=_how(known),
    )
    write_whole(root / REPORT, page.encode("utf-8", "replace"))
    return root / REPORT


def number(value: float) -> str:
    """With separators; three decimals where it is no whole number.

    >>> number(1234567), number(0.25)
    ('1,234,567', '0.250')
    """
    return f"{value:,}" if isinstance(value, int) else f"{value:,.3f}"


def _steps(known: Curation) -> list[dict]:
    steps = steps_of(known.embedded, known.deduplicated, known.retrieved)
    most = max([step.images for step in steps] + [1])
    return [
        {"title": step.title, "images": step.images, "why": step.gone, "share": 100 * step.images / most}
        for step in steps
    ]


def _unreadable(known: Curation) -> dict:
    rows = np.setdiff1d(np.arange(len(known.pool)), known.pool.readable)
    shown = [(row.name, row.problem) for row in known.pool.rows(rows[:MOST_UNREADABLE])] if len(rows) else []
    return {"images": len(rows), "rows": shown, "file": UNREADABLE}


def _duplicates(known: Curation) -> dict:
    found = known.deduplicated
    return {
        "threshold": found["threshold"],
        "components": found["components"],
        "largest": found["largest"],
        "doubt": deduplicate.doubt(found["largest"], found["images"], found["threshold"]),
        "nearest": histogram(found["nearest"], found["threshold"]),
        "tried": [(f"{one['threshold']:.2f}", one["copies"], one["largest"]) for one in found["tried"]],
        "here": [one["threshold"] for one in found["tried"]].index(found["threshold"]),
        "groups": known.groups(examples.copies(known.duplicates)),
        "near": known.groups(examples.too_close(known.duplicates), titled=False),
    }


def _clusters(known: Curation) -> dict | None:
    if known.clustered is None:
        return None
    clusters, labels = known.clustered["clusters"], labels_of(known.root, known.pool, "pool")
    before = np.bincount(labels[known.pool.readable], minlength=clusters)
    taken = np.unique(known.pairs["row"].to_numpy()) if known.pairs is not None else np.empty(0, np.int64)
    after = np.bincount(labels[taken], minlength=clusters)
    rows = [
        (words, one["images"], one["occupied"], one["effective"], one["largest"], one["gini"])
        for words, one in (
            ("pool", known.clustered["before"]),
            ("without near-duplicates", known.clustered["after_deduplication"]),
            ("retrieved", known.retrieved.get("after") if known.retrieved else None),
        )
        if one
    ]
    curated = open_embeddings(known.root, "curated")
    theirs = labels_of(known.root, curated, "curated") if curated is not None else np.empty(0, np.int64)
    groups = examples.clusters(known.root, known.pool, labels, taken, theirs, clusters)
    return {
        "count": clusters,
        "curves": curves(before.tolist(), after.tolist()),
        "rows": rows,
        "groups": known.groups(groups),
    }


def _retrieval(known: Curation) -> dict | None:
    if known.retrieved is None or known.pairs is None:
        return None
    groups = known.groups(examples.retrieval(known.pairs, known.retrieved["k"]))
    return {"by": known.retrieved["by"], "k": known.retrieved["k"], "groups": groups}


def _how(known: Curation) -> dict:
    searches = dict(known.deduplicated["search"])
    if known.retrieved and "search" in known.retrieved:
        searches["retrieval"] = known.retrieved["search"]
    return {
        "searches": [(name, one["method"], one["why"], one["recall"]) for name, one in searches.items()],
        "places": [(name, path) for name, one in known.embedded["sets"].items() for path in one["paths"]],
        "fates": FATES,
        "listed": SELECTED if (known.root / SELECTED).exists() else "selected/ (python -m train.curate pack)",
    }
