"""What a resumed run does with the values it is given: takes them up, keeps its own and says so, or refuses them.

A value is taken up where no step that is done would have been trained otherwise with it: what concerns the
computation, the log and the account; later phases; schedules as far as they are the same up to here. Then the run goes
on exactly as one that had it from the start.
"""

import json
import logging
import zlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from core import RequestError
from core.files import write_whole
from core.records.runs import DATA
from train.config import RunConfig, flat
from train.data.sources import Source
from train.run.phases import Phase, phases
from train.run.step import Schedules

log = logging.getLogger(__name__)

FREE = ("workers", "checkpoint_activations", "compile", "shard", "resident_gib")
"""Values of the computation that change its numbers to rounding at most."""
SCHEDULED = (
    "steps", "base_lr", "final_lr", "warmup_steps", "heads_first_steps", "weight_decay", "freeze_last_layer_steps",
    "teacher_momentum", "teacher_temperature", "temperature_warmup_steps",
)  # fmt: skip
"""Values that act through the rates of each step alone (`train.run.step.Schedules`)."""
OF_TEACHER = ("tied", "dino_prototypes", "ibot_prototypes")
"""Of the heads, what a teacher that comes with its own decides (`train.run.setup.completed`)."""
_NAMES = 1000
"""Images whose names stand for all."""


def resumed(stored: RunConfig, asked: RunConfig, done: int, out: Path) -> tuple[RunConfig, list[str]]:
    """The configuration that a run goes on with from step `done`, and a sentence for each value that is not as before.

    Raises RequestError, naming them, for values with which the steps that are done would have been others.
    """
    asked, said = _with_what_was_found(stored, asked)
    before, after = flat(stored), flat(asked)
    differing = [name for name, value in after.items() if value != before[name]]
    if not _same_so_far(stored, _as_free(asked, stored), done):
        raise _refused(stored, asked, done, out)
    return asked, [*said, *(f"{name} is {after[name]} from here on, not {before[name]}" for name in differing)]


def _with_what_was_found(stored: RunConfig, asked: RunConfig) -> tuple[RunConfig, list[str]]:
    """`asked` with what a run finds out itself when it starts, and sentences on what was asked for instead."""
    found = asked.distillation
    if found.teacher == stored.distillation.teacher:
        theirs = stored.distillation
        found = replace(found, sha256=theirs.sha256, model=theirs.model, own_heads=theirs.own_heads)
    kept = replace(asked, distillation=found, recipe=stored.recipe)
    if asked.compute.precision == "auto":
        kept = replace(kept, compute=replace(kept.compute, precision=stored.compute.precision))
    if stored.start_from and asked.start_from == stored.start_from:
        kept = replace(kept, model=stored.model)
    if stored.distillation.own_heads and found.teacher == stored.distillation.teacher:
        own = {name: getattr(stored.heads, name) for name in OF_TEACHER}
        kept = replace(kept, heads=replace(kept.heads, **own))
    wanted, values = flat(asked), flat(kept)
    silent = ("compute.precision", "recipe")
    return kept, [
        f"{name} stays {value}, as the run found it when it started"
        for name, value in values.items()
        if wanted[name] != value and name not in silent and not name.startswith("distillation.")
    ]


def _as_free(asked: RunConfig, stored: RunConfig) -> RunConfig:
    """`asked` with the run's own values wherever these decide nothing of what is learned."""
    compute = replace(asked.compute, **{name: getattr(stored.compute, name) for name in FREE})
    return replace(asked, compute=compute, log=stored.log, watch=stored.watch, account=stored.account)


def _same_so_far(stored: RunConfig, asked: RunConfig, done: int) -> bool:
    """Whether the steps up to `done` are the same under both configurations."""
    before, after = phases(stored), phases(asked)
    begun = [number for number, phase in enumerate(before) if phase.first < done or not number]
    return asked.steps >= done and len(after) >= len(begun) and all(
        _same_phase(before[number], after[number], done, number == begun[-1]) for number in begun
    )  # fmt: skip


def _same_phase(before: Phase, after: Phase, done: int, last: bool) -> bool:
    """Whether the steps of a phase that are done are the same; all of them, where it is not the last that has begun."""
    if (not last and before.last != after.last) or (last and after.last < done):
        return False
    optim = replace(after.config.optim, **{name: getattr(before.config.optim, name) for name in SCHEDULED})
    if after._replace(last=before.last, config=replace(after.config, optim=optim)) != before:
        return False
    rates = Schedules(before.config), Schedules(after.config)
    return before.config.optim == after.config.optim or all(
        rates[0].at(step) == rates[1].at(step) for step in range(max(min(done, before.last) - before.first, 1))
    )


def _refused(stored: RunConfig, asked: RunConfig, done: int, out: Path) -> RequestError:
    before, after = flat(stored), flat(_as_free(asked, stored))
    names = [f"{name} {value} (not {before[name]})" for name, value in after.items() if value != before[name]]
    advice = f"Leave them out to go on as the run was started, or start a new one with --start-from {out}"
    if asked.steps > stored.steps and asked.optim.steps != stored.optim.steps:
        words = " ".join(map(str, [*stored.phases, f"steps={asked.steps - stored.steps}"]))
        advice += f"; to train longer, add a phase, whose schedules are its own: --resume --phases {words}"
    return RequestError(
        f"{out} cannot go on from step {done} with {', '.join(names)}: the steps that are done would have been trained "
        f"otherwise, by their schedules or what they learned from. {advice}."
    )


def described(paths: Sequence[Path], source: Source) -> dict[str, Any]:
    """What a run learns from, for a resumed one to compare: how many images, and a checksum of names among them."""
    count = len(source)
    places = range(0, count, max(count // _NAMES, 1))
    names = "\n".join(Path(source.name(place)).name for place in places)
    crc = zlib.crc32(names.encode("utf-8", "surrogateescape"))
    return {"paths": [str(path) for path in paths], "images": count, "names": f"{crc:08x}"}


def compare_data(out: Path, now: dict[str, Any]) -> list[str]:
    """Sentences on how the data differ from those that the run was started with; none where they do not."""
    path = out / DATA
    try:
        then = json.loads(path.read_text(encoding="utf-8"))
        same = (then["images"], then["names"]) == (now["images"], now["names"])
        paths = ", ".join(then["paths"])
    except FileNotFoundError:  # a run of an earlier version
        return []
    except (OSError, ValueError, LookupError, TypeError, RecursionError) as error:
        return [f"{path} cannot be read ({error}), so it is not known whether the data are the same"]
    if same:
        return []
    return [
        f"The data are not those the run was started with ({now['images']:,} images, then {then['images']}, from {paths}): "
        "from here on it learns from these, in an order of their own"
    ]


def write_data(out: Path, now: dict[str, Any]) -> None:
    """Keep what the run learns from."""
    write_whole(out / DATA, json.dumps(now, indent=1))
