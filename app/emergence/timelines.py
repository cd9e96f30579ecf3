"""Timelines as the browser takes them: the shipped one, and those of run folders, also while they train.

The prop is {"id", "title", "pictures", "moments", "series", "why"}: pictures as on the stage; of each moment its step,
"scales", "threshold" and, in base64, "features" int8, "colours" and "foreground" uint8 (`core.records.moment`); a series has
"key", "title", "asks", "kind" ("score" or "loss") and points [step, value(, low, high)]; "why" says what to do where
there is nothing to see. The browser keeps its place, and what it has decoded, while the id stays the same.
"""

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from PIL import Image

from app.page.measures import MEASURES
from app.page.stage import StagePicture, pictures_prop
from app.server.engine import Item
from app.server.memory import Memory
from core import ModelError, load_model
from core.encoding import base64_of
from core.errors import RequestError
from core.records.moment import Moment, look, with_steady_colours
from core.records.runs import ACCOUNT, METRICS, read_metrics, scores, snapshots, stored_config
from core.records.scores import Curve, curves
from core.records.timeline import LOSSES, SHIPPED, Timeline, load_timeline, losses_of, shown

LOOKED_AT = 336
"""Longer side in pixels at which run folders are looked at: 24 patches of 14."""
KEPT_DIMS = 48
NOTHING_SHIPPED = (
    "No timeline ships with this copy yet. Train on your own pictures beside here, or open a run folder; python -m "
    "train.timeline RUN --out FILE makes the file that would ship."
)
SILENT_S, SILENT_LINES = 300.0, 20
"""A run that wrote nothing for so many seconds, and in the time of so many lines of its log, seems to have ended:
between two of them there may be scores to compute, or a large checkpoint to save."""
LOSS_NAMES = {
    "loss": ("loss", "the sum of all terms that the training makes small"),
    "dino_local": ("DINO, local crops", "how well a small crop tells what the teacher says of the whole picture"),
    "dino_global": ("DINO, global crops", "how well one large crop tells what the teacher says of the other"),
    "ibot": ("iBOT", "how well hidden patches are guessed"),
    "koleo": ("KoLeo", "how evenly pictures spread in feature space"),
    "gram": ("Gram", "how near the relations between patches stay to those of an earlier teacher"),
}


@dataclass(frozen=True)
class Named:
    """A visitor's picture: its name and what the engine knows it by."""

    name: str
    item: Item


def shipped_prop(memory: Memory) -> dict:
    """The timeline that ships with the app; empty, with a word why, where none does."""
    if not SHIPPED.is_file():
        return {"id": "shipped", "pictures": [], "moments": [], "series": [], "why": NOTHING_SHIPPED}
    key = ("timeline", SHIPPED.stat().st_mtime_ns)
    return memory.recall(key, lambda: timeline_prop("shipped", load_timeline(SHIPPED)))


def timeline_prop(identity: str, timeline: Timeline) -> dict:
    """A timeline in the form the browser takes; `identity` names the run and the pictures."""
    pictures = [
        StagePicture(f"t{place}", one.name, one.image, one.geometry) for place, one in enumerate(timeline.pictures)
    ]
    infos = pictures_prop(pictures)["pictures"]
    return {
        "id": identity,
        "title": timeline.title,
        "pictures": [info | {"credit": one.credit} for info, one in zip(infos, timeline.pictures, strict=True)],
        "moments": [_moment(moment) for moment in timeline.moments],
        "series": [_score(curve) for curve in timeline.curves] + _losses(timeline.losses),
    }


def state_of(run: Path) -> tuple:
    """Changes whenever there is something new to see in a run folder."""
    log = run / METRICS
    return tuple(snapshots(run)), tuple(scores(run)), log.stat().st_size if log.is_file() else 0


def is_over(run: Path) -> bool:
    """Whether a run has trained all its steps."""
    return (run / ACCOUNT).is_file()


def silence(run: Path) -> float | None:
    """Seconds since a run last wrote, where they are so many that it seems to have ended; None where it may be alive.

    It writes to its log at even steps, so that much more than the usual time between two lines tells.
    """
    files = [run / METRICS, *snapshots(run).values(), *scores(run).values()]
    written = [path.stat().st_mtime for path in files if path.is_file()]
    if not written:
        return math.inf
    seconds = time.time() - max(written)
    return seconds if seconds > SILENT_S and seconds > SILENT_LINES * _between_lines(run) else None


def look_at_run(memory: Memory, run: Path, pictures: Sequence[Named]) -> Iterator[Timeline]:
    """The timeline of a run folder, longer by one snapshot each time; what was looked at before is remembered.

    Colours are those of the first step, so that they stay when a new snapshot comes. RequestError where there is no
    snapshot or no picture, ModelError where a snapshot cannot be read.
    """
    found = snapshots(run)
    if not found:
        raise RequestError(f"{run} holds no snapshots yet; is it the folder of a run of train.pretrain?")
    if not pictures:
        raise RequestError(
            "No picture is selected: tick some in the tray, and this run is asked what it makes of them."
        )
    patch = _patch(next(iter(found.values())))
    images = [one.item.image for one in pictures]
    kept = tuple(shown(one.name, "", image, LOOKED_AT, patch) for one, image in zip(pictures, images, strict=True))
    digests = tuple(one.item.digest for one in pictures)
    measured, losses = tuple(curves(run)), losses_of(run)
    moments: list[Moment] = []
    for step, path in found.items():
        key = ("moment", str(path), path.stat().st_mtime_ns, digests)
        moments.append(memory.recall(key, partial(_looked_at, path, images, patch, step)))
        yield Timeline(run.name, LOOKED_AT, kept, tuple(with_steady_colours(moments, anchor=0)), measured, losses)


def _looked_at(path: Path, images: Sequence[Image.Image], patch: int, step: int) -> Moment:
    return look(load_model(path), images, LOOKED_AT, patch, KEPT_DIMS, step)


def _between_lines(run: Path) -> float:
    """Seconds from one line of a run's log to the next, by the last two; 0 where there are none."""
    *_, before, last = [{"step": 0}, {"step": 0}, *(line for line in read_metrics(run) if "seconds_per_step" in line)]
    return (last["step"] - before["step"]) * last.get("seconds_per_step", 0.0)


def _patch(snapshot: Path) -> int:
    config = stored_config(snapshot)
    if config is None:
        raise ModelError(f"{snapshot} does not describe its model; was it written by train.pretrain?")
    return config.patch


def _moment(moment: Moment) -> dict:
    arrays = {name: getattr(moment, name).numpy().tobytes() for name in ("features", "colours", "foreground")}
    return {
        "step": moment.step,
        "scales": moment.scales.tolist(),
        "threshold": moment.threshold,
        **{name: base64_of(data) for name, data in arrays.items()},
    }


def _score(curve: Curve) -> dict:
    return {
        "kind": "score",
        "key": curve.key,
        "title": MEASURES.get(curve.key, curve.title),
        "asks": curve.asks,
        "rises": curve.rises,
        "chance": curve.chance,
        "best": curve.best,
        "points": [[step, one.value, one.low, one.high] for step, one in curve.points.items()],
        "baselines": curve.baselines,
    }


def _losses(lines: Sequence[dict[str, float]]) -> list[dict]:
    series = []
    for name in LOSSES:
        points = [[line["step"], line[name]] for line in lines if name in line]
        if points:
            title, asks = LOSS_NAMES[name]
            series.append({"kind": "loss", "key": name, "title": title, "asks": asks, "points": points})
    return series
