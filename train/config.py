"""What a run is: frozen, complete, and written into its folder."""

import dataclasses
import json
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

from core import RequestError, ViTConfig
from train.data.augment import AugmentConfig
from train.masking import MaskConfig
from train.objective import ObjectiveConfig

T = TypeVar("T")


@dataclass(frozen=True)
class HeadConfig:
    """Both projection heads (Oquab et al. 2023, appendix B: 131,072 prototypes at full scale)."""

    dino_prototypes: int = 65_536
    ibot_prototypes: int = 65_536
    hidden: int = 2048
    bottleneck: int = 256


@dataclass(frozen=True)
class OptimConfig:
    """AdamW and its schedules; a step is one update of the weights."""

    steps: int = 125_000
    batch: int = 1024
    """Images per step over all ranks."""
    base_lr: float = 0.004
    """At a batch of 1024; scaled by the square root of batch / 1024."""
    final_lr: float = 1e-6
    warmup_steps: int = 12_500
    weight_decay: tuple[float, float] = (0.04, 0.4)
    betas: tuple[float, float] = (0.9, 0.999)
    layer_decay: float = 0.9
    patch_embed_lr: float = 0.2
    clip: float = 3.0
    """Gradient norm of each sub-network (backbone, DINO head, iBOT head) at most."""
    freeze_last_layer_steps: int = 1250
    teacher_momentum: tuple[float, float] = (0.992, 1.0)
    teacher_temperature: tuple[float, float] = (0.04, 0.07)
    temperature_warmup_steps: int = 37_500
    drop_rate: float = 0.3
    """Stochastic depth of the student."""

    @property
    def lr(self) -> float:
        return self.base_lr * (self.batch / 1024) ** 0.5


@dataclass(frozen=True)
class ComputeConfig:
    """How it is computed; the numbers it leads to are the same but for rounding."""

    precision: Literal["float32", "bfloat16", "float16"] = "bfloat16"
    accumulate: int = 1
    """Parts a step's batch is computed in, one after the other, on each rank."""
    checkpoint_activations: bool = False
    compile: bool = False
    workers: int = 8


@dataclass(frozen=True)
class LogConfig:
    """How often, in steps, a run says and keeps something."""

    every: int = 10
    save_every: int = 1000
    keep: int = 2
    """Checkpoints kept beside the exported snapshots."""
    on_nonfinite: Literal["stop", "skip"] = "stop"


@dataclass(frozen=True)
class RunConfig:
    """A whole pretraining run."""

    model: ViTConfig = field(default_factory=ViTConfig)
    heads: HeadConfig = field(default_factory=HeadConfig)
    augment: AugmentConfig = field(default_factory=AugmentConfig)
    masks: MaskConfig = field(default_factory=MaskConfig)
    objective: ObjectiveConfig = field(default_factory=ObjectiveConfig)
    optim: OptimConfig = field(default_factory=OptimConfig)
    compute: ComputeConfig = field(default_factory=ComputeConfig)
    log: LogConfig = field(default_factory=LogConfig)
    seed: int = 0

    def __post_init__(self):
        for name in ("global_size", "local_size"):
            size = getattr(self.augment, name)
            if size % self.model.patch:
                raise RequestError(f"{name} is {size}, which is no multiple of the patch, {self.model.patch}.")


def to_json(config: Any) -> str:
    return json.dumps(dataclasses.asdict(config), indent=2)


def from_json(kind: type[T], text: str) -> T:
    """A config as `to_json` wrote it; RequestError names a key that `kind` does not have."""
    return _build(kind, json.loads(text), kind.__name__)


def _build(kind: type[T], values: dict, where: str) -> T:
    known = {item.name: item for item in dataclasses.fields(kind)}
    unknown = sorted(values.keys() - known.keys())
    if unknown:
        raise RequestError(f"{where} has no {', '.join(unknown)}; it has {', '.join(known)}.")
    made = {}
    for name, value in values.items():
        item = known[name].type
        if isinstance(value, dict):
            made[name] = _build(item, value, f"{where}.{name}")
        else:
            made[name] = tuple(value) if isinstance(value, list) else value
    return kind(**made)
