"""The filter of a map: facets with counts, as in Search, and which points it leaves."""

from collections.abc import Sequence
from typing import Any

import gradio as gr
import numpy as np

from app.map.points import Atlas
from app.page import facets
from core.collection.facets import Filter
from core.encoding import base64_of
from core.wording import counted


def filtered(atlas: Atlas, chosen: Sequence[int], wanted: Filter, held: Filter) -> tuple[Filter, dict[str, Any], dict]:
    """The filter as far as it fits, updates of its widgets, and the prop `lit`, {} for all. Counts are of the chosen points, if any.

    `held` is what the dropdowns hold. Only pictures of a collection can be filtered: for others, everything is hidden.
    """
    if atlas.shelved is None:
        return Filter(), facets.hidden() | {"fold": gr.update(visible=False)}, {}
    shelved = atlas.shelved
    among = tuple(shelved.ids[list(chosen)].tolist()) if chosen else None
    kept, updates = facets.fitted(shelved.collection.store.records, wanted, held, among)
    lit = shelved.lit(kept) if kept else None
    updates |= {"fold": gr.update(visible=True), "filter_note": _note(atlas, len(chosen), lit)}
    return kept, updates, {} if lit is None else bits_prop(atlas.token, len(atlas), np.flatnonzero(lit))


def bits_prop(token: str, count: int, points: Sequence[int] | np.ndarray) -> dict:
    """{"token", "data"}: a bit for each of `count` points, set for these, eight a byte, the first in the highest bit."""
    bits = np.zeros(count, bool)
    bits[np.asarray(points, np.int64)] = True
    return {"token": token, "data": base64_of(np.packbits(bits).tobytes())}


def _note(atlas: Atlas, chosen: int, lit: np.ndarray | None) -> str:
    said = [] if lit is None else [f"{int(lit.sum()):,} of {len(atlas):,} pictures are left; the others are dimmed."]
    said += [f"Counts are of the {counted(chosen, 'chosen picture')}."] if chosen else []
    return " ".join(said)
