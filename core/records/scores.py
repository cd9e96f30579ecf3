"""The emergence scale as JSON: what `train.evaluate emergence` writes, and what a page or a timeline shows of it.

A file holds {"task": "emergence", "model": {"name", "title", "sha256", "parameters"}, "pictures": {...}, "rows":
[{"measure", "title", "asks", "better", "chance": {"value", "means"}, "best", "values": [{"of", "value", "low",
"high"}, ...]}, ...]}; the first of the values is the model's, those of its baselines follow.
"""

import functools
import json
import logging
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from core.errors import RequestError
from core.records import runs

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Reading:
    """A value and the interval that covers 95 % of resampled pictures."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Score:
    """One row of the scale for one model."""

    key: str
    title: str
    asks: str
    """The computation, in a sentence."""
    rises: bool
    """Whether more is better."""
    chance: float
    best: float | None
    """The value that perfect features would reach, where the patch grid keeps them from the end of the scale."""
    reading: Reading
    baselines: dict[str, Reading]


@dataclass(frozen=True)
class Scores:
    """The content of a file: its model, and its rows in the scale's order."""

    name: str
    sha256: str
    pictures: dict[str, int]
    """Which pictures were looked at: scores of others cannot be compared."""
    rows: tuple[Score, ...]


@dataclass(frozen=True)
class Curve:
    """One measure over the steps of a run."""

    key: str
    title: str
    asks: str
    rises: bool
    chance: float
    best: float | None
    points: dict[int, Reading]
    """By step, ascending."""
    baselines: dict[str, float]


def read_scores(path: Path) -> Scores:
    """The scores in a file; RequestError where it is none that the emergence scale wrote."""
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        model = record["model"]
        rows = tuple(row for row in map(_score, record["rows"]) if row is not None)
        return Scores(model["name"], model["sha256"], record["pictures"], rows)
    except (OSError, ValueError, LookupError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        raise RequestError(
            f"{path} holds no emergence scores ({type(error).__name__}: {error}); write it with "
            "python -m train.evaluate emergence --model NAME --out FILE."
        ) from error


def curves(run: Path) -> list[Curve]:
    """The curve of each measure over the scored snapshots of a run folder; empty where none is scored.

    Scores that cannot be read are left out, with a word in the log.
    """
    return joined({step: rows for step, path in runs.scores(run).items() if (rows := _rows(path)) is not None})


def _rows(path: Path) -> tuple[Score, ...] | None:
    try:
        return read_scores(path).rows
    except RequestError as error:
        _note_once(str(error))
        return None


@functools.lru_cache(maxsize=64)
def _note_once(sentence: str) -> None:
    """A page asks for the same scores again and again."""
    log.warning("Left out: %s", sentence)


def joined(rows: Mapping[int, tuple[Score, ...]]) -> list[Curve]:
    """Scores by step → curves, in the order of the step that has most rows; baselines from whichever step has them."""
    longest = max(rows.values(), key=len, default=())
    by_step = {step: {row.key: row for row in rows[step]} for step in sorted(rows)}
    result = []
    for first in longest:
        found = {step: of_step[first.key] for step, of_step in by_step.items() if first.key in of_step}
        baselines = {name: one.value for row in found.values() for name, one in row.baselines.items()}
        points = {step: row.reading for step, row in found.items()}
        about = first.key, first.title, first.asks, first.rises, first.chance, first.best
        result.append(Curve(*about, points, baselines))
    return result


def _score(row: dict) -> Score | None:
    """None where the model's value is missing: not every measure can be taken of every model."""
    readings = {
        one["of"]: Reading(_finite(one["value"]), _finite(one["low"]), _finite(one["high"]))
        for one in row["values"]
        if None not in (one["value"], one["low"], one["high"])
    }
    first = row["values"][0]["of"] if row["values"] else None
    if first not in readings:
        return None
    model = readings.pop(first)
    best = None if row["best"] is None else _finite(row["best"])
    rises, chance = row["better"] == "higher", _finite(row["chance"]["value"])
    return Score(row["measure"], row["title"], row["asks"], rises, chance, best, model, readings)


def _finite(value: object) -> float:
    """ValueError where it is no finite number, which no figure could show."""
    if not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"{value!r} where a number should be")
    return float(value)
