"""Whether weights fit a model: keys spelt out, and every number a number."""

from collections.abc import Iterable, Mapping

from torch import Tensor

from core.errors import ModelError

NAMED_KEYS = 10
"""Keys that an error spells out before it only counts them."""


def named(what: str, keys: Iterable[str]) -> list[str]:
    """A list of at most one phrase, on keys that are `what`; empty where there are none."""
    ordered = sorted(keys)
    if not ordered:
        return []
    more = f" and {len(ordered) - NAMED_KEYS} more" if len(ordered) > NAMED_KEYS else ""
    return [f"{what} {', '.join(ordered[:NAMED_KEYS])}{more}"]


def require_finite(state: Mapping[str, Tensor], where: str) -> None:
    """ModelError, with names and counts, where weights are NaN or infinite in float32: no feature would be a number."""
    broken = {name: int((~value.isfinite()).sum()) for name, value in state.items() if not value.isfinite().all()}
    if broken:
        counted = {f"{name} ({count:,} of {state[name].numel():,})" for name, count in broken.items()}
        raise ModelError(
            f"{where} cannot be used: {'; '.join(named('NaN or infinity in', counted))}. Did the training diverge, or the "
            "numbers leave float16? Take an earlier checkpoint, or download it anew."
        )
