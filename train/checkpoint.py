"""Checkpoints, by which a run continues, written so that a kill at any moment leaves the last complete one.

    RUN/checkpoints/
    ├── step-00001000/           complete: nothing but a rename makes this name
    │   └── checksums.json       CRC-32 of each file in it
    ├── step-00002000.damaged/   set aside, since its files are not what was written
    └── step-00003000.part/      being written, or left by a kill; removed at the next save

A checkpoint holds both networks, the optimisers, the loss scaler and the step, in `torch.distributed.checkpoint`'s
format, which can be read back on any number of ranks. The order of images and every random draw follow from the
seed and the step (`train.data.sampler`), so nothing else is needed.
"""

import contextlib
import json
import logging
import os
import pickle
import re
import shutil
import warnings
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

import torch
import torch.distributed.checkpoint as dcp
from torch import Tensor, nn
from torch.distributed.checkpoint.state_dict import (
    StateDictOptions,
    get_model_state_dict,
    get_state_dict,
    set_model_state_dict,
    set_state_dict,
)

from core import DinoError, VisionTransformer
from core.files import file_crc32
from train.checkpoint_reader import PlainPlanner, PlainReader
from train.dist import from_first, leads, wait

log = logging.getLogger(__name__)


CHECKSUMS = "checksums.json"
METADATA = ".metadata"
"""The file of a checkpoint by which torch finds the others."""


class CheckpointError(DinoError):
    """A checkpoint is damaged or does not fit the run."""


def steps_saved(run: Path) -> list[int]:
    """Steps of the complete checkpoints of a run, ascending."""
    names = (re.fullmatch(r"step-(\d+)", path.name) for path in (run / "checkpoints").glob("step-*"))
    return sorted(int(match[1]) for match in names if match)


def save(
    run: Path,
    step: int,
    networks: nn.Module,
    optimisers: Sequence[torch.optim.Optimizer],
    extra: dict,
    keep: int,
    keep_steps: Collection[int] = (),
) -> Path:
    """Write the checkpoint of `step`, then drop all but the last `keep` and those of `keep_steps`. Every rank calls it.

    `extra` is a dict of tensors and plain values of its own (the loss scaler).
    """
    final = _folder(run, step)
    partial = final.with_suffix(".part")
    if leads():
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
    wait()
    weights, moments = get_state_dict(networks, optimisers)
    with _one_process_is_meant():
        dcp.save({"networks": weights, "optimiser": moments, "extra": extra}, checkpoint_id=partial)
    if leads():
        sums = {path.name: file_crc32(path) for path in partial.iterdir()}
        (partial / CHECKSUMS).write_text(json.dumps(sums, indent=1), encoding="utf-8")
        _flush(partial)
        shutil.rmtree(final, ignore_errors=True)
        os.replace(partial, final)
        _flush(final.parent)
        for old in set(steps_saved(run)[:-keep]) - set(keep_steps):
            shutil.rmtree(_folder(run, old))
    wait()
    return final


def whole(backbone: VisionTransformer) -> VisionTransformer | None:
    """A copy of a backbone on the CPU, on the rank that writes; None on others. Every rank calls it."""
    everything = StateDictOptions(full_state_dict=True, cpu_offload=True)
    state = get_model_state_dict(backbone, options=everything)
    if not leads():
        return None
    with torch.device("meta"):
        model = VisionTransformer(backbone.config)
    model.load_state_dict({name: one.clone() for name, one in state.items() if isinstance(one, Tensor)}, assign=True)
    return model.eval().requires_grad_(False)


def last_step(run: Path) -> int:
    """The step of the last complete checkpoint; 0 where there is none."""
    return max(steps_saved(run), default=0)


def last_whole(run: Path, device: torch.device) -> int:
    """The step of the last checkpoint that is what was written, 0 where there is none yet. Every rank calls it.

    Damaged ones after it are set aside and named in the log. CheckpointError where all are damaged.
    """
    step = torch.tensor(_set_damaged_aside(run) if leads() else 0, device=device)
    found = int(from_first(step))
    if found < 0:
        raise CheckpointError(
            f"No checkpoint in {run / 'checkpoints'} is whole: all of them are damaged. Put copies in their place, or "
            f"start a new run from the backbone: --start-from {run}, with another --out."
        )
    return found


def _set_damaged_aside(run: Path) -> int:
    """The step of the last whole checkpoint; 0 where there are none, −1 where all are damaged."""
    steps = steps_saved(run)
    damaged: list[Path] = []
    while steps:
        folder = _folder(run, steps[-1])
        problem = damage(folder)
        if not problem:
            break
        log.warning("The checkpoint %s is damaged (%s)", folder, problem)
        damaged.append(folder)
        steps.pop()
    if damaged and steps:
        for folder in damaged:
            aside = folder.with_suffix(".damaged")
            shutil.rmtree(aside, ignore_errors=True)
            os.replace(folder, aside)
        log.warning("Going on from step %d instead, the last whole one; what is damaged was set aside", steps[-1])
    return steps[-1] if steps else -1 if damaged else 0


def damage(folder: Path) -> str:
    """What is wrong with the files of a checkpoint; "" where they are what was written.

    Checkpoints without a list of checksums are of earlier versions: of those it is known what is missing or cut short.
    """
    try:
        sums = json.loads((folder / CHECKSUMS).read_text(encoding="utf-8"))
        if not isinstance(sums, dict) or METADATA not in sums:
            return f"{CHECKSUMS} is no list of checksums"
        wrong = [name for name, crc in sums.items() if Path(name).name != name or file_crc32(folder / name) != crc]
    except FileNotFoundError as error:
        return _cut_short(folder) if Path(error.filename).name == CHECKSUMS else f"{error.filename} is not there"
    except (OSError, ValueError, RecursionError) as error:
        return f"{CHECKSUMS}: {error}"
    return f"{', '.join(wrong)} is not what was written" if wrong else ""


def _cut_short(folder: Path) -> str:
    """Which of the files that a checkpoint names are missing or shorter than what should be in them."""
    try:
        described = PlainReader(folder).read_metadata()
        for part in (described.storage_data or {}).values():
            size = (folder / part.relative_path).stat().st_size
            if size < part.offset + part.length:
                return f"{part.relative_path} is cut short at {size:,} bytes"
    except Exception as error:  # a pickle, which lets out whatever it runs into
        return f"{METADATA}: {(str(error) or type(error).__name__).splitlines()[0]}"
    return ""


def load(run: Path, step: int, networks: nn.Module, optimisers: Sequence[torch.optim.Optimizer], extra: dict) -> None:
    """Put the checkpoint of `step` into what is given. CheckpointError where it does not fit."""
    weights, moments = get_state_dict(networks, optimisers)
    _read(run, step, {"networks": weights, "optimiser": moments, "extra": extra})  # in place
    set_state_dict(networks, optimisers, model_state_dict=weights, optim_state_dict=moments)


def load_networks(run: Path, step: int, networks: nn.Module) -> None:
    """Put both networks of the checkpoint of `step` into what is given, which is not yet sharded."""
    weights = get_model_state_dict(networks)
    _read(run, step, {"networks": weights})  # in place
    set_model_state_dict(networks, weights)


def load_part(run: Path, step: int, module: nn.Module, within: str) -> None:
    """Put what the checkpoint of `step` holds under names that begin with `within` into a module."""
    if problem := damage(_folder(run, step)):
        raise CheckpointError(f"{_folder(run, step)} is damaged ({problem}); put a copy in its place, or remove it.")
    state = {within + name: tensor for name, tensor in module.state_dict().items()}
    _read(run, step, {"networks": state})  # in place


def _read(run: Path, step: int, state: dict) -> None:
    folder = _folder(run, step)
    try:
        with _one_process_is_meant():
            dcp.load(state, storage_reader=PlainReader(folder), planner=PlainPlanner())
    except (dcp.api.CheckpointException, OSError, RuntimeError, ValueError, EOFError, pickle.UnpicklingError) as error:
        if problem := damage(folder):
            raise CheckpointError(f"{folder} is damaged ({problem}); resume from the one before it.") from error
        raise CheckpointError(
            f"{folder} does not fit this run ({str(error).splitlines()[0]}); "
            "resume with the recipe it was started with, or start a new run folder."
        ) from error


def _folder(run: Path, step: int) -> Path:
    return run / "checkpoints" / f"step-{step:08}"


@contextlib.contextmanager
def _one_process_is_meant() -> Iterator[None]:
    """Without torch's warning that it works for one process, where one it is."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="torch.distributed is disabled")
        yield


def _flush(folder: Path) -> None:
    """Have the system write a folder and its files to the disk before they get their final name."""
    for path in [*(file for file in folder.iterdir() if file.is_file()), folder]:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
