"""Dropdowns that filter the pictures of a collection by tag, label, folder and day, each choice with its count."""

from dataclasses import replace
from typing import Any

import gradio as gr

from app.page.shared import FittedChoice
from core.collection.facets import KINDS, Filter, Kind
from core.collection.records import Records

FACETS: dict[Kind, str] = {
    "tags": "Only with all of these tags",
    "labels": "Only with one of these labels",
    "folders": "Only of one of these folders",
    "days": "Only added on one of these days",
}


def lay_out(prefix: str) -> dict[str, FittedChoice]:
    """The dropdowns, with elements named after the tab; each appears once a collection has something to choose."""
    return {
        kind: FittedChoice(
            [], value=[], multiselect=True, label=FACETS[kind], elem_id=f"{prefix}-{kind}", visible=False
        )
        for kind in KINDS
    }


def hidden() -> dict[str, Any]:
    """Updates of the dropdowns where there is nothing to filter."""
    return {kind: gr.update(choices=[], value=[], visible=False) for kind in KINDS}


def fitted(
    records: Records, wanted: Filter, shown: Filter, among: tuple[int, ...] | None = None
) -> tuple[Filter, dict]:
    """The filter with those values that a collection knows, and updates that offer what it has, with counts.

    Counts are of the pictures that the filter leaves; of those ids alone, where `among` is given. `shown` is what the
    dropdowns hold: they are set anew only where that differs.
    """
    everything = records.facets()
    known = {kind: tuple(one for one in getattr(wanted, kind) if one in everything[kind]) for kind in KINDS}
    kept = Filter(**known)
    counted = replace(kept, among=among)
    counts = records.facets(counted) if counted else everything
    updates = {}
    for kind in KINDS:
        here = dict.fromkeys(known[kind], 0) | counts[kind]
        value: dict[str, Any] = {} if known[kind] == getattr(shown, kind) else {"value": list(known[kind])}
        updates[kind] = gr.update(
            choices=[(f"{value} · {count:,}", value) for value, count in here.items()],
            visible=len(everything[kind]) > (kind in ("labels", "folders", "days")),
            **value,
        )
    return kept, updates
