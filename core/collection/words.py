"""Words asked of a collection: its pictures by how much they are what a text says, and the place where they are.

h w patch grid, D' width of the space that pictures share with words.
"""

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from core.analysis.words import require_words
from core.collection.collection import Collection, Record
from core.collection.encode import Encoder
from core.collection.facets import EVERYTHING, Filter
from core.collection.query import check_count
from core.collection.search import Hit, MatchedPart
from core.collection.vectors import Snapshot
from core.errors import CollectionError
from core.model.adapted import AdaptedEncoder
from core.pictures.image import load_image

AT_ONCE = 8192
"""Stored vectors that are taken to the space of words at one time."""


@torch.inference_mode()
def search_words(
    collection: Collection, text: str, k: int = 24, *, only: Filter = EVERYTHING, offset: int = 0
) -> list[Hit]:
    """The `k` pictures that are most what a text says, each with the places that are.

    Every picture's stored vector is compared; scores are cosines in the space of words, which are small: some 0.3 is much
    for CLIP, 0.1 for SigLIP. Stored cells have seen the whole picture and do not tell a place; it is found by showing the
    results' thumbnails to the model, a forward each. Raises ModelError where the collection's model cannot be asked in
    words, CollectionError where the collection is opened without it, RequestError for no text.
    """
    check_count(k, offset)
    encoder = _encoder_of(collection)
    model = require_words(encoder.model)
    asked = model.encode_text([text])[0]
    snapshot = collection.store.snapshot()
    rows = snapshot.rows_of(collection.store.records.matching(only)) if only else np.flatnonzero(snapshot.alive)
    rows = snapshot.whole(rows)
    if not len(rows):
        return []
    parts = (rows[start : start + AT_ONCE] for start in range(0, len(rows), AT_ONCE))
    cosines = torch.cat([_compared(model, snapshot, part, asked) for part in parts])
    best = torch.argsort(cosines, descending=True, stable=True)[offset : offset + k].tolist()
    records = collection.store.records.get(snapshot.ids[rows[best]].tolist())
    return [
        Hit(record, float(cosines[place]), _place(encoder, record, snapshot.thumbnail(int(rows[place])), asked))
        for place in best
        if (record := records.get(int(snapshot.ids[rows[place]])))  # else removed a moment ago
    ]


def _encoder_of(collection: Collection) -> Encoder:
    """Its encoder, if that can be asked in words."""
    if collection.encoder is None:
        raise CollectionError("Words need the collection's model: Collection(folder, model).")
    require_words(collection.encoder.model)
    if collection.about.layer != -1:
        raise CollectionError(
            "Words are compared with features after the last block; this collection keeps those of block "
            f"{collection.about.layer}. Make one of the last block."
        )
    return collection.encoder


def _compared(model: AdaptedEncoder, snapshot: Snapshot, rows: np.ndarray, asked: Tensor) -> Tensor:
    vectors = torch.from_numpy(np.asarray(snapshot.cls[rows], dtype=np.float32))
    return (model.in_words(vectors.to(model.device)).cpu() @ asked).clamp(-1, 1)


def _place(encoder: Encoder, record: Record, thumbnail: bytes, asked: Tensor) -> MatchedPart:
    """The part of a picture that is most what the text says, on the original's pixels."""
    pixels, geometry = encoder.prepare(load_image(thumbnail))
    with encoder.lock:
        patches = require_words(encoder.model).patches_in_words(pixels[None].to(encoder.model.device))[0].cpu()
    heat = (patches @ asked).unflatten(0, (geometry.rows, geometry.columns)).numpy()
    geometry = replace(geometry, height=record.height, width=record.width)
    return MatchedPart(heat, geometry.box(*divmod(int(heat.argmax()), geometry.columns)), geometry)
