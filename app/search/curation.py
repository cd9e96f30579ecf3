"""What the fold "Curation run" is sent: the counts of a curation, and what it dropped, a page at a time."""

import os
from pathlib import Path

from core import RequestError
from core.encoding import data_address
from core.records.curation import PAGE, Curation, Dropped, open_curation


def opened(path: str) -> Curation:
    """The curation in a folder of this machine; RequestError, with what to do, where there is none."""
    name = (path or "").strip()
    if not name:
        raise RequestError("Type the path of a curation: the folder that --out of python -m train.curate named.")
    return open_curation(Path(os.path.expanduser(name)))


def curation_prop(curation: Curation) -> dict:
    """{"title", "steps": [[title, images, gone]], "kinds": [{key, title, other, images, shown, pages}]}."""
    kinds = [vars(kind) | {"pages": kind.pages} for kind in curation.kinds]
    return {"title": str(curation.root), "steps": [list(step) for step in curation.steps], "kinds": kinds}


def page_prop(curation: Curation, key: str, number: int) -> dict:
    """{"kind", "page", "first", "items": [{name, uri, because, because_uri, cosine, problem}]}."""
    items = [_item(one) for one in curation.page(key, number)]
    return {"kind": key, "page": number, "first": number * PAGE + 1, "items": items}


def _item(one: Dropped) -> dict:
    return {
        "name": one.name,
        "uri": _uri(one.picture),
        "because": one.because,
        "because_uri": _uri(one.because_picture),
        "cosine": one.cosine,
        "problem": one.problem,
    }


def _uri(picture: bytes | None) -> str:
    return data_address("image/webp", picture) if picture else ""
