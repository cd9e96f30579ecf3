"""Later phases keep the schedules' shapes and change what they name; networks grow into them with the same outputs."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from core import RequestError, VisionTransformer, ViTConfig, load_image
from core.pictures.gallery import samples
from train.config import ComputeConfig, RunConfig, from_json, to_json, with_origins
from train.data.augment import AugmentConfig
from train.evaluate.features.crops import centre_crop
from train.method.heads import HeadConfig
from train.method.student_teacher import build
from train.phase_config import PhaseConfig
from train.recipes import RECIPES
from train.run.advice import advice
from train.run.phases import phases, reshape, reshape_backbone
from train.run.step import Schedules

PAPER = PhaseConfig(1250, batch=512, global_size=518)
SMALL = ViTConfig(width=24, depth=1, heads=2, image_size=56)


def test_a_run_without_later_phases_has_one():
    (only,) = phases(RunConfig())
    assert (only.first, only.last, only.config) == (0, 125_000, RunConfig())


def test_schedules_are_compressed_and_the_learning_rate_reduced():
    config = RunConfig(phases=(PAPER,))
    first, second = phases(config)
    assert (second.first, second.last) == (125_000, 126_250) and config.steps == 126_250
    assert second.config.optim.warmup_steps == 125 and second.config.augment.global_size == 518
    assert second.config.model.image_size == 518 and second.config.optim.batch == 512
    for share in (0.0, 0.05, 0.5):
        rates = [Schedules(phase.config).at(round(share * phase.config.optim.steps)) for phase in (first, second)]
        assert rates[1].momentum == pytest.approx(rates[0].momentum) and rates[1].lr <= rates[0].lr / 10


def test_each_phase_changes_what_it_names_and_inherits_the_rest():
    finer = PhaseConfig(100, lr_share=0.5, final_lr_share=0.25, patch=7, global_scale=(0.1, 1.0), local_crops=0,
                        mask_ratio=(0.3, 0.6), mask_probability=0.8, ibot_weight=0.3, accumulate=2)  # fmt: skip
    last = PhaseConfig(50, global_size=126, gram_weight=2.0)
    first, second, third = phases(RunConfig(phases=(finer, last)))
    config = second.config
    assert (config.model.patch, config.model.image_size, config.augment.global_size) == (7, 224, 224)
    assert config.augment.global_scale == (0.1, 1.0) and config.augment.local_crops == 0
    assert (config.masks.ratio, config.masks.probability) == ((0.3, 0.6), 0.8)
    assert config.objective.ibot_weight == 0.3 and config.objective.dino_weight == 1 and config.compute.accumulate == 2
    base = first.config.optim.base_lr
    assert config.optim.lr == 0.5 * base and Schedules(config).at(99).lr == pytest.approx(0.25 * base, rel=1e-3)
    assert second.model_before == first.config.model and third.model_before == config.model
    assert third.config.augment == replace(config.augment, global_size=126) and third.config.masks == config.masks
    assert third.config.objective == replace(config.objective, gram_weight=2.0)
    assert third.config.optim.lr == 0.1 * base and len({phase.config.seed for phase in (first, second, third)}) == 3


def test_phases_are_written_as_words_and_survive_their_file():
    words = ["steps=10,global-size=112,global_scale=0.3:1", "steps=5,lr_share=0.3,patch=7,local_crops=0"]
    given = tuple(PhaseConfig.parse(word) for word in words)
    assert given[0] == PhaseConfig(10, global_size=112, global_scale=(0.3, 1.0)) and given[1].local_crops == 0
    assert tuple(PhaseConfig.parse(str(phase)) for phase in given) == given
    config = RunConfig(phases=given)
    assert from_json(RunConfig, to_json(config)) == config
    for text, message in (
        ("steps=10,size=112", "no 'size'.*global_size"),
        ("global_size=112", "how long"),
        ("steps=ten", "whole number"),
        ("steps=3,global_scale=0.3", "two numbers"),
        ("steps=3,lr_share=fast", "lr_share is 'fast'"),
        ("steps=0", "steps is 0; give a whole number from 1"),
        ("steps=3,batch=0", "batch is 0"),
        ("steps=3,gram_weight=nan", "gram_weight is nan"),
        ("steps=3,global_scale=-1:1", "global_scale"),
        ("steps=3,lr_share=0", "lr_share is 0"),
        ("steps=3,steps=4", "twice"),
    ):
        with pytest.raises(RequestError, match=message):
            PhaseConfig.parse(text)


def photograph(side):
    """[1, 3, side, side], normalised, resized from 112 pixels."""
    pixels = centre_crop(np.array(load_image(samples()[0].path)), 112).float() / 255
    return (F.interpolate(pixels, size=(side, side), mode="bicubic", antialias=True) - 0.45) / 0.25


def test_positions_are_resized_as_the_model_does_it_itself():
    networks = build(SMALL, HeadConfig(8, 8, hidden=16, bottleneck=8))
    torch.nn.init.normal_(networks.student.backbone.pos_embed)
    pixels = torch.randn(1, 3, 84, 84)
    before = networks.student.backbone(pixels).patches
    reshape(networks, replace(SMALL, image_size=84))
    torch.testing.assert_close(networks.student.backbone(pixels).patches, before)
    assert networks.student.backbone.pos_embed.requires_grad and networks.teacher.backbone.pos_embed.shape[1] == 37
    assert not networks.teacher.backbone.pos_embed.requires_grad


@pytest.mark.parametrize(("patch", "least"), [(28, 0.999), (7, 0.97), (8, 0.97)])
def test_a_resampled_patch_embedding_hardly_changes_what_is_said_of_the_resized_photograph(patch, least):
    """As many patches before and after: finer ones of a picture that is as much smaller."""
    torch.manual_seed(0)
    model = VisionTransformer(replace(SMALL, depth=2, image_size=112, layer_scale=1.0)).eval()
    torch.nn.init.normal_(model.patch_embed.proj.bias)
    with torch.no_grad():
        before = model(photograph(112)).patches
        reshape_backbone(model, patch, 8 * patch)
        after = model(photograph(8 * patch)).patches
    assert model.config.patch == patch and model.config.grid == 8 and model.patch_embed.proj.weight.requires_grad
    assert F.cosine_similarity(before, after, dim=-1).min() > least


def test_crops_of_every_phase_must_fit_its_patch():
    with pytest.raises(RequestError, match=r"In phase 1, global_size is 512.*14"):
        RunConfig(phases=(PhaseConfig(10, global_size=512),))
    with pytest.raises(RequestError, match=r"In phase 2, local_size is 98.*patch, 8"):
        RunConfig(phases=(PhaseConfig(10), PhaseConfig(10, patch=8)))
    RunConfig(augment=AugmentConfig(local_crops=0, local_size=99), phases=(PhaseConfig(10, patch=8),))


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_is_possible_and_says_where_its_values_come_from(name):
    recipe = RECIPES[name]()
    for phase in phases(recipe):
        Schedules(phase.config).at(0)
    told = with_origins(replace(recipe, seed=5), recipe, name).splitlines()
    assert any(line.startswith("seed ") and line.endswith("command line") for line in told)
    assert any(line.endswith(f"recipe {name}") for line in told) and any(line.endswith("default") for line in told)


def test_advice_is_given_for_small_batches_only():
    assert not advice(RunConfig(), images=1_281_167) and not advice(RECIPES["tiny"](), images=10_000)
    assert not advice(RECIPES["shipped"](), images=10_000), "its quick teacher is chosen, not left as it was"
    small = replace(RunConfig(), optim=replace(RunConfig().optim, batch=32))
    said = " ".join(advice(small, 1_281_167))
    assert "prototypes" in said and "teacher-momentum" in said
    queued = replace(small, objective=replace(small.objective, queue=512))
    assert "prototypes" not in " ".join(advice(queued, 1_281_167))
    short = replace(small, optim=replace(small.optim, steps=2000, warmup_steps=0))
    assert "teacher-momentum" not in " ".join(advice(short, 10))  # it would remember its untrained self to the end
    alone = replace(small, compute=ComputeConfig(accumulate=32))
    assert "KoLeo needs two images" in " ".join(advice(alone, 1_281_167))
    assert "see 0.6% of the" in " ".join(advice(replace(small, optim=replace(small.optim, steps=200)), 10**6))
