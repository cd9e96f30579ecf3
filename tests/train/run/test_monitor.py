"""A run looked at: scores that tell good features from bad ones, pictures, and nothing disturbed."""

import json
import logging
import math
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from core import VisionTransformer, ViTConfig
from core.pictures.gallery import samples
from core.records.runs import pictures
from train.config import RunConfig, WatchConfig
from train.data.augment import AugmentConfig
from train.data.sources import DataError, Files, Source, open_source
from train.run.monitor import Monitor, _some_images

CONFIG = RunConfig(
    watch=WatchConfig(least_grid=8),
    model=ViTConfig(width=96, depth=2, heads=3, image_size=56, layer_scale=1.0),
    augment=AugmentConfig(global_size=56, local_size=28),
)


@pytest.fixture(scope="module")
def photographs() -> Source:
    return Files(samples()[0].path.parent, [sample.path for sample in samples()])


@pytest.fixture(scope="module")
def crops_of_photographs(tmp_path_factory) -> Source:
    """Four classes of 24 windows, each class from one photograph."""
    root, random = tmp_path_factory.mktemp("windows"), np.random.default_rng(0)
    for sample in samples()[:4]:
        (root / sample.name).mkdir()
        with Image.open(sample.path) as opened:
            image = opened.convert("RGB")
        for number in range(24):
            left, top = random.integers(0, image.width - 100), random.integers(0, image.height - 100)
            image.crop((left, top, left + 100, top + 100)).save(root / sample.name / f"{number}.png")
    return open_source(root)


@pytest.fixture(scope="module")
def watch(photographs, crops_of_photographs) -> Monitor:
    return Monitor(CONFIG, photographs, crops_of_photographs)


def backbone(seed: int = 0) -> VisionTransformer:
    model = VisionTransformer(CONFIG.model)
    model.initialise(torch.Generator().manual_seed(seed))
    return model.eval().requires_grad_(False)


def collapsed() -> VisionTransformer:
    """A network that says the same of every picture."""
    model = backbone()
    with torch.no_grad():
        model.patch_embed.proj.weight.zero_()
        model.pos_embed.zero_()
    return model


def test_scores_of_a_network_that_sees_something(watch):
    scores = watch.scores(backbone())
    assert list(scores) == [
        "health/effective_rank",
        "health/cls_cosine",
        "health/first_component",
        "probe/knn_top1",
        "probe/linear_top1",
    ]
    assert json.loads(json.dumps(scores)) == scores
    # random weights tell windows of four photographs apart by their colours; chance is 0.25 ± 0.09
    assert scores["probe/knn_top1"] > 0.5 and scores["probe/linear_top1"] > 0.5
    assert 1 < scores["health/effective_rank"] <= len(samples())
    assert scores["health/cls_cosine"] < 0.9999 and 0 < scores["health/first_component"] < 1


def test_scores_of_a_network_that_has_collapsed(watch):
    scores = watch.scores(collapsed())
    assert scores["health/effective_rank"] == pytest.approx(1, abs=1e-3)
    assert scores["health/cls_cosine"] == pytest.approx(1, abs=1e-5)
    assert scores["probe/knn_top1"] <= 0.5 and scores["probe/linear_top1"] <= 0.5


def test_without_labels_there_are_health_figures_only(photographs):
    assert {name.split("/")[0] for name in Monitor(CONFIG, photographs).scores(backbone())} == {"health"}


def test_scores_follow_from_weights_alone(watch, photographs, crops_of_photographs):
    again = Monitor(replace(CONFIG, seed=5), photographs, crops_of_photographs)
    assert watch.scores(backbone()) == watch.scores(backbone()) == again.scores(backbone())


def test_nothing_of_the_training_is_disturbed(watch, tmp_path):
    model = backbone().train().requires_grad_(True)
    weights = {name: value.clone() for name, value in model.state_dict().items()}
    torch.manual_seed(3)
    np.random.seed(3)  # noqa: NPY002 - the state that must not move
    states = torch.get_rng_state(), np.random.get_state()[1].tolist()  # noqa: NPY002
    watch.pictures(model, 1, tmp_path)
    watch.scores(model)
    assert torch.equal(torch.get_rng_state(), states[0])
    assert np.random.get_state()[1].tolist() == states[1]  # noqa: NPY002
    assert all(module.training for module in model.modules())
    assert all(parameter.requires_grad and parameter.grad is None for parameter in model.parameters())
    assert all(torch.equal(value, weights[name]) for name, value in model.state_dict().items())
    assert torch.is_grad_enabled()


def test_pictures_of_steps(watch, tmp_path):
    paths = [watch.pictures(backbone(step), step, tmp_path) for step in (0, 1, 1024)]
    assert list(pictures(tmp_path).values()) == paths
    assert paths[2].name == "step-00001024.webp"
    opened = [Image.open(path) for path in paths]
    assert {image.size for image in opened} == {(8 * 156 + 7 * 4, 2 * 156 + 4)}
    first, second = (np.asarray(image).astype(int) for image in opened[:2])
    assert np.abs(first[:156] - second[:156]).mean() < 1, "the same originals"
    assert np.abs(first[160:] - second[160:]).mean() > 1, "seen by different networks"


def test_pictures_stay_recognisable_when_weights_move_a_little(watch, tmp_path):
    """Colours that flip would differ by about half their range."""
    model = backbone()
    watch.pictures(model, 0, tmp_path)
    generator = torch.Generator().manual_seed(0)
    turn = torch.linalg.qr(torch.randn(96, 96, generator=generator))[0]
    features = watch._maps(model)
    watch._maps = lambda _model: [replace(one, patches=one.patches @ turn) for one in features]
    try:
        watch.pictures(model, 1, tmp_path)
    finally:
        del watch._maps
    before, after = (np.load(tmp_path / f"pictures/step-0000000{step}.npz")["colours"] for step in (0, 1))
    assert np.abs(before.astype(float) - after.astype(float)).max() < 0.02


def test_features_that_are_not_finite_end_no_run(watch, tmp_path, caplog):
    model = backbone()
    model.norm.weight.fill_(math.nan)
    with caplog.at_level(logging.WARNING):
        assert watch.pictures(model, 1, tmp_path) is None
        assert watch.scores(model) == {}
    assert "not finite" in caplog.text


def test_a_source_that_cannot_be_read_leaves_the_photographs(tmp_path, caplog):
    for number in range(3):
        (tmp_path / f"{number}.jpg").write_bytes(b"no picture")
    watch = Monitor(CONFIG, open_source(tmp_path))
    assert watch.scores(backbone()) == {}
    with Image.open(watch.pictures(backbone(), 1, tmp_path)) as image:
        assert image.width == 4 * 256 + 3 * 4


def test_pictures_that_are_gone_are_left_out_as_damaged_ones(crops_of_photographs, tmp_path, caplog):
    shutil.copytree(crops_of_photographs.root, tmp_path / "windows")
    source, lost = open_source(tmp_path / "windows"), (0, 1, 2, 47, 95)
    for place in lost:
        source.files[place].write_bytes(b"no picture")
    damaged = Monitor(CONFIG, source, source)
    caplog.clear()
    for place in lost:
        source.files[place].unlink()
    gone = Monitor(CONFIG, source, source)
    (kept, *labelled), (same, *other) = (
        ((watch._pictures, watch._health), *watch._labelled[:4]) for watch in (gone, damaged)
    )
    assert all(torch.equal(*pair) for pair in zip((*kept, *labelled), (*same, *other), strict=True))
    assert len(kept[1]) == 91 and "is not there, or not any more" in caplog.text


def test_labels_that_are_too_few_or_unreadable(photographs, tmp_path):
    with pytest.raises(DataError, match="two such labels"):
        Monitor(CONFIG, photographs, Files(photographs.root, photographs.files[:2]))
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        for number in range(3):
            (tmp_path / name / f"{number}.png").write_bytes(b"no picture")
    with pytest.raises(DataError, match="pictures that open"):
        Monitor(CONFIG, photographs, open_source(tmp_path))


@pytest.mark.parametrize("channels", [1, 4])
def test_other_channels(channels, tmp_path):
    random = np.random.default_rng(0)
    for number in range(4):
        np.save(tmp_path / f"{number}.npy", random.random((64, 64, channels), dtype=np.float32))
    config = replace(
        CONFIG,
        model=replace(CONFIG.model, channels=channels),
        augment=replace(CONFIG.augment, mean=(0.5,) * channels, std=(0.3,) * channels),
    )
    watch = Monitor(config, open_source(tmp_path, channels=channels))
    model = VisionTransformer(config.model).eval()
    assert "health/effective_rank" in watch.scores(model)
    assert watch.pictures(model, 1, tmp_path).exists()


@pytest.mark.parametrize(
    ("lengths", "most_blocks"),
    [([1] * 1000, 64), ([500] * 20, 8), ([10] * 3 + [900], 4), ([5] * 4, 4), ([3] * 30, 22)],
)
def test_images_are_drawn_from_few_blocks(lengths, most_blocks):
    ends = np.cumsum(lengths)

    class Blocks:
        blocks = tuple(range(end - length, end) for end, length in zip(ends.tolist(), lengths, strict=True))

        def __len__(self) -> int:
            return sum(lengths)

    chosen = _some_images(Blocks(), 64)
    assert len(set(chosen.tolist())) == min(64, sum(lengths))
    assert chosen.min() >= 0 and chosen.max() < sum(lengths) and (np.diff(chosen) > 0).all()
    assert len(np.unique(np.searchsorted(ends, chosen, side="right"))) <= most_blocks
