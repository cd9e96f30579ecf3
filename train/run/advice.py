"""Advice on a configuration before it is run: sentences for the log, never a refusal."""

from train.config import OptimConfig, RunConfig
from train.run.phases import phases

SMALL_BATCH = 256
"""Images per step below which the reference's settings need help; its own runs use 1,024 to 3,072."""

LEAST_AVERAGES = 20
"""Lengths of the teacher's memory, 1 / (1 − momentum) steps, that a run must have for the advice to be given."""


def advice(config: RunConfig, images: int) -> list[str]:
    """Sentences about a run on so many images; none where there is nothing to say."""
    said = []
    for phase in phases(config):
        said += _small_batch(phase.config)
    optim, epochs = config.optim, config.optim.steps * config.optim.batch / max(images, 1)
    if epochs < 1:
        said.append(
            f"{optim.steps} steps of {optim.batch} see {epochs:.1%} of the {images} images; raise optim.steps to see all."
        )
    if config.optim.freeze_last_layer_steps >= optim.steps:
        said.append(
            f"The prototypes stay frozen for all {optim.steps} steps; lower optim.freeze_last_layer_steps to about "
            f"{max(optim.steps // 100, 1)}."
        )
    return list(dict.fromkeys(said))


def _small_batch(config: RunConfig) -> list[str]:
    optim, together = config.optim, config.optim.batch // config.compute.accumulate
    said = []
    if together < 2:
        said.append("KoLeo needs two images at once and is skipped; lower compute.accumulate or raise optim.batch.")
    if optim.batch >= SMALL_BATCH:
        return said
    balanced = 2 * (together + config.objective.queue)
    if config.objective.centring == "sinkhorn" and config.heads.dino_prototypes > 64 * balanced:
        said.append(
            f"Sinkhorn-Knopp spreads {balanced} crops at a time over {config.heads.dino_prototypes} prototypes; "
            f"with a batch this small, {max(1024, 64 * balanced)} of them (heads.dino-prototypes) or "
            "objective.centring softmax may learn more steadily."
        )
    start, share = OptimConfig().teacher_momentum[0], (optim.batch / 1024) ** 0.5
    slower = 1 - (1 - start) * share
    kept = optim.teacher_momentum[0] == start
    if kept and start < slower - 0.001 and optim.steps * (1 - slower) > LEAST_AVERAGES:
        said.append(
            f"The teacher's momentum starts at {start}, which was chosen for 1,024 images a step; at {optim.batch}, the "
            f"square-root rule that the learning rate follows gives {slower:.4f} (optim.teacher-momentum)."
        )
    return said
