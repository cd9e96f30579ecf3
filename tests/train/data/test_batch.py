"""From a source to a batch: crops from the seed alone, in crop order, damaged images replaced and named."""

import numpy as np
import pytest
import torch

from train.data.augment import AugmentConfig
from train.data.batch import CropDataset, cut_batches, cut_crops, to_device
from train.data.quarantine import Quarantine
from train.data.sampler import FixedPositions, Order, StepSampler
from train.data.sources import DataError, open_source

SMALL = AugmentConfig(global_size=28, local_size=14, local_crops=3)


@pytest.fixture
def folder(tmp_path):
    from PIL import Image

    generator = np.random.default_rng(0)
    for number in range(10):
        values = generator.integers(0, 256, (40 + number, 60 - number, 3), dtype=np.uint8)
        Image.fromarray(values).save(tmp_path / f"{number}.png")
    return tmp_path


def test_crops_have_their_sizes_and_come_from_seed_and_position_alone():
    pixels = np.random.default_rng(0).integers(0, 256, (64, 96, 3), dtype=np.uint8)
    first, again, other = (cut_crops(pixels, SMALL, seed, 5) for seed in (1, 1, 2))
    assert first.globals.shape == (2, 3, 28, 28) and first.locals.shape == (3, 3, 14, 14)
    assert torch.equal(first.globals, again.globals)
    assert torch.equal(first.local_colours.factors, again.local_colours.factors)
    assert not torch.equal(first.globals, other.globals)


def test_without_local_crops():
    crops = cut_crops(np.zeros((20, 20, 3), np.uint8), AugmentConfig(global_size=28, local_crops=0), 0, 0)
    assert crops.locals.shape[0] == 0 and len(crops.local_colours.factors) == 0


def test_a_batch_holds_crop_after_crop_and_ranks_share_it(folder):
    source = open_source(folder)

    def batches(first, rank, ranks):
        sampler = StepSampler(Order(source.blocks, 0), 4, first, 5, rank, ranks)
        return list(cut_batches(source, SMALL, sampler, 9, workers=0, pin=False))

    whole, late = batches(0, 0, 1), batches(3, 0, 1)
    assert whole[0].globals.shape == (8, 3, 28, 28) and whole[0].locals.shape == (12, 3, 14, 14)
    assert torch.equal(late[0].globals, whole[3].globals) and torch.equal(late[1].locals, whole[4].locals)
    alone = CropDataset(source, SMALL, 9)[(6, Order(source.blocks, 0)[6])].crops
    assert torch.equal(whole[1].locals[2::4], alone.locals)
    mine = batches(0, 1, 2)
    assert torch.equal(mine[2].globals.unflatten(0, (2, 2)), whole[2].globals.unflatten(0, (2, 4))[:, 2:])


def test_damaged_images_are_replaced_by_the_next_and_listed_once(folder, tmp_path_factory):
    (folder / "3.png").write_bytes(b"rubbish")
    source = open_source(folder)
    dataset = CropDataset(source, SMALL, 0)
    crops, index, unreadable = dataset[(0, 3)]
    assert index == 4 and torch.equal(crops.globals, dataset[(0, 4)].crops.globals)
    assert [bad.name for bad in unreadable] == [str(folder / "3.png")]
    run = tmp_path_factory.mktemp("run")
    for _ in range(2):  # as a resumed run would
        quarantine = Quarantine(run)
        quarantine.add(unreadable)
        quarantine.add(unreadable)
        assert quarantine.count == 1
    assert (run / "unreadable.txt").read_text().count("3.png") == 1
    for path in folder.glob("*.png"):
        path.write_bytes(b"")
    with pytest.raises(DataError, match="10 images in a row"):
        dataset[(0, 0)]


def test_a_picture_that_is_gone_is_replaced_as_a_damaged_one(folder):
    def batches(sampler_of=lambda sampler: sampler):
        sampler = sampler_of(StepSampler(Order(source.blocks, 0), 5, 0, 2))
        return list(cut_batches(source, SMALL, sampler, 9, workers=0, pin=False))

    source = open_source(folder)
    (folder / "3.png").write_bytes(b"rubbish")
    damaged = batches()
    (folder / "3.png").unlink()
    for ours, theirs in zip(batches(), damaged, strict=True):
        assert torch.equal(ours.globals, theirs.globals) and torch.equal(ours.locals, theirs.locals)
        assert ours.indices.tolist() == theirs.indices.tolist() and 3 not in ours.indices
        assert [bad.name for bad in ours.unreadable] == [bad.name for bad in theirs.unreadable]
    assert [bad.name for batch in batches() for bad in batch.unreadable] == [str(folder / "3.png")]
    fixed = [(batch.globals.unflatten(0, (2, 5)), batch.indices.tolist()) for batch in batches(FixedPositions)]
    alone = CropDataset(source, SMALL, 9)[(4, 4)].crops.globals
    seen = [crops[:, row] for crops, shown in fixed for row, index in enumerate(shown) if index == 4]
    assert len(seen) == 2 and all(torch.equal(one, alone) for one in seen), (
        "crops of a picture's own, whoever it is for"
    )


@pytest.mark.parametrize("workers", [0, pytest.param(1, marks=pytest.mark.slow)])
def test_a_source_that_is_gone_ends_with_a_sentence(folder, workers):
    source = open_source(folder)
    sampler = StepSampler(Order(source.blocks, 0), 5, 0, 2)
    for path in folder.glob("*.png"):
        path.unlink()
    with pytest.raises(DataError, match=r"^10 images in a row could not be read; is this") as caught:
        next(cut_batches(source, SMALL, sampler, 9, workers, pin=False))
    assert "put it back" in str(caught.value) and "Traceback" not in str(caught.value)


@pytest.mark.parametrize("channels", [1, 2, 6])
def test_other_channels_reach_the_objective(tmp_path, channels):
    generator = np.random.default_rng(0)
    for number in range(4):
        np.save(tmp_path / f"{number}.npy", generator.random((30, 40, channels), dtype=np.float32))
    config = AugmentConfig(28, local_size=14, local_crops=1, mean=(0.5,) * channels, std=(0.25,) * channels)
    source = open_source(tmp_path, channels=channels)
    sampler = StepSampler(Order(source.blocks, 0), 4, 0, 1)
    cut = next(cut_batches(source, config, sampler, 0, workers=0, pin=False))
    batch = to_device(cut, torch.device("cpu"), torch.zeros(8, 4, dtype=torch.bool), config.mean, config.std)
    assert batch.global_crops.shape == (8, channels, 28, 28) and batch.local_crops.shape == (4, channels, 14, 14)
    assert (
        batch.global_crops.dtype == torch.float32 and -2 <= batch.global_crops.min() < 0 < batch.global_crops.max() <= 2
    )
