"""DIR/report.html: what each step of a curation did, in counts and in pictures, on one page that stands by itself."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from core.files import write_whole
from core.records.curation import FATES, REPORT
from train.curate.embeddings import Embeddings, open_embeddings, required_embeddings
from train.curate.folder import SELECTED, Record, read_record, read_table, required_record
from train.curate.report import examples
from train.curate.report.examples import Shown
from train.curate.report.page import bars, curves, funnel, number, page, picture, table, text
from train.curate.steps import deduplicate
from train.curate.steps.cluster import labels_of
from train.curate.steps.counts import steps_of
from train.curate.steps.embed import UNREADABLE
from train.curate.steps.originals import Originals, thumbnail
from train.curate.steps.retrieve import TABLE as RETRIEVED

SIDE = 108
"""Pixels of a small picture."""
MOST_UNREADABLE = 20


class Curation(NamedTuple):
    """What a report is made from. Steps that are not done yet are None."""

    root: Path
    embedded: Record
    deduplicated: Record
    clustered: Record | None
    retrieved: Record | None
    pool: Embeddings
    duplicates: pa.Table
    pairs: pa.Table | None
    originals: Originals

    def picture(self, one: Shown) -> str:
        """A small picture of an image with its caption."""
        address = thumbnail(self.originals, one.set, one.row, SIDE)
        name = required_embeddings(self.root, one.set).rows(np.array([one.row]))[0].name
        return picture(address, name, one.caption, one.kind)


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
    parts = [_head(known), _counts(known), _duplicates(known), _clusters(known), _retrieval(known), _how(known)]
    write_whole(root / REPORT, page(f"Curation of {root.name}", "\n".join(parts)).encode("utf-8", "replace"))
    return root / REPORT


def _head(known: Curation) -> str:
    sets = known.embedded["sets"]
    kept = known.retrieved["images"] if known.retrieved else known.deduplicated["fates"]["kept"]
    curated = sets.get("curated", {}).get("images", 0)
    given = f"{number(sets['pool']['images'])} images of a pool and {number(curated)} curated ones"
    return (
        f"<h1>{number(kept)} images are kept</h1>"
        f'<p class="muted">Of {given}; seen by the model {text(known.embedded.get("model", "elsewhere"))}. '
        "Nothing is lost: what is dropped here lies untouched where it was, and another threshold needs no new search.</p>"
        '<nav><a href="#counts">Step by step</a><a href="#duplicates">Near-duplicates</a>'
        '<a href="#clusters">Clusters</a><a href="#retrieval">Retrieval</a><a href="#how">How it was done</a></nav>'
    )


def _counts(known: Curation) -> str:
    rows = steps_of(known.embedded, known.deduplicated, known.retrieved)
    return f'<h2 id="counts">Step by step</h2>{funnel(rows)}{_unreadable(known)}'


def _unreadable(known: Curation) -> str:
    rows = np.setdiff1d(np.arange(len(known.pool)), known.pool.readable)
    if not len(rows):
        return ""
    shown = [(row.name, row.problem) for row in known.pool.rows(rows[:MOST_UNREADABLE])]
    more = f" The first {MOST_UNREADABLE}; all are in embeddings/{UNREADABLE}." if len(rows) > len(shown) else ""
    return f"<details><summary>What cannot be read ({len(rows):,})</summary><p>{more}</p>{table(('image', 'why'), shown)}</details>"


def _duplicates(known: Curation) -> str:
    found, threshold = known.deduplicated, known.deduplicated["threshold"]
    doubt = f'<p class="note">{text(note)}</p>' if (note := deduplicate.doubt(found)) else ""
    tried = found["tried"]
    rows = [(f"{one['threshold']:.2f}", one["copies"], one["largest"]) for one in tried]
    here = [one["threshold"] for one in tried].index(threshold)
    shown = examples.copies(known.duplicates)
    groups = [
        f'<div class="card"><p>{text(group.title)}</p><div class="strip">{"".join(map(known.picture, group.shown))}</div></div>'
        for group in shown
    ]
    closer = examples.too_close(known.duplicates)
    near = "".join(
        f'<div class="card"><div class="strip">{"".join(map(known.picture, group.shown))}</div></div>'
        for group in closer
    )
    return (
        '<h2 id="duplicates">Near-duplicates</h2>'
        f"<p>Images whose cosine is above {threshold:g} are joined; of {found['components']:,} groups, the largest of "
        f"{found['largest']:,} images, one image each is kept: the one of most pixels, then the largest file.</p>{doubt}"
        "<h3>How similar is each image to the nearest other one?</h3>"
        f"{bars(found['nearest'], threshold, 'Images by the cosine with their nearest neighbour')}"
        '<p class="legend">Right of the line are near-duplicates. A good threshold lies in the valley between two hills; '
        "where there is none, the features tell copies badly from look-alikes.</p>"
        f"<h3>What another threshold would drop</h3>{table(('threshold', 'copies', 'largest group'), rows, here)}"
        + (
            f'<h3>Kept and dropped</h3><div class="cards">{"".join(groups)}</div>'
            if groups
            else "<p>There are none.</p>"
        )
        + (f'<h3>Too close to what must stay apart</h3><div class="cards">{near}</div>' if near else "")
    )


def _clusters(known: Curation) -> str:
    if known.clustered is None:
        return ""
    clusters, labels = known.clustered["clusters"], labels_of(known.root, known.pool, "pool")
    before = np.bincount(labels[known.pool.readable], minlength=clusters)
    taken = np.unique(known.pairs["row"].to_numpy()) if known.pairs is not None else np.empty(0, np.int64)
    after = np.bincount(labels[taken], minlength=clusters)
    rows = [
        (words, one["images"], one["occupied"], one["effective"], one["largest"], one["gini"])
        for words, one in (
            ("pool", known.clustered["before"]),
            ("without near-duplicates", known.clustered["after_deduplication"]),
            ("retrieved", (known.retrieved or {}).get("after")),
        )
        if one
    ]
    head = ("", "images", "clusters", "as varied as … equal clusters", "share of the fullest", "Gini")
    curated = open_embeddings(known.root, "curated")
    theirs = labels_of(known.root, curated, "curated") if curated is not None else np.empty(0, np.int64)
    cards = [
        f'<div class="card"><p>{text(group.title)}</p><div class="strip">{"".join(map(known.picture, group.shown))}</div></div>'
        for group in examples.clusters(known.root, known.pool, labels, taken, theirs, clusters)
    ]
    legend = (
        '<p class="legend"><span class="swatch" style="background:var(--muted)"></span>pool '
        '&nbsp; <span class="swatch" style="background:var(--accent)"></span>retrieved</p>'
    )
    return (
        f'<h2 id="clusters">Clusters</h2><p>{clusters:,} groups of like images. A flatter curve is a more even choice.</p>'
        f"{curves(before, after, 'Share of the images in each cluster, pool and retrieved')}{legend}{table(head, rows)}"
        f'<h3>The fullest, by their most typical images</h3><div class="cards">{"".join(cards)}</div>'
    )


def _retrieval(known: Curation) -> str:
    if known.retrieved is None or known.pairs is None:
        return ""
    groups = examples.retrieval(known.pairs, known.retrieved["k"])
    rows = [
        f'<div class="row"><div class="query">{known.picture(group.shown[0])}</div>'
        f"{''.join(map(known.picture, group.shown[1:]))}</div>"
        for group in groups
    ]
    by = (
        f"the {known.retrieved['k']} nearest of each"
        if known.retrieved["by"] == "query"
        else "a sample of the clusters that hold several"
    )
    return (
        f'<h2 id="retrieval">What curated images brought</h2><p>{text(by.capitalize())} curated image are taken, each once. '
        "From the queries best served to those served worst; the last rows tell whether the pool holds what is wanted.</p>"
        + ("".join(rows) or "<p>Nothing was retrieved.</p>")
    )


def _how(known: Curation) -> str:
    searches = dict(known.deduplicated["search"])
    if known.retrieved and "search" in known.retrieved:
        searches["retrieval"] = known.retrieved["search"]
    rows = [(name, one["method"], one["why"], one["recall"]) for name, one in searches.items()]
    places = [(name, path) for name, one in known.embedded["sets"].items() for path in one["paths"]]
    listed = SELECTED if (known.root / SELECTED).exists() else "selected/ (python -m train.curate pack)"
    return (
        '<h2 id="how">How it was done</h2>'
        f"{table(('search', 'method', 'why', 'share of true neighbours found'), rows)}"
        f"<h3>Where the images are</h3>{table(('set', 'path'), places) if places else '<p>Vectors made elsewhere.</p>'}"
        f"<p>{text(FATES)} says of every image whether it is kept, by which step and because of which other one. "
        f"Train on {text(listed)}.</p>"
    )
