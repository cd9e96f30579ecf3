"""The configuration of a run: frozen, complete, and written into its folder."""

import contextlib
import dataclasses
import json
import logging
import sys
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, TypeVar, get_args, get_origin, get_type_hints

import tyro

from core import RequestError, ViTConfig
from core.bounds import SEED, SHARE, Bounds, require_bounds
from core.files import write_whole
from core.pictures.geometry import LARGEST_SIZE
from train.data.augment import AugmentConfig
from train.data.masking import MaskConfig
from train.method.heads import HeadConfig
from train.method.objective import ObjectiveConfig
from train.phase_config import PHASE_WORDS, PhaseConfig, changed

T = TypeVar("T")
log = logging.getLogger(__name__)
_CHECKSUM = "crc32"
_NEEDED = ("model", "heads", "augment", "optim")


@dataclass(frozen=True)
class OptimConfig:
    """AdamW, Muon if chosen, and their schedules; a step is one update of the weights."""

    steps: Annotated[int, Bounds(1, 10**9)] = 125_000
    batch: Annotated[int, Bounds(1, 2**20)] = 1024
    """Images per step over all ranks."""
    base_lr: Annotated[float, Bounds(0, 100)] = 0.004
    """At a batch of 1024; scaled by the square root of batch / 1024 (the reference's ssl_default_config.yaml)."""
    final_lr: Annotated[float, Bounds(0, 100)] = 1e-6
    """Reached by a cosine at the last step."""
    warmup_steps: Annotated[int, Bounds(0, 10**9)] = 12_500
    """Steps in which the learning rate rises linearly; a tenth of the run in the reference."""
    weight_decay: Annotated[tuple[float, float], Bounds(0, 100)] = (0.04, 0.4)
    """From first to last step, by a cosine (Caron et al. 2021)."""
    betas: Annotated[tuple[float, float], Bounds(0, 1, below=True)] = (0.9, 0.999)
    muon: bool = False
    """Whether Muon learns the matrices of the blocks and heads (`train.run.optim.optimisers`); not in the reference."""
    layer_decay: Annotated[float, Bounds(0, 1, above=True)] = 0.9
    """Factor on the learning rate for each block further from the output (the reference's short setup)."""
    patch_embed_lr: Annotated[float, Bounds(0, 100)] = 0.2
    """Factor on the learning rate of the patch embedding (the reference's default)."""
    clip: Annotated[float, Bounds(0, 10**6, above=True)] = 3.0
    """Gradient norm of each sub-network (backbone, DINO head, iBOT head) at most."""
    heads_first_steps: Annotated[int, Bounds(0, 10**9)] = 100
    """Steps in which the heads, being new, are trained alone; in runs that go on from a model, a tenth at most."""
    freeze_last_layer_steps: Annotated[int, Bounds(0, 10**9)] = 1250
    """Steps in which the prototypes stay as drawn; one epoch in the reference."""
    teacher_momentum: Annotated[tuple[float, float], SHARE] = (0.992, 1.0)
    """From first to last step, by a cosine (the reference's default)."""
    teacher_temperature: Annotated[tuple[float, float], Bounds(0, 10, above=True)] = (0.04, 0.07)
    """From first step to the end of its warm-up (the reference's default)."""
    temperature_warmup_steps: Annotated[int, Bounds(0, 10**9)] = 37_500
    drop_rate: Annotated[float, Bounds(0, 1, below=True)] = 0.3
    """Stochastic depth of the student: the share of samples each branch leaves out (0.3; 0.4 for ViT-g)."""

    def __post_init__(self):
        require_bounds(self, "optim.")

    @property
    def lr(self) -> float:
        return self.base_lr * (self.batch / 1024) ** 0.5


@dataclass(frozen=True)
class ComputeConfig:
    """The computation; the numbers it leads to are the same but for rounding."""

    precision: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    """auto is bfloat16 where the device multiplies it in hardware, float32 elsewhere; a run keeps what it found."""
    accumulate: Annotated[int, Bounds(1, 2**20)] = 1
    """Parts a step's batch is computed in, one after the other, on each rank."""
    checkpoint_activations: bool = False
    compile: bool = False
    shard: Literal["auto", "always"] = "auto"
    """Whether FSDP shards the networks: on several processes, or always, so that one computes just what many do."""
    workers: Annotated[int, Bounds(0, 1024)] = 8
    """Processes per rank that decode and crop; 0 does it between the steps."""
    resident: bool = False
    """Keep all images decoded in the device's memory and crop there, so that a fast device never waits."""
    resident_side: Annotated[int, Bounds(1, LARGEST_SIZE)] = 256
    """Shorter side in pixels of the images kept."""
    resident_gib: Annotated[float, Bounds(0, 2**20, above=True)] = 16.0
    """Memory they may take."""

    def __post_init__(self):
        require_bounds(self, "compute.")


@dataclass(frozen=True)
class LogConfig:
    """The intervals, in steps, at which a run logs and keeps something."""

    every: Annotated[int, Bounds(1, 10**9)] = 10
    save_every: Annotated[int, Bounds(1, 10**9)] = 1000
    keep: Annotated[int, Bounds(1, 10**6)] = 2
    """Latest checkpoints kept."""
    keep_steps: Annotated[tuple[int, ...], Bounds(1, 10**9)] = ()
    """Checkpoints made and kept for good."""
    snapshots: bool = True
    """Keep the teacher's backbone (float16) at step 0, 1, 2, 4 and every further doubling, and at the end."""
    watch_every: Annotated[int, Bounds(0, 10**9)] = 0
    """Score the teacher and draw its PCA pictures so often, besides at every snapshot; 0 for snapshots only."""
    on_nonfinite: Literal["stop", "skip"] = "stop"

    def __post_init__(self):
        require_bounds(self, "log.")


@dataclass(frozen=True)
class WatchConfig:
    """The samples that a run is monitored by. Scores cost `health` + `labelled` forward passes at the size of a global crop."""

    photographs: Annotated[int, Bounds(0, 1000)] = 4
    """Sample photographs that come with the packages, in each picture."""
    pictures: Annotated[int, Bounds(1, 1000)] = 8
    """All pictures; the others are the run's own."""
    least_grid: Annotated[int, Bounds(1, 256)] = 16
    """Patches along a side of a picture; twice those of a global crop where that is more."""
    health: Annotated[int, Bounds(0, 10**6)] = 256
    """Images of the run by which collapse shows."""
    patched: Annotated[int, Bounds(1, 10**6)] = 32
    """Those of them whose patches are compared."""
    labelled: Annotated[int, Bounds(4, 10**7)] = 2000
    """Labelled images over all classes, a quarter of them for test: a share of 0.5 is then known to ± 0.022."""
    classes: Annotated[int, Bounds(2, 10**6)] = 100
    """Most classes; of more, so many are drawn."""
    neighbours: Annotated[int, Bounds(1, 10**6)] = 20

    def __post_init__(self):
        require_bounds(self, "watch.")


@dataclass(frozen=True)
class DistillationConfig:
    """A frozen model to learn from; none where `teacher` is empty. Set by `python -m train.distill`."""

    teacher: str = ""
    """Any name that `core.load_model` takes."""
    sha256: str = ""
    """Of its weights when the run was started; a resumed run refuses others."""
    model: ViTConfig = field(default_factory=ViTConfig)
    """Its shape."""
    own_heads: bool = False
    """Whether its heads came with it; otherwise they are learned beside the students."""
    also: tuple[str, ...] = ()
    """Recipes whose models learn from the same passes of the teacher, beside the run's own."""
    fixed_crops: bool = False
    """Whether every epoch sees the same crops, so that what the teacher says of them is computed once and kept."""


@dataclass(frozen=True)
class AccountConfig:
    """Assumptions of the compute account at the end (Oquab et al. 2023, section 8)."""

    watts: Annotated[float, Bounds(0, 10**6)] = 0.0
    """Of one device at work; 0 for the rated power of the cards that are known, and 8 W per processor core."""
    overhead: Annotated[float, Bounds(1, 100)] = 1.1
    """Of the data centre: power used for each unit that reaches the devices."""
    kilograms_per_kwh: Annotated[float, Bounds(0, 100)] = 0.385
    """CO₂ equivalent; the average of the United States' grid."""

    def __post_init__(self):
        require_bounds(self, "account.")


@dataclass(frozen=True)
class RunConfig:
    """A whole run, of pretraining or of distillation."""

    model: ViTConfig = field(default_factory=ViTConfig)
    heads: HeadConfig = field(default_factory=HeadConfig)
    augment: AugmentConfig = field(default_factory=AugmentConfig)
    masks: MaskConfig = field(default_factory=MaskConfig)
    objective: ObjectiveConfig = field(default_factory=ObjectiveConfig)
    optim: OptimConfig = field(default_factory=OptimConfig)
    phases: Annotated[tuple[PhaseConfig, ...], PHASE_WORDS] = ()
    """Phases after the recipe's own steps, one after the other: `steps=10000,global_size=518` is the paper's."""
    compute: ComputeConfig = field(default_factory=ComputeConfig)
    log: LogConfig = field(default_factory=LogConfig)
    watch: WatchConfig = field(default_factory=WatchConfig)
    account: AccountConfig = field(default_factory=AccountConfig)
    start_from: str = ""
    """A model (any name core.load_model takes) whose backbone, shape and weights, the run goes on from."""
    start_patch: Annotated[int, Bounds(0, 256)] = 0
    """Side of a patch that the model it goes on from is resampled to before the first step; 0 for its own."""
    recipe: Annotated[str, tyro.conf.Suppress] = ""
    """The recipe that its values were chosen from, for a resumed run to compare; empty where that is not known."""
    images: Annotated[int, Bounds(0, 10**12)] = 0
    """Number of images to train on, spread over the source; 0 for all."""
    distillation: Annotated[DistillationConfig, tyro.conf.Suppress] = field(default_factory=DistillationConfig)
    seed: Annotated[int, SEED] = 0

    @property
    def steps(self) -> int:
        """Of all phases."""
        return self.optim.steps + sum(phase.steps for phase in self.phases)

    def __post_init__(self):
        require_bounds(self)
        patch, augment = self.model.patch, self.augment
        _require_whole_patches(patch, augment, "augment.")
        for number, phase in enumerate(self.phases, start=1):
            patch = phase.patch or patch
            augment = changed(augment, phase)
            _require_whole_patches(patch, augment, f"In phase {number}, ")
        self.augment.require_channels(self.model.channels)


def _require_whole_patches(patch: int, augment: AugmentConfig, where: str) -> None:
    for name in ("global_size", "local_size") if augment.local_crops else ("global_size",):
        size = getattr(augment, name)
        if size % patch:
            raise RequestError(f"{where}{name} is {size}, which is no multiple of the patch, {patch}.")


def with_origins(config: RunConfig, recipe: RunConfig, name: str) -> str:
    """Every value of a configuration, one a line, with where it comes from: default, recipe or command line."""
    defaults, given = flat(RunConfig()), flat(recipe)
    lines = []
    for key, value in flat(config).items():
        if key == "recipe" or (key.startswith("distillation.") and not config.distillation.teacher):
            continue
        origin = "default" if value == defaults[key] else f"recipe {name}"
        if value != given[key]:
            origin = "command line"
        lines.append(f"{key:<32} {value!s:<28} {origin}")
    return "\n".join(lines)


def flat(config: Any, before: str = "") -> dict[str, Any]:
    """The values of a configuration by their names on the command line: `optim.steps`."""
    values: dict[str, Any] = {}
    for item in dataclasses.fields(config):
        value = getattr(config, item.name)
        if dataclasses.is_dataclass(value):
            values |= flat(value, f"{before}{item.name}.")
        else:
            values[before + item.name] = value
    return values


def to_json(config: Any) -> str:
    return json.dumps(dataclasses.asdict(config), indent=2)


def write_config(path: Path, config: RunConfig) -> None:
    """Write a run's configuration, whole or not at all, with a checksum of its values."""
    text = to_json(config)
    write_whole(path, json.dumps({_CHECKSUM: _checksum(json.loads(text))} | json.loads(text), indent=2))


def read_config(path: Path) -> RunConfig:
    """The configuration that `write_config` wrote. RequestError, naming the file, where it is damaged.

    One whose values are not those that were written, by hand or by a failing disk, is read, with a word in the log.
    """
    try:
        values = _object(path.read_text(encoding="utf-8"))
        written = values.pop(_CHECKSUM, None)
        missing = [name for name in _NEEDED if not isinstance(values.get(name), dict)]
        if missing:
            raise ValueError(f"it lacks {', '.join(missing)}")
        config = _build(RunConfig, values, "RunConfig")
    except (OSError, ValueError, TypeError) as error:
        raise RequestError(
            f"{path} does not say what is trained ({error}). Put a copy in its place; without one the run cannot go on, "
            "and a new one can start from its backbone (--start-from)."
        ) from error
    if written is not None and written != _checksum(values):
        log.warning("%s was changed since it was written, by hand or by a failing disk; its values are taken", path)
    return config


def _checksum(values: dict) -> str:
    return f"{zlib.crc32(json.dumps(values, sort_keys=True).encode()):08x}"


def from_json(kind: type[T], text: str) -> T:
    """A config as `to_json` wrote it; RequestError names a key that `kind` does not have, or a value it cannot take."""
    values = _object(text)
    values.pop(_CHECKSUM, None)
    return _build(kind, values, kind.__name__)


def _object(text: str) -> dict[str, Any]:
    try:
        values = json.loads(text, parse_constant=float)
    except (ValueError, RecursionError) as error:
        raise RequestError(f"this is no JSON: {error}") from error
    if not isinstance(values, dict):
        raise RequestError(f"this is no JSON object but a {type(values).__name__}")
    return values


def _build(kind: type[T], values: dict, where: str) -> T:
    known = get_type_hints(kind)
    unknown = sorted(values.keys() - known.keys())
    if unknown:
        raise RequestError(f"{where} has no {', '.join(unknown)}; it has {', '.join(known)}.")
    return kind(**{name: _value(known[name], value, f"{where}.{name}") for name, value in values.items()})


def _value(kind: Any, value: Any, where: str) -> Any:
    """A value of JSON as a field of that kind. RequestError where it is of another."""
    inner = get_args(kind)
    if dataclasses.is_dataclass(kind) and isinstance(kind, type) and isinstance(value, dict):
        return _build(kind, value, where)
    if get_origin(kind) is tuple and isinstance(value, list):
        kinds = [inner[0]] * len(value) if inner[-1] is Ellipsis else list(inner)
        if len(kinds) == len(value):
            return tuple(_value(one, part, where) for one, part in zip(kinds, value, strict=True))
    elif get_origin(kind) is Literal and isinstance(value, str) and value in inner:
        return value
    elif isinstance(kind, UnionType):
        for one in inner:
            with contextlib.suppress(RequestError):
                return _value(one, value, where)
    elif kind is NoneType and value is None:
        return None
    elif kind is float:
        if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= sys.float_info.max:
            return value
    elif type(value) is kind:
        return value
    raise RequestError(f"{where} is {value!r:.80}; it must be {getattr(kind, '__name__', kind)}.")
