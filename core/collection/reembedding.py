"""A collection embedded again, under another model or at another resolution, into a new one beside it.

A collection keeps small copies and features, not the files, nor where they lay. Whoever has the originals names the
folder or archive, and each is known by the SHA-256 of its file, whatever it is called by now. Small copies are no
substitute: a model sees other things in 256 pixels than in the whole, so that what has no original is left out by name.
"""

import shutil
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from core.analysis.maps import described
from core.collection.adding import Progress, add
from core.collection.collection import Collection
from core.collection.encode import Encoder
from core.collection.incoming import Limits
from core.collection.query import as_sources
from core.collection.store import is_collection
from core.errors import RequestError
from core.model.vit import VisionTransformer
from core.wording import counted


@dataclass(frozen=True)
class Reembedded:
    """The outcome of embedding a collection again."""

    count: int
    """Pictures in the new collection."""
    missing: list[str] = field(default_factory=list)
    """The names of the pictures that are not in it: no original of theirs was found, or it could not be used."""
    refused: list[str] = field(default_factory=list)
    """A sentence for each original, archive or folder that could not be used."""
    cancelled: bool = False


def reembed(
    old: Collection,
    folder: str | Path,
    model: VisionTransformer,
    originals: Any,
    *,
    size: int,
    title: str = "",
    lock: AbstractContextManager | None = None,
    progress: Progress = lambda done, total: None,
    cancelled: Callable[[], bool] = lambda: False,
    limits: Limits = Limits(),
) -> Reembedded:
    """Embed a collection again into a new one in `folder`, from the originals: names, labels, tags and dates come along.

    `originals`: one or a list of paths, as `Collection.add` takes them. `size`: longer side in pixels at which the model
    is shown them. The old collection is only read. `progress` is told (pictures in the new collection, in the old one).
    What is there when it is cancelled or killed stays whole; the same call again goes on, also with other originals.
    RequestError where nothing would change, or where no original is found, which leaves nothing behind.
    """
    _check_differs(old, Path(folder), Encoder(model, size, old.about.layer))
    wanted = {record.digest: record for record in old.records()}
    fresh = not is_collection(Path(folder))
    made = Collection(
        folder, model, title=title or old.title, size=size, layer=old.about.layer, lock=lock or nullcontext()
    )
    if made.about.size != size:
        raise RequestError(f"{made.folder.name} holds a collection at {made.about.size} px; name another folder.")

    def told(done: int, total: int) -> None:
        progress(len(made), len(wanted))

    assert made.encoder is not None  # it was opened with a model
    told(0, 0)
    added = add(made.store, made.encoder, as_sources(originals), (), told, cancelled, limits, wanted=wanted)
    there = {record.digest for record in made.records()}
    missing = [record.name for digest, record in wanted.items() if digest not in there]
    if fresh and not there:
        shutil.rmtree(made.folder, ignore_errors=True)
        if not added.cancelled:
            raise RequestError(_none_found(len(wanted), added.refused))
    return Reembedded(len(there), missing, added.refused, added.cancelled)


def _check_differs(old: Collection, folder: Path, encoder: Encoder) -> None:
    if folder.absolute() == old.folder.absolute():
        raise RequestError("A collection is embedded again into another folder, so that the old one stays; name one.")
    if encoder.origin == old.origin:
        raise RequestError(
            f"This collection was made with {described(old.origin)} already; choose another model or resolution."
        )


def _none_found(count: int, refused: list[str]) -> str:
    why = f" {refused[0]}" if refused else ""
    return (
        f"None of the {counted(count, 'picture')} was found there, and nothing was made. Originals are known by the "
        f"content of their files: give the folder, zip or tar that the pictures were added from, not copies that were "
        f"resized or saved anew.{why}"
    )
