import numpy as np
import pytest
import torch
from torch.nn import functional as F

from core import FeatureMap, RequestError
from core.analysis.clip_views import steady_foreground, steady_pca, steady_similarity
from core.analysis.pca import joint_pca
from core.analysis.render import colourise
from core.features import Geometry


def clip(frames: int = 6, noise: float = 0.05) -> list[FeatureMap]:
    """An object of 4×4 patches that moves to the right over a ground of another direction."""
    generator = torch.Generator().manual_seed(0)
    ground, thing = torch.eye(8)[0] + torch.eye(8)[2], torch.eye(8)[1] + torch.eye(8)[2]
    maps = []
    for number in range(frames):
        patches = ground.repeat(8, 14, 1)
        patches[2:6, 1 + number : 5 + number] = thing
        patches += noise * torch.randn(patches.shape, generator=generator)
        maps.append(FeatureMap(patches, patches.mean(dim=(0, 1)), Geometry(112, 196, 8, 14, 14)))
    return maps


def test_pca_of_an_unseen_frame_uses_the_basis_of_the_seen_ones():
    maps = clip()
    paint = steady_pca(maps[::2])
    expected = joint_pca(maps[::2]).basis.apply(maps[1])[0].numpy() * 255
    np.testing.assert_allclose(paint(maps[1]), expected, atol=0.51)
    assert paint(maps[1]).dtype == np.uint8


def test_the_colours_of_an_object_do_not_change_as_it_moves():
    maps = clip(noise=0.01)
    paint = steady_pca([maps[0], maps[5]])
    seen = [paint(one)[3:5, 2 + number : 4 + number, 0].mean() for number, one in enumerate(maps)]
    assert np.ptp(seen) < 10


def test_similarity_is_the_cosine_on_one_scale():
    maps = clip()
    query = maps[0].patches[3, 3]
    paint = steady_similarity(maps, query)
    cosines = torch.cat([(F.normalize(one.patches, dim=-1) @ F.normalize(query, dim=0)).flatten() for one in maps])
    low = float(np.percentile(cosines, 1))
    for one in (maps[0], maps[4]):
        cosine = (F.normalize(one.patches, dim=-1) @ F.normalize(query, dim=0)).numpy()
        assert np.abs(paint(one).astype(int) - colourise(cosine, "viridis", low, 1)).max() <= 1


def test_foreground_follows_the_object_into_unseen_frames():
    maps = clip()
    paint = steady_foreground(maps[:2])
    for number, one in enumerate(maps):
        scores = paint(one)
        inside = np.zeros((8, 14), bool)
        inside[2:6, 1 + number : 5 + number] = True
        assert ((scores > 0.5) == inside).mean() > 0.98
        assert scores.min() >= 0 and scores.max() <= 1


def test_where_nothing_stands_out_there_is_no_foreground():
    same = torch.ones(4, 4, 3)
    with pytest.raises(RequestError, match="No object stands out"):
        steady_foreground([FeatureMap(same, same[0, 0], Geometry(56, 56, 4, 4, 14))])
