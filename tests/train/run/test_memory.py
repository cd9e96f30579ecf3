"""Freed memory is kept: the next large block of the same size costs no fresh pages."""

import platform
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
FAULTS = """
import resource, sys
from train.run.memory import keep_freed_memory
if sys.argv[1] == "kept":
    assert keep_freed_memory()
bytearray(1 << 26)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    bytearray(b"1") * (1 << 26)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the allocator is not glibc's")
def test_large_blocks_are_paged_in_once():
    faults = {}
    for name in ("default", "kept"):
        words = [sys.executable, "-c", FAULTS, name]
        faults[name] = int(subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True).stdout)
    assert faults["kept"] < faults["default"] / 5
