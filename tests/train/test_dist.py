"""What all processes say together, on one process and on two."""

import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from train import dist

ROOT = Path(__file__).parents[2]
TOGETHER = """
import torch
from train import dist
world = dist.join("cpu")
values = lambda: torch.tensor([1.0, 5.0]) * (-1) ** world.rank + world.rank
print(world.leads, dist.leads(), dist.distributed(), *(
    together(values()).tolist() for together in (dist.total, dist.largest, dist.average, dist.from_first)
))
dist.leave()
"""


def test_one_process_leads_and_keeps_its_values():
    assert dist.leads() and not dist.distributed()
    for together in (dist.total, dist.largest, dist.average, dist.from_first):
        assert together(torch.tensor([1.0, 5.0])).tolist() == [1.0, 5.0]


@pytest.mark.slow
def test_two_processes_agree():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = os.environ | {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": "2"}
    ranks = [
        subprocess.Popen(
            [sys.executable, "-c", TOGETHER],
            env=environment | {"RANK": str(rank), "LOCAL_RANK": str(rank), "CUDA_VISIBLE_DEVICES": ""},
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    ]
    said = [rank.communicate(timeout=120)[0].strip() for rank in ranks]
    agreed = "True [1.0, 1.0] [1.0, 5.0] [0.5, 0.5] [1.0, 5.0]"  # of [1, 5] and [0, -4]
    assert said == [f"True True {agreed}", f"False False {agreed}"]


def test_no_other_module_asks_torch_who_is_there():
    asked = re.compile(r"is_initialized|get_rank|get_world_size|all_reduce|all_gather|distributed\.broadcast")
    found = [
        path.relative_to(ROOT).as_posix()
        for path in sorted((ROOT / "train").rglob("*.py"))
        if asked.search(path.read_text("utf-8"))
    ]
    assert found == ["train/dist.py"]
