"""What became of long changes of a collection, as Markdown in which names mean nothing but themselves."""

from collections.abc import Sequence

from app.page import sentences
from core.collection.collection import Added
from core.collection.reembedding import Reembedded
from core.errors import DinoError
from core.wording import counted

LISTED = 20
"""Files that are spelt out; the others are counted."""


def failed(error: DinoError) -> str:
    """A summary of what did not work."""
    return f"**That did not work.** {sentences.plain(str(error))}"


def summary(added: Added) -> str:
    """A summary of an addition."""
    parts = [f"{counted(len(added.ids), 'picture')} added"]
    parts += [f"{added.known:,} were there already"] if added.known else []
    parts += ["cancelled; what was added stays"] if added.cancelled else []
    parts += [f"{len(added.refused):,} could not be used:"] if added.refused else []
    return "\n".join(["; ".join(parts) + ("" if added.refused else "."), "", *_listed(added.refused)])


def again_summary(done: Reembedded) -> str:
    """A summary of a collection that was embedded again."""
    total = done.count + len(done.missing)
    said = f"{done.count:,} of {counted(total, 'picture')} embedded again, with labels, tags and dates; the old collection stays."
    if done.cancelled:
        return f"Stopped. {said} Do the same once more to go on."
    if not done.missing:
        return said
    refused = ["", "Files that could not be used:", "", *_listed(done.refused)] if done.refused else []
    others = counted(len(done.missing), "other was", "others were")
    why = f"{others} not: no original of theirs could be used, and small copies would not do."
    return "\n".join([f"{said} {why}", "", *_listed(done.missing), *refused])


def _listed(reasons: Sequence[str]) -> list[str]:
    listed = [f"- {sentences.plain(reason)}" for reason in reasons[:LISTED]]
    return listed + ([f"- and {len(reasons) - LISTED:,} more"] if len(reasons) > LISTED else [])
