"""How well foreground methods find hand-drawn objects: `python -m tests.benchmarks.foreground`.

IoU of the Otsu cut with the polygons of tests/data/masks.json, per photograph and method, for features imitating a
trained model's (see tests.data.masks) and for those of an untrained one, which know texture and colour only. "best"
is the IoU at the best threshold, which tells a bad score from a bad cut.
"""

import sys
import time

import torch

import core
from core.analysis.foreground import METHODS, foreground
from core.features import FeatureMap
from core.pictures.gallery import samples
from core.pictures.geometry import plan_grid
from tests.data import masks

SEEDS = 3


def iou(found: torch.Tensor, truth: torch.Tensor) -> float:
    return float((found & truth).sum() / (found | truth).sum().clamp(min=1))


def best_iou(scores: torch.Tensor, truth: torch.Tensor) -> float:
    return max(iou(scores > step / 50, truth) for step in range(50))


def report(title: str, sets: list[dict[str, tuple[FeatureMap, torch.Tensor]]]) -> None:
    print(f"\n{title}\n{'':18}" + "".join(f"{method:>8}{'best':>7}" for method in METHODS))
    totals = {method: [] for method in METHODS}
    for name in sets[0]:
        line = f"{name:18}"
        for method in METHODS:
            pairs = []
            for one in sets:
                feature_map, truth = one[name]
                found = foreground(feature_map, method)
                pairs.append((iou(found[0] > found.threshold, truth), best_iou(found[0], truth)))
            cut, best = (sum(column) / len(pairs) for column in zip(*pairs, strict=True))
            totals[method].append((cut, best))
            line += f"{cut:8.2f}{best:7.2f}"
        print(line)
    means = {method: [sum(column) / len(rows) for column in zip(*rows, strict=True)] for method, rows in totals.items()}
    print(f"{'mean':18}" + "".join(f"{means[method][0]:8.2f}{means[method][1]:7.2f}" for method in METHODS))


def main() -> None:
    torch.set_num_threads(2)
    photographs = {sample.name: core.load_image(sample.path) for sample in samples() if sample.name in masks.polygons()}
    for noise, offset in ((0.5, 0.0), (1.0, 0.0), (2.0, 0.0), (1.0, 1.0), (1.0, 3.0)):
        sets = []
        for seed in range(SEEDS):
            generator = torch.Generator().manual_seed(seed)
            one = {}
            for name, image in photographs.items():
                geometry = plan_grid(image.height, image.width, 518, 14)
                truth = masks.grid_mask(name, geometry)
                one[name] = masks.imitation(truth, geometry, generator, noise=noise, offset=offset), truth
            sets.append(one)
        report(f"Imitated features, noise {noise}, offset {offset} (mean of {SEEDS} seeds)", sets)
    name = sys.argv[1] if len(sys.argv) > 1 else "untrained"
    maps = core.extract(core.load_model(name), list(photographs.values()), 518)
    truths = [masks.grid_mask(name, one.geometry) for name, one in zip(photographs, maps, strict=True)]
    pairs = zip(maps, truths, strict=True)
    report(f"Features of the model {name!r}", [dict(zip(photographs, pairs, strict=True))])
    for method in METHODS:
        started = time.perf_counter()
        foreground(maps[0], method)
        print(f"{method}: {1000 * (time.perf_counter() - started):.0f} ms for a grid of {maps[0].grid}")


if __name__ == "__main__":
    main()
