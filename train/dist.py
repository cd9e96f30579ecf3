"""The processes of a run: one, or many started by torchrun. Nothing here is needed by the model."""

import os
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import Tensor

from core.model.device import find_device


@dataclass(frozen=True)
class World:
    """This process's place among `size` processes, and the device it computes on."""

    rank: int
    size: int
    device: torch.device

    @property
    def leads(self) -> bool:
        """Whether this process writes what is written once."""
        return self.rank == 0


def join(device: str | None = None, group_of_one: bool = False) -> World:
    """Join the processes torchrun started (NCCL on CUDA, gloo on the CPU); a world of one without it.

    With `group_of_one`, that one process is a group too, which FSDP needs. RequestError where a process of this
    machine has no card.
    """
    kind = device or ("cuda" if torch.cuda.is_available() else "cpu")
    backend = "nccl" if kind == "cuda" else "gloo"
    if "RANK" not in os.environ:
        if group_of_one and not dist.is_initialized():  # it may be, by a run that ended in an error
            dist.init_process_group(backend, store=dist.HashStore(), rank=0, world_size=1)
        return World(0, 1, torch.device(kind))
    place = find_device(f"cuda:{os.environ['LOCAL_RANK']}" if kind == "cuda" else kind)
    if kind == "cuda":
        torch.cuda.set_device(place)
    dist.init_process_group(backend, device_id=place if kind == "cuda" else None)
    return World(dist.get_rank(), dist.get_world_size(), place)


def distributed() -> bool:
    """Whether there are other processes than this one."""
    return dist.is_initialized() and dist.get_world_size() > 1


def leads() -> bool:
    """`World.leads`, where no world is at hand."""
    return not dist.is_initialized() or dist.get_rank() == 0


def leave() -> None:
    if dist.is_initialized():
        dist.destroy_process_group()


class _GatherRows(torch.autograd.Function):
    """All ranks' rows; backwards, each rank gets what all ranks' losses ask of its own."""

    @staticmethod
    def forward(context, rows: Tensor) -> Tensor:
        context.rows = len(rows)
        parts = [torch.empty_like(rows) for _ in range(dist.get_world_size())]
        dist.all_gather(parts, rows.contiguous())
        return torch.cat(parts)

    @staticmethod
    def backward(context, gradient: Tensor) -> Tensor:
        gradient = gradient.contiguous()
        dist.all_reduce(gradient)
        return gradient[first_row(context.rows) :][: context.rows]


def gather_rows(rows: Tensor) -> Tensor:
    """The rows [B, D] of all ranks, [size·B, D] in rank order, with gradients that flow back to their ranks."""
    return _GatherRows.apply(rows) if distributed() else rows


def first_row(rows: int) -> int:
    """The number of this rank's first row among the rows of all ranks, each of which has `rows`."""
    return dist.get_rank() * rows if dist.is_initialized() else 0


def total(values: Tensor) -> Tensor:
    """`values`, overwritten by their sum over ranks, on every rank."""
    if distributed():
        dist.all_reduce(values)
    return values


def largest(values: Tensor) -> Tensor:
    """`values`, overwritten by their maximum over ranks, on every rank."""
    if distributed():
        dist.all_reduce(values, dist.ReduceOp.MAX)
    return values


def average(values: Tensor) -> Tensor:
    """`values`, overwritten by their mean over ranks, on every rank."""
    return total(values).div_(dist.get_world_size()) if distributed() else values


def from_first(values: Tensor) -> Tensor:
    """`values`, overwritten by those of the rank that leads, on every rank."""
    if distributed():
        dist.broadcast(values, 0)
    return values


def wait() -> None:
    """Until all ranks are here."""
    if dist.is_initialized():
        dist.barrier()
