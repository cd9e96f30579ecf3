"""Times of the analyses here, fastest and median, on two threads and maps of 37×37×384.

`python -m tests.benchmarks.analysis`
"""

import time
from collections.abc import Callable

import numpy as np
import torch
from PIL import Image

from core.analysis.foreground import METHODS, foreground, refine_mask
from core.analysis.pca import joint_pca
from core.analysis.render import onto_picture
from core.analysis.segments import segments
from core.analysis.similarity import query_vector, similarity_map
from core.features import FeatureMap, Geometry


def milliseconds(work: Callable[[], object], runs: int = 15) -> tuple[float, float]:
    """Fastest and median of some runs after one that warms up; far apart where something else was running."""
    work()
    times = []
    for _ in range(runs):
        started = time.perf_counter()
        work()
        times.append(1000 * (time.perf_counter() - started))
    return min(times), sorted(times)[runs // 2]


def main() -> None:
    torch.set_num_threads(2)
    generator = torch.Generator().manual_seed(0)
    geometry = Geometry(1024, 1024, 37, 37, 14)
    centres = torch.randn(10, 384, generator=generator)
    maps = []
    for _ in range(8):
        patches = centres[torch.randint(10, (37, 37), generator=generator)]
        patches = patches + torch.randn(37, 37, 384, generator=generator)
        maps.append(FeatureMap(patches, patches[0, 0], geometry))
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 255, (1024, 1024, 3), dtype=np.uint8))
    query, scores = query_vector(maps[0], patch=(3, 3)), foreground(maps[0])[0]
    work = {
        "joint PCA, 4 maps (goal 30)": lambda: joint_pca(maps[:4]),
        "joint PCA, 4 maps, two-stage": lambda: joint_pca(maps[:4], foreground="auto"),
        "k-means, 8 maps, 6 groups (goal 150)": lambda: segments(maps, 6),
        "spectral, 8 maps, 6 groups": lambda: segments(maps, 6, "spectral"),
        "similarity, 1 map": lambda: similarity_map(maps[0], query),
        "guided mask, 1024 px": lambda: refine_mask(scores, picture, geometry),
        "onto picture, 1024 px, 3 channels": lambda: onto_picture(torch.rand(37, 37, 3), geometry, 1024, 1024),
    } | {f"foreground {method}, 1 map": lambda method=method: foreground(maps[0], method) for method in METHODS}
    for name, one in work.items():
        fastest, median = milliseconds(one)
        print(f"{name:40}{fastest:8.1f} {median:8.1f} ms", flush=True)


if __name__ == "__main__":
    main()
