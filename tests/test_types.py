"""The types of all three packages, as pyproject.toml has them checked."""

import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.slow
def test_the_types_agree(tmp_path):
    command = [sys.executable, "-m", "mypy", "--cache-dir", str(tmp_path)]
    result = subprocess.run(command, cwd=Path(__file__).parents[1], capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr
