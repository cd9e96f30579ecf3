"""The backbone among all that a file of weights holds, however training programs wrapped it.

Names are paths. Some of their parts are of machinery (DDP's `module`, `_orig_mod` of torch.compile, what FSDP and
activation checkpointing put between) and mean nothing, wherever they stand. What is then before the patch embedding's
weight is a backbone's place: none, `backbone.`, `model.teacher.backbone.`, `state_dict.student.`, stacked in any order.
"""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import torch
from torch import Tensor

from core.errors import ModelError

MACHINERY = frozenset({"module", "_orig_mod", "_checkpoint_wrapped_module", "_fsdp_wrapped_module"})
TEACHER = frozenset({"teacher", "ema", "ema_model", "model_ema", "teacher_ema", "state_dict_ema"})
"""Names of the mean of a network over its training, whose features are the model's."""
STUDENT = frozenset({"student"})
FLOATS = frozenset({torch.float16, torch.bfloat16, torch.float32, torch.float64})
_EVERY_BACKBONE_HAS = (
    "patch_embed.proj.weight",
    "embeddings.patch_embeddings.projection.weight",
    "embeddings.patch_embeddings.weight",
)
_DEEPEST = 8


class Unwrapped(NamedTuple):
    """Tensors by name below a backbone's place, and a sentence on which of several it is, where there are several."""

    state: dict[str, Tensor]
    note: str


def unwrapped(stored: object) -> Unwrapped:
    """The backbone's tensors in what a file held; heads, other networks and training state are left out.

    The teacher's are preferred, a student's taken where there is nothing else. Raises ModelError where there is
    something else than tensors of floating-point numbers by name, or no telling which of several backbones is meant.
    """
    if not isinstance(stored, Mapping) or not all(isinstance(key, str) for key in stored):
        raise ModelError(f"These are not weights by name but a {type(stored).__name__}; save the model's state_dict.")
    flat: dict[str, object] = {}
    for name, value in _leaves(stored):
        if isinstance(value, Tensor) and name in flat:
            raise ModelError(f"{name} is there twice, under different wrappers; save the backbone's state_dict.")
        flat[name] = value
    places = {name.removesuffix(end) for name in flat for end in _EVERY_BACKBONE_HAS if _ends(name, end)}
    place, note = _chosen(places) if places else ("", "")
    below = {name.removeprefix(place): value for name, value in flat.items() if name.startswith(place)}
    tensors = {name: value for name, value in below.items() if isinstance(value, Tensor)}
    strange = [name for name in below if name not in tensors]
    if not places:  # another model: where it is wrapped, what stands beside it is training state
        wrapped = tensors and any(isinstance(value, Mapping) for value in stored.values())
        strange = [] if wrapped else [key for key, value in stored.items() if not isinstance(value, Tensor)]
    if strange:
        raise ModelError(
            f"{', '.join(strange[:5])}: no tensors. The weights must be all there is, or stand below 'teacher' or "
            "'model'; save the backbone's state_dict."
        )
    return Unwrapped(tensors, note)


def require_floats(state: Mapping[str, Tensor]) -> None:
    """ModelError where a tensor holds other numbers than plain floating-point ones, such as quantised weights."""
    for name, tensor in state.items():
        if tensor.dtype not in FLOATS or tensor.layout != torch.strided or tensor.is_meta:
            kind = "no numbers" if tensor.is_meta else f"{tensor.layout} {tensor.dtype}".replace("torch.", "")
            raise ModelError(
                f"{name} holds {kind.removeprefix('strided ')}: quantised, packed or empty weights cannot be used. Give "
                "the weights as float32, float16 or bfloat16."
            )


def _leaves(
    stored: Mapping, before: tuple[str, ...] = (), seen: frozenset[int] = frozenset()
) -> Iterator[tuple[str, object]]:
    """Names and values of what is no mapping by name itself, machinery left out of the names."""
    for key, value in stored.items():
        name = (*before, *(part for part in key.split(".") if part not in MACHINERY))
        by_name = isinstance(value, Mapping) and all(isinstance(inner, str) for inner in value)
        if isinstance(value, Mapping) and by_name and len(seen) < _DEEPEST and id(value) not in seen:
            yield from _leaves(value, name, seen | {id(value)})
        else:
            yield ".".join(name) or key, value


def _ends(name: str, end: str) -> bool:
    return name == end or name.endswith(f".{end}")


def _chosen(places: set[str]) -> tuple[str, str]:
    """The place to take, and what is to be said of it. Raises ModelError where several are as good."""

    def rank(place: str) -> int:
        parts = set(place.split("."))
        return 0 if parts & TEACHER else 2 if parts & STUDENT else 1

    best = min(map(rank, places))
    first, *more = sorted(place for place in places if rank(place) == best)
    if more:
        names = ", ".join(map(_title, [first, *more][:5]))
        raise ModelError(
            f"The file holds {len(more) + 1} backbones, below {names}; save the state_dict of the one that is meant."
        )
    title = _title(first)
    if best == 2:
        return first, f"The file holds a student's weights only ({title}); DINOv2's features are its teacher's."
    if len(places) > 1:
        kind = "the teacher's weights" if best == 0 else "the weights"
        others = ", ".join([_title(place) for place in sorted(places) if place != first][:5])
        return first, f"Of several networks in the file, {kind} were taken ({title}; beside it: {others})."
    return first, ""


def _title(place: str) -> str:
    """A place as a person reads it, short whatever a file says."""
    return repr(place.removesuffix(".")[:60]) if place else "no prefix"
