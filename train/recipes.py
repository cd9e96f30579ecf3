"""Recipes: functions that return a whole run configuration, each saying its command, its time and its score.

`python -m train.pretrain --recipe NAME --data PATH --out RUN` takes any of them. Every value can be changed on the
command line, is printed with where it comes from when the run starts, and stands in RUN/config.json.
"""

from collections.abc import Callable
from dataclasses import replace

from core import BACKBONES, RequestError, ViTConfig
from train.config import ComputeConfig, LogConfig, OptimConfig, RunConfig, WatchConfig
from train.data.augment import AugmentConfig
from train.method.heads import HeadConfig
from train.method.objective import ObjectiveConfig
from train.phase_config import PhaseConfig

FEW_IMAGES = OptimConfig(
    muon=True,
    layer_decay=1.0,
    patch_embed_lr=1.0,
    freeze_last_layer_steps=5,
    teacher_momentum=(0.7, 1.0),
    teacher_temperature=(0.01, 0.015),
    drop_rate=0.0,
)
"""For runs of minutes and an hour: a teacher that follows quickly and is sharp from the start; why, says `shipped`."""
FEW_IMAGES_HEADS = HeadConfig(train_magnitudes=False, prototype_std=0.02)
"""For the same runs: the prototypes that they were tuned with, of magnitude 1 as in DINO."""
REFERENCE_BATCH_PER_GPU = 64
"""Images among which KoLeo compares in the reference's short setup: those of one of its GPUs."""


def tiny() -> RunConfig:
    """A ViT of 96 × 4 on 56 px crops: minutes on a processor, for tests and classes.

    `python -m train.pretrain --recipe tiny --data FOLDER --out RUN`

    Two minutes on one core. Judged as in the table of `tests/benchmarks/RESULTS.md`, after 8,900 photographs seen three
    times: world 16 / 13, photographs 15 / 12, where it starts from 11 / 11 and 8 / 7, and
    reaches 13 / 10 and 11 / 7 with the reference's soft
    and slow teacher, AdamW and four local crops, which is what it was. Of half as many crops at the same price, those
    with local ones teach it less (on photographs and world 14 / 13 and 13 / 10, against 18 / 13 and 14 / 11 without).
    """
    return RunConfig(
        model=ViTConfig(width=96, depth=4, heads=3, image_size=56, layer_scale=1.0),
        heads=replace(FEW_IMAGES_HEADS, dino_prototypes=1024, ibot_prototypes=1024, hidden=256, bottleneck=64),
        augment=AugmentConfig(global_size=56, local_size=28, local_crops=0, blur=(1.0, 0.1, 0.5)),
        objective=ObjectiveConfig(ibot_weight=0.3),
        optim=replace(FEW_IMAGES, steps=400, batch=64, base_lr=0.012, warmup_steps=40, temperature_warmup_steps=400),
        compute=ComputeConfig(precision="float32", workers=0),
        log=LogConfig(save_every=100),
        watch=WatchConfig(health=128, labelled=1000),
    )


def shipped() -> RunConfig:
    """The first part of the model in `assets/`: a ViT of 192 × 4 on 56 px crops, then 112 px ones, for a processor.

    `python -m train.pretrain --recipe shipped --data FOLDER … --out RUN`: 180 images a second and 65 minutes on one
    core with bfloat16, 40 a second on one without. `assets/MODEL_CARD.md` has the whole's
    scores, `assets/timeline.safetensors` those of every step.

    Few images need other values than the reference's: there the teacher changes slowly and says softly what it sees,
    which a network that has seen nothing yet cannot learn to predict in thousands of steps. Here it follows within a
    few steps and is sharp from the start. What was tried, losers too: "What was tried for the shipped model" in
    `tests/benchmarks/RESULTS.md`.
    """
    return RunConfig(
        model=ViTConfig(width=192, depth=4, heads=3, image_size=56, layer_scale=1.0),
        heads=replace(FEW_IMAGES_HEADS, dino_prototypes=1024, ibot_prototypes=512, hidden=512, bottleneck=64),
        augment=AugmentConfig(
            global_size=56, global_scale=(0.3, 1.0), local_size=28, local_crops=0, blur=(0.5, 0.1, 0.25)
        ),
        objective=ObjectiveConfig(ibot_weight=0.3),
        optim=replace(
            FEW_IMAGES,
            steps=5000,
            batch=128,
            base_lr=0.006,
            warmup_steps=100,
            weight_decay=(0.04, 0.2),
            temperature_warmup_steps=5000,
        ),
        phases=(PhaseConfig(300, lr_share=0.3, batch=64, global_size=112, local_size=56),),
        compute=ComputeConfig(workers=0, resident=True, resident_side=128),
        log=LogConfig(save_every=100),
        watch=WatchConfig(health=128, labelled=1000),
    )


def shipped_longer() -> RunConfig:
    """The second part of the model in `assets/`: many images on crops of 3 × 3 patches, then finer ones, 56 to 112 px.

    `python -m train.pretrain --recipe shipped_longer --start-from RUN --data FOLDER … --out LONGER`, RUN one of
    `shipped`: 56 minutes of one core with bfloat16, beside other work. Coarse crops first, since at equal work they see
    most images; what was measured stands under "What was tried for the shipped model" in `tests/benchmarks/RESULTS.md`.
    """
    start = shipped()
    return replace(
        start,
        model=replace(start.model, image_size=42),
        augment=replace(start.augment, global_size=42, local_size=14),
        optim=replace(
            start.optim, steps=2400, batch=256, base_lr=0.003, warmup_steps=60, temperature_warmup_steps=2400
        ),
        phases=(
            PhaseConfig(300, lr_share=0.5, global_size=56, local_size=28),
            PhaseConfig(200, lr_share=0.3, batch=128, global_size=112, local_size=56),
        ),
    )


def shipped_finer() -> RunConfig:
    """The third part of the model in `assets/`: most of its work on crops of 84 and 112 px, where the second won most.

    `python -m train.pretrain --recipe shipped_finer --start-from LONGER --data FOLDER … --out FINER`, LONGER one of
    `shipped_longer`: half an hour of one core with bfloat16. The first steps, on coarse crops, are for the new heads.
    """
    start = shipped_longer()
    return replace(
        start,
        model=replace(start.model, image_size=112),
        augment=replace(start.augment, global_size=56, local_size=28),
        optim=replace(start.optim, steps=300, base_lr=0.002, temperature_warmup_steps=300),
        phases=(
            PhaseConfig(250, lr_share=0.6, batch=128, global_size=84, local_size=42),
            PhaseConfig(450, lr_share=0.4, batch=128, global_size=112, local_size=56),
        ),
    )


def dense() -> RunConfig:
    """Patches set right in a model that one has, where maps of its patches have become noisy.

    `python -m train.pretrain --recipe dense --start-from MODEL --data FOLDER --out RUN`

    A short continuation in which the relations between patches are held to those that the model itself shows on crops
    twice as large, pooled (Siméoni et al. 2025, DINOv3, section 4; the weight of 2 is where theirs ends). Their anchor
    sees undistorted crops cut at that size, ours the student's own, enlarged. DINO and iBOT go on beside it, so that
    what names a picture is kept; their heads, being new, are trained alone first. Learning rate and length are ours.
    Run on miniatures only; whether it helps has not been measured.
    """
    return RunConfig(
        model=replace(BACKBONES["dinov2-small"], image_size=224),
        heads=HeadConfig(dino_prototypes=8192, ibot_prototypes=8192),
        augment=AugmentConfig(local_crops=4),
        objective=ObjectiveConfig(gram_weight=2.0),
        optim=OptimConfig(
            steps=2000,
            batch=64,
            base_lr=0.0004,
            warmup_steps=200,
            heads_first_steps=200,
            freeze_last_layer_steps=0,
            teacher_momentum=(0.994, 1.0),
            temperature_warmup_steps=1000,
            drop_rate=0.0,
        ),
    )


def vits14_small_gpu() -> RunConfig:
    """ViT-S/14 on one GPU of 24 GB in hours: batch 256, 8,192 prototypes, activations recomputed.

    `python -m train.pretrain --recipe vits14_small_gpu --data FOLDER --out RUN`; not yet run on a GPU.
    """
    return RunConfig(
        model=replace(BACKBONES["dinov2-small"], image_size=224),
        heads=HeadConfig(dino_prototypes=8192, ibot_prototypes=8192),
        optim=OptimConfig(
            steps=60_000,
            batch=256,
            warmup_steps=6000,
            freeze_last_layer_steps=600,
            temperature_warmup_steps=18_000,
            drop_rate=0.1,
        ),
        compute=ComputeConfig(checkpoint_activations=True, compile=True),
    )


def vits14() -> RunConfig:
    """ViT-S/14 on ImageNet-1k in the manner of the reference's short setup: 100 epochs of 1,250 steps, batch 1024.

    `torchrun --nproc-per-node 8 -m train.pretrain --recipe vits14 ...`; not yet run. Targets are those of the paper's
    large-scale setting, Sinkhorn-Knopp and a head each for DINO and iBOT, where the short setup has softmax centring
    and one head for both, as `vitl14` does.
    """
    return RunConfig(
        model=replace(BACKBONES["dinov2-small"], image_size=224),
        objective=ObjectiveConfig(koleo_images=REFERENCE_BATCH_PER_GPU),
        compute=ComputeConfig(compile=True),
    )


def vitb14() -> RunConfig:
    """ViT-B/14 on ImageNet-1k; as `vits14`, with the targets of the large-scale setting too."""
    return replace(vits14(), model=replace(BACKBONES["dinov2-base"], image_size=224))


def vitl14() -> RunConfig:
    """ViT-L/14 on ImageNet-1k: the reference's configuration for its short setup (vitl16_short.yaml), with patch 14.

    As there, targets come from softmax centring and one head serves DINO and iBOT. Local crops are of 98 pixels, the
    multiple of 14 that is nearest to its 96.
    """
    return replace(
        vits14(),
        model=replace(BACKBONES["dinov2-large"], image_size=224),
        heads=HeadConfig(tied=True),
        objective=ObjectiveConfig(centring="softmax", koleo_images=REFERENCE_BATCH_PER_GPU),
    )


def vitg14() -> RunConfig:
    """ViT-g/14 as the paper trained it on LVD-142M: 625,000 steps of 3,072 images, 131,072 prototypes.

    Oquab et al. 2023, table 16: lr 3.5e-4 (at its own batch), weight decay 0.04 → 0.2, momentum from 0.994, no
    layer-wise decay, stochastic depth 0.4; then 10,000 steps at 518 pixels. The bottlenecks of the heads, 384 and 256,
    and the 12 images of a GPU, among which KoLeo compares, are those of vitg14.yaml. Not run by this project.
    """
    batch = 3072
    return RunConfig(
        model=replace(BACKBONES["dinov2-giant"], image_size=224),
        heads=HeadConfig(dino_prototypes=131_072, ibot_prototypes=131_072, bottleneck=384, ibot_bottleneck=256),
        objective=ObjectiveConfig(koleo_images=12),
        optim=OptimConfig(
            steps=625_000,
            batch=batch,
            base_lr=3.5e-4 / (batch / 1024) ** 0.5,
            warmup_steps=100_000,
            weight_decay=(0.04, 0.2),
            layer_decay=1.0,
            teacher_momentum=(0.994, 1.0),
            freeze_last_layer_steps=1250,
            temperature_warmup_steps=37_500,
            drop_rate=0.4,
        ),
        phases=(PhaseConfig(10_000, global_size=518),),
        compute=ComputeConfig(precision="float16", checkpoint_activations=True, compile=True),
    )


RECIPES: dict[str, Callable[[], RunConfig]] = {
    recipe.__name__: recipe
    for recipe in (
        tiny,
        shipped,
        shipped_longer,
        shipped_finer,
        dense,
        vits14_small_gpu,
        vits14,
        vitb14,
        vitl14,
        vitg14,
    )
}


def recipe(name: str) -> RunConfig:
    """The configuration of that name; RequestError lists the names there are."""
    if name not in RECIPES:
        raise RequestError(f"There is no recipe {name!r}; choose from {', '.join(RECIPES)}.")
    return RECIPES[name]()


def student_models(config: RunConfig) -> list[ViTConfig]:
    """The shapes of all that learn in a run: its own, then those that a frozen teacher teaches beside it."""
    return [config.model, *(recipe(name).model for name in config.distillation.also)]
