"""Patches embedded as a matrix product against the convolution they are stored as: `python -m tests.benchmarks.patch_embedding`.

Forward and backward of one batch of crops in milliseconds, the best of seven, both in turn on one thread.
"""

import time
from collections.abc import Callable

import torch

from core import ViTConfig
from core.model.layers import PatchEmbed

CASES = ((192, 256, 42), (192, 256, 56), (384, 8, 518))
"""Width, crops and their side in pixels."""
ROUNDS = 7


def milliseconds(embed: Callable[[], torch.Tensor], precision: torch.dtype) -> float:
    """One forward and backward pass."""
    started = time.perf_counter()
    with torch.autocast("cpu", torch.bfloat16, enabled=precision == torch.bfloat16):
        tokens = embed()
    tokens.float().sum().backward()
    return 1000 * (time.perf_counter() - started)


def main() -> None:
    """Print a line for each case and precision."""
    torch.set_num_threads(1)
    print(f"{'width':>6}{'crops':>7}{'px':>5}{'':>10}{'convolution':>13}{'product':>9}{'ratio':>7}")
    for width, crops, side in CASES:
        embed, pixels = PatchEmbed(ViTConfig(width=width, heads=3)), torch.randn(crops, 3, side, side)
        for precision in (torch.float32, torch.bfloat16):
            ways = (lambda e=embed, p=pixels: e.proj(p).flatten(2).transpose(1, 2)), (lambda e=embed, p=pixels: e(p))
            times = [[milliseconds(way, precision) for way in ways] for _ in range(ROUNDS)]
            slow, fast = map(min, zip(*times, strict=True))
            name = str(precision).removeprefix("torch.")
            print(f"{width:6}{crops:7}{side:5}{name:>10}{slow:13.1f}{fast:9.1f}{slow / fast:7.1f}")


if __name__ == "__main__":
    main()
