import threading
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image

from app.server.memory import BLOCK_BYTES, Memory, give_freed_pixels_back, size_of


@dataclass
class Holder:
    tensor: torch.Tensor
    array: np.ndarray


def test_sizes_are_those_of_the_payload():
    assert size_of(torch.zeros(10, 10)) == 400
    assert size_of(np.zeros((3, 4), np.uint8)) == 12
    assert size_of(Image.new("RGB", (5, 7))) == 105
    assert size_of([Holder(torch.zeros(2), np.zeros(1)), {"a": np.zeros(2, np.float32)}]) == 8 + 8 + 8


def test_the_least_recently_used_goes_first_and_the_bytes_add_up():
    memory = Memory(limit_mb=3)
    block = np.zeros(2**20, np.uint8)
    for name in "abc":
        memory.put(name, block)
    assert memory.get("a") is block  # a is now the most recent, b the least
    memory.put("d", block)
    assert memory.get("b") is None
    assert len(memory) == 3 and memory.bytes == 3 * 2**20
    memory.put("a", np.zeros(10, np.uint8))  # replacing frees what was there
    assert memory.bytes == 2 * 2**20 + 10


def test_what_is_larger_than_the_whole_is_not_kept_and_pushes_nothing_out():
    memory = Memory(limit_mb=1)
    memory.put("small", b"x")
    memory.put("large", np.zeros(2**21, np.uint8))
    assert memory.get("large") is None and memory.get("small") == b"x"


def test_recall_makes_a_value_once():
    memory, calls = Memory(1), []
    for _ in range(3):
        assert memory.recall("key", lambda: calls.append(1) or "value") == "value"
    assert len(calls) == 1


def test_many_threads_leave_the_account_right():
    memory = Memory(limit_mb=0.01)

    def work(seed):
        generator = np.random.default_rng(seed)
        for _ in range(300):
            memory.put(int(generator.integers(20)), np.zeros(int(generator.integers(1, 3000)), np.uint8))

    threads = [threading.Thread(target=work, args=[seed]) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    kept = [memory.get(key) for key in range(20)]
    assert memory.bytes == sum(value.nbytes for value in kept if value is not None) <= memory.limit


def test_large_pictures_are_taken_in_blocks_that_go_back_to_the_system():
    give_freed_pixels_back()
    assert Image.core.get_block_size() == BLOCK_BYTES > 32 * 2**20
