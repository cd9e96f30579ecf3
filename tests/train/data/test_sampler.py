"""One sequence for all ranks, every image once an epoch, the same from any step on."""

from train.data.sampler import Order, StepSampler

SINGLE = [range(i, i + 1) for i in range(50)]
BLOCKED = [range(start, start + 10) for start in range(0, 200, 10)]


def test_every_epoch_is_another_shuffle_of_all_images():
    for blocks, length in ((SINGLE, 50), (BLOCKED, 200)):
        order = Order(blocks, seed=3)
        first, second = ([order[epoch * length + i] for i in range(length)] for epoch in range(2))
        assert sorted(first) == sorted(second) == list(range(length))
        assert first != second != sorted(second)


def test_blocks_stay_within_their_window():
    order = Order(BLOCKED, seed=0)
    assert len({order[position] // 10 for position in range(80)}) == 8


def test_ranks_share_what_one_process_would_see_and_a_later_start_continues_it():
    def batches(first, ranks):
        samplers = [StepSampler(Order(SINGLE, seed=1), 8, first, 20, rank, ranks) for rank in range(ranks)]
        return [[pair for part in parts for pair in part] for parts in zip(*samplers, strict=True)]

    whole = batches(0, ranks=1)
    assert batches(0, ranks=4) == whole
    assert batches(13, ranks=2) == whole[13:]
    assert Order(SINGLE, seed=2)[0] != Order(SINGLE, seed=1)[0] or Order(SINGLE, seed=2)[1] != Order(SINGLE, seed=1)[1]
