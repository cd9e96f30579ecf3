"""A timeline: moments that agree with the analyses, a file that comes back whole, and files that are none."""

import dataclasses

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from core import ModelError, RequestError, VisionTransformer, ViTConfig, extract
from core.analysis.foreground import foreground
from core.analysis.pca import joint_pca
from core.records import runs
from core.records.moment import look, with_steady_colours
from core.records.scores import Curve, Reading
from core.records.timeline import COPY_SIDE, Timeline, load_timeline, losses_of, save_timeline, shown

CONFIG = ViTConfig(width=48, depth=2, heads=3, image_size=56, layer_scale=1.0)
SIZE = 84


def model(seed: int, config: ViTConfig = CONFIG) -> VisionTransformer:
    made = VisionTransformer(config)
    made.initialise(torch.Generator().manual_seed(seed))
    return made.eval()


def photograph(seed: int, height: int, width: int) -> Image.Image:
    small = np.random.default_rng(seed).integers(0, 256, (4, 5, 3), dtype=np.uint8)
    return Image.fromarray(small).resize((width, height), Image.Resampling.BICUBIC)


IMAGES = [photograph(0, 120, 160), photograph(1, 900, 600)]


@pytest.fixture(scope="module")
def timeline() -> Timeline:
    moments = with_steady_colours([look(model(step), IMAGES, SIZE, 14, 24, step) for step in (4, 0, 1)])
    pictures = (shown("<b>one</b>", "nobody", IMAGES[0], SIZE, 14), shown("two", "", IMAGES[1], SIZE, 14))
    curve = Curve("knn", "k-NN", "…", True, 0.05, None, {0: Reading(0.1, 0.0, 0.2), 4: Reading(0.5, 0.4, 0.6)}, {})
    return Timeline("a run", SIZE, pictures, tuple(moments), (curve,), ({"step": 1, "loss": 9.5},))


def test_a_moment_holds_what_the_analyses_say():
    moment, maps = look(model(3), IMAGES, SIZE, 14, 48, 7), extract(model(3), IMAGES, SIZE)
    units = torch.nn.functional.normalize(torch.cat([m.patches.flatten(0, 1) for m in maps]), dim=1)
    vectors = moment.features.float() * moment.scales
    torch.testing.assert_close(vectors @ vectors.T, units @ units.T, rtol=0, atol=0.03)
    colours = torch.cat([image.flatten(0, 1) for image in joint_pca(maps).images])
    torch.testing.assert_close(moment.colours / 255, colours, rtol=0, atol=0.003)
    found = foreground(maps)
    scores = torch.cat([one.flatten() for one in found])
    torch.testing.assert_close(moment.foreground / 255, scores, rtol=0, atol=0.003)
    assert moment.threshold == found.threshold and 0 < moment.explained <= 1


def test_moments_come_in_order_and_the_last_keeps_its_colours(timeline):
    assert [moment.step for moment in timeline.moments] == [0, 1, 4]
    alone = look(model(4), IMAGES, SIZE, 14, 24, 4)
    assert torch.equal(timeline.moments[-1].colours, alone.colours)


def test_grids_and_copies_fit(timeline):
    assert [one.patches for one in timeline.pictures] == [5 * 6, 6 * 4]  # 63 pixels are four and a half patches
    assert [max(one.image.size) for one in timeline.pictures] == [160, COPY_SIDE]
    tall = timeline.pictures[1].geometry
    assert (tall.height, tall.width) == timeline.pictures[1].image.size[::-1]
    assert tall.patch_at(1, COPY_SIDE - 1) == (5, 0)


def test_a_file_comes_back_whole(timeline, tmp_path):
    again = load_timeline(save_timeline(timeline, tmp_path / "new" / "t.safetensors"))
    assert not list(tmp_path.rglob("*.part"))
    for name in ("title", "size", "curves", "losses"):
        assert getattr(again, name) == getattr(timeline, name)
    for one, other in zip(again.pictures, timeline.pictures, strict=True):
        assert (one.name, one.credit, one.geometry) == (other.name, other.credit, other.geometry)
        difference = np.asarray(one.image, float) - np.asarray(other.image, float)
        assert np.abs(difference).mean() < 6
    for one, other in zip(again.moments, timeline.moments, strict=True):
        for field in dataclasses.fields(one):
            value, expected = getattr(one, field.name), getattr(other, field.name)
            assert torch.equal(value, expected) if isinstance(value, torch.Tensor) else value == expected


def test_what_is_no_timeline_is_refused_by_name(timeline, tmp_path):
    path = tmp_path / "t.safetensors"
    with pytest.raises(RequestError, match=r"t\.safetensors is no timeline"):
        load_timeline(path)
    path.write_bytes(b"rubbish" * 9)
    with pytest.raises(RequestError, match="is no timeline"):
        load_timeline(path)
    save_file({"a": torch.zeros(1)}, path)
    with pytest.raises(RequestError, match=r"train\.timeline RUN"):
        load_timeline(path)
    short = dataclasses.replace(timeline.moments[1], colours=timeline.moments[1].colours[:5])
    save_timeline(dataclasses.replace(timeline, moments=(short,)), path)
    with pytest.raises(RequestError, match="colours of step 1 do not fit"):
        load_timeline(path)


def test_models_that_cannot_be_looked_at_are_refused():
    with pytest.raises(ModelError, match="1 channel;"):
        look(model(0, dataclasses.replace(CONFIG, channels=1)), IMAGES, SIZE, 14, 24, 0)
    broken = model(0)
    torch.nn.init.constant_(broken.norm.weight, torch.nan)
    with pytest.raises(ModelError, match=r"At step 5 .* NaN"):
        look(broken, IMAGES, SIZE, 14, 24, 5)


def test_losses_are_thinned_from_first_to_last(tmp_path):
    assert losses_of(tmp_path) == ()
    for step in range(1, 501):
        runs.append_metrics(tmp_path, step, {"loss": 1 / step, "ibot": 2.0, "lr": 3.0})
    runs.append_metrics(tmp_path, 500, {"health/effective_rank": 3.0})
    kept = losses_of(tmp_path, 40)
    steps = [line["step"] for line in kept]
    assert steps[0] == 1 and steps[-1] == 500 and 20 < len(steps) <= 40 and steps == sorted(set(steps))
    assert kept[0] == {"step": 1, "loss": 1.0, "ibot": 2.0}
