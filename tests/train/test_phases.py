"""A second phase keeps the schedules' shapes and enlarges only what must be."""

from dataclasses import replace

import pytest
import torch

from core import RequestError, ViTConfig
from train.advice import advice
from train.config import ComputeConfig, HighResolutionConfig, RunConfig, with_origins
from train.phases import enlarge, phases
from train.recipes import RECIPES
from train.step import Rhythm
from train.student_teacher import build

CONFIG = RunConfig(high_resolution=HighResolutionConfig(steps=1250, batch=512))


def test_a_run_without_a_second_phase_has_one():
    (only,) = phases(RunConfig())
    assert (only.first, only.last, only.config) == (0, 125_000, RunConfig())


def test_schedules_are_compressed_and_the_learning_rate_reduced():
    first, second = phases(CONFIG)
    assert (second.first, second.last) == (125_000, 126_250) and CONFIG.steps == 126_250
    assert second.config.optim.warmup_steps == 125 and second.config.augment.global_size == 518
    assert second.config.model.image_size == 518 and second.config.optim.batch == 512
    for share in (0.0, 0.05, 0.5):
        rates = [Rhythm(phase.config).at(round(share * phase.config.optim.steps)) for phase in (first, second)]
        assert rates[1].momentum == pytest.approx(rates[0].momentum) and rates[1].lr <= rates[0].lr / 10


def test_positions_are_resized_as_the_model_does_it_itself():
    small = ViTConfig(width=24, depth=1, heads=2, image_size=56)
    networks = build(small, 8, 8, 16, 8)
    torch.nn.init.normal_(networks.student.backbone.pos_embed)
    pixels = torch.randn(1, 3, 84, 84)
    before = networks.student.backbone(pixels).patches
    enlarge(networks, replace(small, image_size=84))
    torch.testing.assert_close(networks.student.backbone(pixels).patches, before)
    assert networks.student.backbone.pos_embed.requires_grad and networks.teacher.backbone.pos_embed.shape[1] == 37
    assert not networks.teacher.backbone.pos_embed.requires_grad


def test_larger_crops_must_fit_the_patch_too():
    with pytest.raises(RequestError, match=r"high_resolution.global_size is 512"):
        RunConfig(high_resolution=HighResolutionConfig(steps=10, global_size=512))
    RunConfig(high_resolution=HighResolutionConfig(global_size=512))  # never reached


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_is_possible_and_says_where_its_values_come_from(name):
    recipe = RECIPES[name]()
    for phase in phases(recipe):
        Rhythm(phase.config).at(0)
    told = with_origins(replace(recipe, seed=5), recipe, name).splitlines()
    assert any(line.startswith("seed ") and line.endswith("command line") for line in told)
    assert any(line.endswith(f"recipe {name}") for line in told) and any(line.endswith("default") for line in told)


def test_advice_is_given_for_small_batches_only():
    assert not advice(RunConfig(), images=1_281_167) and not advice(RECIPES["tiny"](), images=10_000)
    assert not advice(RECIPES["shipped"](), images=10_000), "its quick teacher is chosen, not left as it was"
    small = replace(RunConfig(), optim=replace(RunConfig().optim, batch=32))
    said = " ".join(advice(small, 1_281_167))
    assert "prototypes" in said and "teacher-momentum" in said
    short = replace(small, optim=replace(small.optim, steps=2000, warmup_steps=0))
    assert "teacher-momentum" not in " ".join(advice(short, 10))  # it would remember its untrained self to the end
    alone = replace(small, compute=ComputeConfig(accumulate=32))
    assert "KoLeo needs two images" in " ".join(advice(alone, 1_281_167))
    assert "see 0.6% of the" in " ".join(advice(replace(small, optim=replace(small.optim, steps=200)), 10**6))
