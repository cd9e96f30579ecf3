"""Phases: what a later part of a run changes, and how that is written in one word."""

import dataclasses
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Protocol, TypeVar, get_type_hints

import tyro

from core import RequestError
from core.bounds import SHARE, Bounds, require_bounds
from core.pictures.geometry import LARGEST_SIZE


class _Part(Protocol):
    """Any dataclass."""

    __dataclass_fields__: ClassVar[dict[str, dataclasses.Field[Any]]]


T = TypeVar("T", bound=_Part)


@dataclass(frozen=True, repr=False)
class PhaseConfig:
    """A later part of a run: its steps, and what it changes. What is None stays as in the part before.

    On the command line a phase is one word, `steps=300,global_size=112,global_scale=0.3:1`, and several are several
    words. Every schedule starts anew, compressed into the phase's own steps.
    """

    steps: Annotated[int, Bounds(1, 10**9)]
    lr_share: Annotated[float, Bounds(0, 1000, above=True)] = 0.1
    """Of the run's base learning rate; the paper says reduced for its 518 px, the number is ours."""
    final_lr_share: Annotated[float, Bounds(0, 1000)] = 0.0
    """Of the same, reached at the phase's last step; at 0 it is the run's final_lr."""
    batch: Annotated[int | None, Bounds(1, 2**20)] = None
    accumulate: Annotated[int | None, Bounds(1, 2**20)] = None
    patch: Annotated[int | None, Bounds(1, 256)] = None
    """Side in pixels; the patch embedding is resampled so that pictures as much smaller give nearly the same tokens."""
    global_size: Annotated[int | None, Bounds(1, LARGEST_SIZE)] = None
    global_scale: Annotated[tuple[float, float] | None, Bounds(0, 1, above=True, rising=True)] = None
    local_size: Annotated[int | None, Bounds(1, LARGEST_SIZE)] = None
    local_scale: Annotated[tuple[float, float] | None, Bounds(0, 1, above=True, rising=True)] = None
    local_crops: Annotated[int | None, Bounds(0, 256)] = None
    mask_ratio: Annotated[tuple[float, float] | None, Bounds(0, 1, rising=True)] = None
    mask_probability: Annotated[float | None, SHARE] = None
    dino_weight: Annotated[float | None, Bounds(0, 10**6)] = None
    ibot_weight: Annotated[float | None, Bounds(0, 10**6)] = None
    koleo_weight: Annotated[float | None, Bounds(0, 10**6)] = None
    gram_weight: Annotated[float | None, Bounds(0, 10**6)] = None

    def __post_init__(self):
        require_bounds(self, "In a phase ")

    def __repr__(self) -> str:
        """As `parse` reads it.

        >>> print(PhaseConfig(300, global_size=112, global_scale=(0.3, 1.0)))
        steps=300,global_size=112,global_scale=0.3:1.0
        """
        given = {
            item.name: getattr(self, item.name)
            for item in dataclasses.fields(self)
            if item.name == "steps" or getattr(self, item.name) != item.default
        }
        words = {
            name: ":".join(map(str, value)) if isinstance(value, tuple) else value for name, value in given.items()
        }
        return ",".join(f"{name}={value}" for name, value in words.items())

    @classmethod
    def parse(cls, text: str) -> "PhaseConfig":
        """A phase from its word. RequestError names what is not understood, and what there is."""
        kinds = get_type_hints(cls)
        values: dict[str, Any] = {}
        for part in text.split(","):
            name, _, value = part.partition("=")
            name = name.strip().replace("-", "_")
            if name in values:
                raise RequestError(f"The phase {text!r} says {name} twice; say it once.")
            if name not in kinds:
                raise RequestError(f"A phase has no {name!r}; write steps=N, then any of {', '.join(list(kinds)[1:])}.")
            try:
                values[name] = _number_of(kinds[name], value)
            except ValueError as error:
                raise RequestError(f"In the phase {text!r}, {name} is {value!r}; {error}.") from error
        if "steps" not in values:
            raise RequestError(f"The phase {text!r} does not say how long it is; write steps=N first.")
        return cls(**values)


def _number_of(kind: Any, text: str) -> int | float | tuple[float, float]:
    if kind in (int, int | None):
        if not text.isdecimal():
            raise ValueError("write a whole number")
        return int(text)
    numbers = [float(part) for part in text.split(":")]
    pair = kind not in (float, float | None)
    if len(numbers) != 1 + pair:
        raise ValueError("write two numbers, as in 0.3:1" if pair else "write one number")
    return (numbers[0], numbers[1]) if pair else numbers[0]


PHASE_WORDS = tyro.constructors.PrimitiveConstructorSpec(
    nargs="*",
    metavar="[steps=N,NAME=VALUE,… …]",
    instance_from_str=lambda words: tuple(map(PhaseConfig.parse, words)),
    is_instance=lambda value: isinstance(value, tuple),
    str_from_instance=lambda phases: list(map(str, phases)),
)


def changed(part: T, phase: PhaseConfig) -> T:
    """A part of a configuration with the values of the same names that a phase changes."""
    names = {item.name for item in dataclasses.fields(part)} & {item.name for item in dataclasses.fields(phase)}
    return dataclasses.replace(
        part, **{name: getattr(phase, name) for name in names if getattr(phase, name) is not None}
    )
