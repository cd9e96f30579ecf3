"""From a configuration to what learns: networks, optimisers and loss scaler as they are after any step of a run."""

import logging
from dataclasses import replace
from pathlib import Path
from typing import Literal

import torch

from core import RequestError, VisionTransformer, ViTConfig, load_model
from core.model.adapted import require_own
from core.model.precision import has_fast_bfloat16
from core.records.runs import CONFIG, find_backbone, stored_step
from core.wording import counted
from train import checkpoint, recipes
from train.config import RunConfig, read_config
from train.dist import World
from train.method.distillation import MAIN, Distillation
from train.method.heads import HeadConfig
from train.method.learning import Learning
from train.method.student_teacher import build
from train.method.teacher import FrozenTeacher, Heads, own_side
from train.method.teacher_memory import TeacherMemory
from train.run.optim import optimisers
from train.run.phases import Phase, phases, reshape, reshape_backbone
from train.run.shard import prepare

log = logging.getLogger(__name__)


def completed(config: RunConfig, device: torch.device) -> RunConfig:
    """The configuration with what the device and the models it names say: in which precision it computes, the shape it
    goes on from, the teacher it learns from.

    Raises RequestError where the teacher, or a student beside the main one, cannot take the run's crops.
    """
    if config.compute.precision == "auto":
        config = replace(config, compute=replace(config.compute, precision=_best_precision(device)))
    elif config.compute.precision != "float32" and device.type == "cpu" and not has_fast_bfloat16(device):
        log.warning(
            "This processor has no instructions for bfloat16 and emulates %s, slowly; --compute.precision float32 is faster.",
            config.compute.precision,
        )
    if config.start_from:
        config = replace(config, model=_start_model(config).config)
    if not config.distillation.teacher:
        return config
    teacher = frozen_teacher(config.distillation.teacher)
    found = replace(
        config.distillation,
        sha256=teacher.backbone.loaded_from().sha256,
        model=teacher.backbone.config,
        own_heads=teacher.heads is not None,
    )
    heads = config.heads
    if teacher.head_config is not None:
        theirs = teacher.head_config
        heads = replace(
            heads,
            tied=theirs.tied,
            dino_prototypes=theirs.dino_prototypes,
            ibot_prototypes=theirs.ibot_prototypes,
        )
    for name in found.also:
        replace(config, model=recipes.recipe(name).model)  # refuses a patch that the crops are no multiple of
    _refuse_other_pictures(config, found.model, found.also)
    if any(phase.config.objective.gram_weight for phase in phases(config)):
        raise RequestError("A frozen teacher says how patches relate already; leave gram_weight at 0 in distillation.")
    if config.objective.queue:
        raise RequestError(
            f"objective.queue is {config.objective.queue}; leave it at 0 in distillation, which has no queue."
        )
    if config.masks.draws > 1:
        raise RequestError(
            f"masks.draws is {config.masks.draws}; a frozen teacher asks of every patch, hidden or not: leave it at 1 in "
            "distillation."
        )
    return replace(config, heads=heads, distillation=found)


def _best_precision(device: torch.device) -> Literal["float32", "bfloat16"]:
    precision: Literal["float32", "bfloat16"] = "bfloat16" if has_fast_bfloat16(device) else "float32"
    log.info("Computing in %s, which is the faster on this %s (compute.precision)", precision, device.type.upper())
    return precision


def _start_model(config: RunConfig) -> VisionTransformer:
    """The model that a run goes on from, in the patches that it is to have."""
    model = load_model(config.start_from, device="cpu")
    require_own(model, "trained further")
    if config.start_patch and config.start_patch != model.config.patch:
        reshape_backbone(model, config.start_patch, config.augment.global_size)
    return model


def _refuse_other_pictures(config: RunConfig, teacher: ViTConfig, also: tuple[str, ...]) -> None:
    for name_of, shape in (("The teacher", teacher), *((name, recipes.recipe(name).model) for name in also)):
        if shape.channels != config.model.channels:
            raise RequestError(
                f"{name_of} takes pictures of {counted(shape.channels, 'channel')}, the student {config.model.channels}; choose "
                "models that see the same pictures."
            )
    if len(set(also)) < len(also) or MAIN in also:
        raise RequestError(f"Students beside the main one are {', '.join(also)}; name each recipe once.")


def prepared(
    phase: Phase, done: int, config: RunConfig, out: Path, world: World, images: int
) -> tuple[Learning, tuple[torch.optim.Optimizer, ...], torch.amp.GradScaler]:
    """Networks, optimisers and loss scaler as they are after step `done` of the run, which lies in the phase.

    A later phase starts from the checkpoint that ended the one before, whether or not the run was interrupted.
    `images`: how many the source has.
    """
    torch.manual_seed(config.seed)  # the same initial weights on every rank
    starts = done == phase.first
    networks = _built(phase.model_before if starts else phase.config.model, phase, config, out, world, images)
    if starts and phase.first:
        checkpoint.load_networks(out, done, networks)
        reshape(networks, phase.config.model)
    elif starts and config.start_from:
        weights = _start_model(config).state_dict()
        for backbone in networks.pairs()[0].backbones():
            backbone.load_state_dict(weights)
    if phase.config.objective.gram_weight:
        networks.pairs()[0].set_anchor()
    networks = prepare(networks, config.compute, world)
    learn = optimisers((part for _, part in networks.trained()), phase.config.optim)
    scaler = torch.amp.GradScaler(world.device.type, enabled=config.compute.precision == "float16")
    if not starts:
        extra = {"scaler": scaler.state_dict()}
        checkpoint.load(out, done, networks, learn, extra)
        scaler.load_state_dict(extra["scaler"])
    return networks, learn, scaler


def _built(model: ViTConfig, phase: Phase, config: RunConfig, out: Path, world: World, images: int) -> Learning:
    """Freshly initialised networks, the main student of the shape `model`."""
    main, distillation = build(model, config.heads, config.objective.queue), config.distillation
    if not distillation.teacher:
        return main
    students = {MAIN: main}
    for name in distillation.also:
        shape = recipes.recipe(name).model
        if model.image_size != config.model.image_size:  # within a phase of larger crops
            shape = replace(shape, image_size=model.image_size)
        students[name] = build(shape, config.heads)
    teacher = _same_teacher(config)
    memory = None
    if distillation.fixed_crops:
        memory = _memory(phase, teacher, out, world, images)
    return Distillation(teacher, students, config.heads, memory)


def _same_teacher(config: RunConfig) -> FrozenTeacher:
    """The teacher the run was started with. RequestError where its name now means another."""
    named, found = config.distillation, frozen_teacher(config.distillation.teacher)
    sha256 = found.backbone.loaded_from().sha256
    if sha256 != named.sha256 or (found.heads is not None) != named.own_heads:
        raise RequestError(
            f"The teacher {named.teacher} is not what it was when this run started (weights "
            f"{sha256[:12]}, then {named.sha256[:12]}); put it back, or start a new run."
        )
    return found


def _memory(phase: Phase, teacher: FrozenTeacher, out: Path, world: World, images: int) -> TeacherMemory:
    size, shape = phase.config.augment.global_size, teacher.backbone.config
    patches = (own_side(size, shape.patch) // shape.patch) ** 2
    folder = out / "teacher" / f"{size}px-seed{phase.config.seed}"
    return TeacherMemory(folder, images, patches, shape.width, world.leads)


def frozen_teacher(name: str) -> FrozenTeacher:
    """The model of that name on the CPU, and the heads it was trained with. Raises as `core.load_model` does.

    Heads are found where `name` is a run folder that still holds the checkpoint its backbone was exported with.
    """
    backbone = load_model(name, device="cpu").requires_grad_(False)
    return FrozenTeacher(backbone, *_kept_heads(Path(name)))


def _kept_heads(run: Path) -> tuple[Heads, HeadConfig] | tuple[None, None]:
    path = run / CONFIG
    if not path.is_file() or not checkpoint.steps_saved(run):
        return None, None
    step, config = stored_step(find_backbone(run)), read_config(path)
    if step not in checkpoint.steps_saved(run):
        log.warning("%s keeps no checkpoint of step %s, so its heads are learned anew.", run, step)
        return None, None
    heads = Heads(config.model.width, config.heads).requires_grad_(False)
    within = "students.main.teacher." if config.distillation.teacher else "teacher."
    checkpoint.load_part(run, step, heads, within)
    return heads, config.heads
