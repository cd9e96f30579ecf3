"""A resident dataset gives the crops that workers give, on any rank and after any resume, or says why it cannot."""

import numpy as np
import pytest
import torch
from PIL import Image

from train.data import resident
from train.data.augment import AugmentConfig
from train.data.batch import cut_batches, to_device
from train.data.resident import ResidentImages, resident_batches, shrink
from train.data.sampler import FixedPositions, Order, StepSampler
from train.data.sources import DataError, open_source

CPU = torch.device("cpu")
SMALL = AugmentConfig(global_size=28, local_size=14, local_crops=3)


@pytest.fixture
def source(tmp_path):
    generator = np.random.default_rng(0)
    for number in range(40):
        values = generator.integers(0, 256, (30 + number, 60 - number, 3), dtype=np.uint8)
        Image.fromarray(values).save(tmp_path / f"{number}.png")
    return open_source(tmp_path)


def same(first, second) -> bool:
    parts = zip((*first[:2], *first[2], *first[3]), (*second[:2], *second[2], *second[3]), strict=True)
    return all(torch.equal(one, other) for one, other in parts)


def batches(images, source, first=0, rank=0, ranks=1, config=SMALL):
    sampler = StepSampler(Order(source.blocks, 0), 8, first, 7, rank, ranks)
    return list(resident_batches(images, config, sampler, seed=9))


def test_crops_are_those_of_the_workers_where_nothing_is_shrunk(source):
    images = ResidentImages.load(source, 256, CPU, 0, 2**20)
    assert len(images) == 40 and images.unreadable == []
    sampler = StepSampler(Order(source.blocks, 0), 8, 0, 7)
    for ours, theirs in zip(
        batches(images, source), cut_batches(source, SMALL, sampler, 9, workers=0, pin=False), strict=True
    ):
        assert same(ours, theirs)


def test_ranks_and_resumed_runs_see_their_part_of_one_sequence(source):
    images = ResidentImages.load(source, 32, CPU, 0, 2**20)
    whole, late, mine = batches(images, source), batches(images, source, first=4), batches(images, source, 0, 1, 2)
    assert all(same(one, other) for one, other in zip(late, whole[4:], strict=True))
    for half, every in zip(mine, whole, strict=True):
        assert torch.equal(half.locals.unflatten(0, (3, 4)), every.locals.unflatten(0, (3, 8))[:, 4:])


@pytest.mark.slow
def test_decoding_processes_change_nothing(source):
    alone, shared = (ResidentImages.load(source, 32, CPU, workers, 2**20) for workers in (0, 2))
    assert torch.equal(alone.pixels, shared.pixels) and np.array_equal(alone.starts, shared.starts)


def test_the_way_of_accelerators_gives_nearly_the_same(source):
    images = ResidentImages.load(source, 32, CPU, 0, 2**20)
    indices = np.array([5, 39, 5, 0])
    wide, _ = resident.draw_crops(SMALL, 0, np.arange(4), images.widths[indices], images.heights[indices])
    columns = (np.tile(column[indices], 2) for column in (images.starts, images.widths))
    together = resident.resize_together(images.pixels, *columns, wide.boxes, wide.flips, 28)
    assert (together.float() - resident.cut(images, indices, wide, 28).float()).abs().mean() < 1


@pytest.mark.gpu
def test_a_gpu_cuts_and_colours_what_the_cpu_does(source):
    finished = []
    for device in (CPU, torch.device("cuda")):
        images = ResidentImages.load(source, 48, device, 0, 2**20)
        batch = to_device(batches(images, source)[0], device, torch.zeros(16, 4))
        assert batch.global_crops.device.type == batch.local_crops.device.type == device.type
        finished.append(batch)
    for one, other in zip(finished[0][:2], finished[1][:2], strict=True):
        assert (one - other.cpu()).abs().mean() < 0.02


def test_unreadable_images_are_listed_and_stood_in_for_by_the_next(source, tmp_path):
    for number in (7, 8, 39):
        (tmp_path / f"{number}.png").write_bytes(b"rubbish")
    images = ResidentImages.load(source, 256, CPU, 0, 2**20)
    assert [bad.name.rsplit("/")[-1] for bad in images.unreadable] == ["7.png", "8.png", "39.png"]
    assert len(images) == 40 and images.starts[7] == images.starts[8] == images.starts[9] and images.starts[39] == 0
    sampler = StepSampler(Order(source.blocks, 0), 8, 0, 7)
    ours, theirs = batches(images, source), list(cut_batches(source, SMALL, sampler, 9, workers=0, pin=False))
    assert all(same(one, other) for one, other in zip(ours, theirs, strict=True))
    assert [len(batch.unreadable) for batch in ours] == [3, *[0] * 6]
    assert not any(batch.unreadable for batch in batches(images, source, 0, rank=1, ranks=2)), "one rank names them"
    for number in range(10, 30):
        (tmp_path / f"{number}.png").write_bytes(b"")
    with pytest.raises(DataError, match="20 images in a row could not be read"):
        ResidentImages.load(source, 256, CPU, 0, 2**20)


def test_a_picture_that_vanishes_while_all_are_read_is_stood_in_for(source, tmp_path, monkeypatch):
    judged = resident._refuse_by_sample

    def judged_then_gone(*given):
        judged(*given)
        (tmp_path / "0.png").unlink()  # one of those judged by
        (tmp_path / "7.png").unlink()

    monkeypatch.setattr(resident, "_refuse_by_sample", judged_then_gone)
    images = ResidentImages.load(source, 256, CPU, 0, 2**20)
    assert [bad.name.rsplit("/")[-1] for bad in images.unreadable] == ["0.png", "7.png"]
    assert images.shown[[0, 7, 39]].tolist() == [1, 8, 39] and "put it back" in images.unreadable[0].reason
    for fixed in (lambda sampler: sampler, FixedPositions):
        sampler = fixed(StepSampler(Order(source.blocks, 0), 8, 0, 7))
        theirs = list(cut_batches(source, SMALL, sampler, 9, workers=0, pin=False))
        for one, other in zip(resident_batches(images, SMALL, sampler, seed=9), theirs, strict=True):
            assert same(one, other) and torch.equal(one.indices, other.indices)


@pytest.mark.parametrize(("share", "said"), [(0.1, "40 images take about"), (0.8, "of 40 images alone take")])
def test_what_does_not_fit_is_refused_early_or_when_it_is_known(source, share, said):
    taken = ResidentImages.load(source, 256, CPU, 0, 2**20).pixels.nbytes
    with pytest.raises(DataError, match=said + ".* GiB.*256 pixels; the budget is 0.00 GiB.*smaller side"):
        ResidentImages.load(source, 256, CPU, 0, int(taken * share))


@pytest.mark.parametrize("channels", [1, 4])
def test_other_channels(tmp_path, channels):
    for number in range(8):
        np.save(tmp_path / f"{number}.npy", np.random.default_rng(number).random((50, 40, channels)))
    source = open_source(tmp_path, channels=channels)
    config = AugmentConfig(28, local_size=14, local_crops=1, mean=(0.5,) * channels, std=(0.25,) * channels)
    images = ResidentImages.load(source, 32, CPU, 0, 2**20, channels)
    assert (
        images.pixels.dtype == (torch.uint8 if channels == 1 else torch.float16) and images.pixels.shape[1] == channels
    )
    assert set(zip(images.heights.tolist(), images.widths.tolist(), strict=True)) == {(40, 32)}
    batch = to_device(batches(images, source, config=config)[0], CPU, torch.zeros(16, 4), config.mean, config.std)
    assert batch.global_crops.shape == (16, channels, 28, 28) and batch.global_crops.abs().max() <= 2.01


def test_shrinking_keeps_the_shape_and_never_enlarges():
    pixels = np.random.default_rng(0).integers(0, 256, (90, 300, 3), dtype=np.uint8)
    assert shrink(pixels, 60).shape == (60, 200, 3) and shrink(pixels, 100).shape == (90, 300, 3)
    assert shrink(pixels[:, :1], 1).shape[1] == 1
    flat = shrink(np.full((80, 60, 2), 0.25, np.float32), 20)
    torch.testing.assert_close(flat, torch.full((27, 20, 2), 0.25))
