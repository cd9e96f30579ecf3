"""Values that are not finite in a run: named, kept to be looked at, and never saved as weights."""

from collections.abc import Sequence
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.distributed.tensor import DTensor

from core import DinoError
from train.data.batch import Batch
from train.dist import average

FOLDER = "nonfinite"
"""Of a run folder, for the batches that led to it."""


class NonFiniteError(DinoError):
    """A loss term, a gradient or a weight became NaN or infinite."""


def keep_batch(run: Path, step: int, what: Sequence[str], batch: Batch) -> Path:
    """Write the batch that made the things named `what` not finite into the run folder; the file."""
    folder = run / FOLDER
    folder.mkdir(exist_ok=True)
    words = "-".join(what).replace("/", ".").replace(" ", ".")
    path = folder / f"step-{step:08}-{words[:60]}.safetensors"
    save_file({name: tensor.cpu().contiguous() for name, tensor in batch._asdict().items()}, path)
    return path


def stopped_at(step: int, what: Sequence[str], path: Path) -> NonFiniteError:
    """The error where a run is to stop at such a step."""
    return NonFiniteError(
        f"Step {step}: {', '.join(what)} is not finite. The batch is in {path}. Try a lower learning rate or "
        "bfloat16 instead of float16; on_nonfinite=skip leaves such steps out."
    )


def require_finite(networks: nn.Module) -> None:
    """NonFiniteError, on every rank, where a parameter or buffer of any rank's shards holds NaN or infinity.

    Every rank calls it, before weights are written: what is saved can be gone on from.
    """
    tensors = {name: _local(tensor) for name, tensor in (*networks.named_parameters(), *networks.named_buffers())}
    broken = torch.stack([(~tensor.isfinite()).any().float() for tensor in tensors.values()])
    names = [name for name, share in zip(tensors, average(broken).tolist(), strict=True) if share]
    if names:
        more = f" and {len(names) - 3} more" if len(names) > 3 else ""
        raise NonFiniteError(
            f"The weights {', '.join(names[:3])}{more} are not finite, and are not saved. Start a new run with a lower "
            "learning rate, from the last backbone (--start-from RUN) or anew."
        )


def _local(tensor: Tensor) -> Tensor:
    """This rank's part of it."""
    return (tensor.to_local() if isinstance(tensor, DTensor) else tensor).detach()
