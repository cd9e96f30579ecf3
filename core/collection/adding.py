"""Pictures into a collection: read on threads, shown to the model in batches, kept batch by batch."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from core.collection.encode import Encoder, Entry, Prepared, entry, thumbnail
from core.collection.incoming import Incoming, Limits, arriving, expected
from core.collection.labelling import Labeller
from core.collection.records import Record
from core.errors import AnalysisError, CollectionError, ImageError
from core.features import FeatureMap, batch_patches, require_finite
from core.model.interrupt import between_blocks
from core.pictures.ahead import ahead
from core.pictures.image import ENOUGH, load_reduced, named_file
from core.wording import counted

THREADS = 4
Progress = Callable[[int, int], None]
"""Told (pictures done, pictures in all or 0 where that is not known)."""


class Store(Protocol):
    """A store of encoded pictures."""

    def known(self, digests: Sequence[str]) -> set[str]:
        """Those of the digests whose files are there already."""

    def append(self, entries: Sequence[Entry]) -> list[int]:
        """Keep the pictures; the ids of those whose file was not there already."""


@dataclass
class Added:
    """The outcome of an addition."""

    ids: list[int] = field(default_factory=list)
    known: int = 0
    """Files that were in the collection already, came twice, or were not wanted."""
    refused: list[str] = field(default_factory=list)
    """A sentence for each file that could not be used."""
    cancelled: bool = False

    @property
    def done(self) -> int:
        return len(self.ids) + self.known + len(self.refused)


class _Cancelled(Exception):
    """Nobody wants the batch that is at the model."""


def add(
    store: Store,
    encoder: Encoder,
    sources: Sequence[Any],
    tags: Sequence[str],
    progress: Progress,
    cancelled: Callable[[], bool],
    limits: Limits,
    labels: Labeller | None = None,
    wanted: Mapping[str, Record] | None = None,
) -> Added:
    """Add every picture of the sources. What was kept when it is cancelled, killed or fails, stays.

    `wanted`: by the digest of a file, the record that it comes in with; no other file is added then. CollectionError where the collection cannot be written; it says how many were added before.
    """
    added, total = Added(), expected(sources)
    batch: list[Prepared] = []
    per_batch = max(1, batch_patches(encoder.model) // (encoder.size // encoder.model.config.patch) ** 2)

    def prepare(incoming: Incoming) -> Prepared | None:
        return _prepared(store, encoder, incoming, limits, labels, wanted)

    def check() -> None:
        if cancelled():
            raise _Cancelled

    def keep() -> None:
        try:
            with between_blocks(check):
                ids = _kept(store, encoder, batch, tuple(tags), added)
        except _Cancelled:
            added.cancelled = True
            return
        added.ids += ids
        batch.clear()
        progress(added.done, total)

    stream = ahead(prepare, arriving(sources, added.refused, limits), THREADS, 2 * THREADS + per_batch)
    for incoming, future in stream:
        if added.cancelled or cancelled():
            added.cancelled = True
            stream.close()
            break
        try:
            prepared = future.result()
        except (ImageError, OSError) as error:
            added.refused.append(_with_name(incoming.name, error))
            continue
        if prepared is None:
            added.known += 1
        else:
            batch.append(prepared)
        if len(batch) >= per_batch:
            keep()
    if batch and not added.cancelled:
        keep()
    progress(added.done, total)
    return added


def _prepared(
    store: Store,
    encoder: Encoder,
    incoming: Incoming,
    limits: Limits,
    labels: Labeller | None,
    wanted: Mapping[str, Record] | None,
) -> Prepared | None:
    """The picture decoded and brought to size; None where the same file is there already, or is not wanted."""
    data, digest = incoming.read()
    before = None if wanted is None else wanted.get(digest)
    if (wanted is not None and before is None) or store.known([digest]):
        return None
    source = named_file(data, incoming.name) if isinstance(data, bytes) else data
    picture = load_reduced(source, max(ENOUGH, encoder.size), largest=limits.pixels)
    pixels, geometry = encoder.prepare(picture)
    label = labels(incoming.name) if labels else incoming.label
    return Prepared(
        name=before.name if before else incoming.name,
        label=before.label if before else label,
        tags=before.tags if before else incoming.tags,
        added=before.added if before else None,
        digest=digest,
        height=picture.height,
        width=picture.width,
        thumbnail=thumbnail(picture.image),
        pixels=pixels,
        geometry=geometry,
    )


def _kept(store: Store, encoder: Encoder, batch: Sequence[Prepared], tags: tuple[str, ...], added: Added) -> list[int]:
    maps = encoder.maps([(picture.pixels, picture.geometry) for picture in batch])
    kept = [entry(one, seen, tags) for one, seen in zip(batch, maps, strict=True) if _is_finite(one, seen, added)]
    try:
        ids = store.append(kept)
    except CollectionError as error:
        raise CollectionError(
            f"{error} {counted(len(added.ids), 'picture was', 'pictures were')} added before."
        ) from error
    added.known += len(kept) - len(ids)
    return ids


def _is_finite(picture: Prepared, feature_map: FeatureMap, added: Added) -> bool:
    """Whether a picture's features may be kept; where not, it is refused in a sentence."""
    try:
        require_finite(feature_map.cls, feature_map.patches)
    except AnalysisError as error:
        added.refused.append(_with_name(picture.name, error))
        return False
    return True


def _with_name(name: str, error: Exception) -> str:
    text = str(error)
    return text if name in text else f"{name}: {text}"
