"""Checkpoints, by which a run continues, written so that a kill at any moment leaves the last complete one.

    RUN/checkpoints/
    ├── step-00001000/      complete: nothing but a rename makes this name
    └── step-00002000.part/ being written, or left by a kill; removed at the next save

A checkpoint holds both networks, the optimisers, the loss scaler and the step, in `torch.distributed.checkpoint`'s
format, which can be read back on any number of ranks. The order of images and every random draw follow from the
seed and the step (`train.data.sampler`), so nothing else is needed.
"""

import contextlib
import logging
import os
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
from train.dist import leads, wait

log = logging.getLogger(__name__)


class CheckpointError(DinoError):
    """A checkpoint is missing or does not fit the run."""


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
    final = run / "checkpoints" / f"step-{step:08}"
    partial = final.with_suffix(".part")
    if leads():
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
    wait()
    weights, moments = get_state_dict(networks, optimisers)
    with _one_process_is_meant():
        dcp.save({"networks": weights, "optimiser": moments, "extra": extra}, checkpoint_id=partial)
    if leads():
        _flush(partial)
        shutil.rmtree(final, ignore_errors=True)
        os.replace(partial, final)
        _flush(final.parent)
        for old in set(steps_saved(run)[:-keep]) - set(keep_steps):
            shutil.rmtree(run / "checkpoints" / f"step-{old:08}")
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
    state = {within + name: tensor for name, tensor in module.state_dict().items()}
    _read(run, step, {"networks": state})  # in place


def _read(run: Path, step: int, state: dict) -> None:
    folder = run / "checkpoints" / f"step-{step:08}"
    try:
        with _one_process_is_meant():
            dcp.load(state, checkpoint_id=folder)
    except (dcp.api.CheckpointException, RuntimeError, ValueError) as error:
        raise CheckpointError(
            f"{folder} does not fit this run ({str(error).splitlines()[0]}); "
            "resume with the recipe it was started with, or start a new run folder."
        ) from error


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
