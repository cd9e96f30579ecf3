"""Counts of the images left after each step, and why the others went."""

from core.records.curation import Step
from train.curate.folder import Record


def steps_of(embedded: Record, deduplicated: Record, retrieved: Record | None) -> list[Step]:
    """From the pool as it was given to what is trained on; the steps that are done."""
    fates, total = deduplicated["fates"], deduplicated["images"]
    left = total - fates["unreadable"]
    steps = [
        Step("Pool", total, ""),
        Step("can be read", left, _gone(fates["unreadable"], "cannot be read as pictures")),
    ]
    for fate, title, why in (
        ("copy", "each picture once", "near-duplicates of one that is kept"),
        ("in evaluation", "not in an evaluation set", "too close to an evaluation image, with all their copies"),
        ("in curated", "not curated already", "near-duplicates of a curated image"),
    ):
        if fate == "copy" or fate.split()[-1] in embedded["sets"]:
            left -= fates[fate]
            steps.append(Step(title, left, _gone(fates[fate], why)))
    if retrieved:
        taken = retrieved["taken"]
        steps.append(Step("retrieved by a curated image", taken, _gone(left - taken, "retrieved by none")))
        steps.append(Step("with the curated images", retrieved["images"], ""))
    return steps


def _gone(count: int, why: str) -> str:
    return f"− {count:,} {why}" if count else ""
