"""Linear depth probe on patch and cls tokens.

Oquab et al. 2023, section 7.4, after Li et al. 2022 (BinsFormer): the range of depth in 256 equal bins, a share for
each bin from a linear layer (its outputs rectified and divided by their sum), depth as their mean; the error is taken
of logarithms, most of a common factor being forgiven (Eigen et al. 2014).
h w patch grid, H W pixels, m patches, n pictures.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, NamedTuple

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from core import VisionTransformer, load_image
from core.bounds import Bounds
from core.files import Output
from core.model.precision import Precision
from train.data.sources import DataError
from train.dist import World
from train.evaluate.bootstrap import Estimate, bootstrap
from train.evaluate.datasets.layouts.dense import DenseSet, Pictured, depth_set
from train.evaluate.features.positions import SUB, pixel_strips, sub_positions
from train.evaluate.features.token_maps import KeptMaps, TokenMap, token_maps
from train.evaluate.left_out import Counts, LeftOut
from train.evaluate.probes.dense_head import STEPS, DenseHead, Rows, chosen_head
from train.evaluate.task import Estimates, PictureTask

BINS = 256
RATES = (1e-3, 3e-3, 1e-2, 3e-2)
FLOOR = 0.1
"""Added to every rectified output (the reference's depth head), so that no share is 0."""
SCALE_FORGIVEN = 0.85
"""Of the squared mean of the error in logarithms; the reference's SigLoss."""
WITHIN = (1.25, 1.25**2, 1.25**3)


@dataclass(frozen=True, kw_only=True)
class Depth(PictureTask):
    """Depth from a linear layer on patches beside the cls token: a share for each of 256 bins; root mean square error,
    relative error and the shares of pixels within factors, beside the median depth everywhere."""

    data: Path
    """NYU Depth v2 as listed in nyu_train.txt and nyu_test.txt, or a folder with images/ and depth/ of equal stems:
    16-bit PNG in millimetres or .npy in metres. The plain form may be divided into train/ and val/."""
    blocks: Annotated[int, Bounds(1, 256)] = 1
    """Last blocks whose tokens are put side by side."""
    steps: Annotated[int, Bounds(1, 10**9)] = STEPS
    """Of training the linear layer."""
    rates: Annotated[tuple[float, ...], Bounds(0, 10**6, above=True)] = RATES
    """Learning rates that are tried."""
    features: Annotated[Path, Output.FOLDER] = Path("features")
    """Folder in which features are kept."""

    def estimates(self, model: VisionTransformer, size: int, world: World) -> Estimates | None:
        dataset = depth_set(self.data, self.seed)
        paths = [one.image for one in dataset.train]
        maps = KeptMaps(model, paths, size, self.blocks, self.features, world, self.precision)
        if not world.leads:
            return None
        generator = np.random.default_rng(self.seed)
        found = measure_depth(
            model, dataset, maps, size, generator, self.blocks, self.precision, self.steps, self.rates
        )
        rows = [(name, getattr(found.scores, name)) for name in DepthScores._fields]
        rows += [(f"{name}, median everywhere", getattr(found.blind, name)) for name in DepthScores._fields]
        return Estimates(rows, {"rate": found.rate} | found.counts._asdict())


class DepthScores(NamedTuple):
    """Means over pictures, of the scored pixels of each: root mean square error in metres, mean error relative to
    the truth, and the shares of pixels that are wrong by a factor of less than 1.25, 1.25² and 1.25³."""

    rmse: Estimate
    abs_rel: Estimate
    delta1: Estimate
    delta2: Estimate
    delta3: Estimate


class Measured(NamedTuple):
    scores: DepthScores
    blind: DepthScores
    """Of saying the median depth of the training pictures everywhere."""
    rate: float
    counts: Counts


def features(one: TokenMap) -> Tensor:
    """Patches beside the cls token, [h, w, 2·F]."""
    return torch.cat([one.patches, one.cls.expand(*one.patches.shape[:2], -1)], dim=2)


def depth_of(outputs: Tensor, centres: Tensor) -> Tensor:
    """Metres [...] of outputs [..., 256].

    >>> depth_of(torch.tensor([0.9, -5.0]), torch.tensor([1.0, 12.0]))
    tensor(2.)
    """
    shares = outputs.relu() + FLOOR
    return (shares * centres).sum(dim=-1) / shares.sum(dim=-1)


def bin_centres(low: float, high: float) -> Tensor:
    edges = torch.linspace(low, high, BINS + 1)
    return (edges[1:] + edges[:-1]) / 2


def log_loss(predicted: Tensor, truth: Tensor) -> Tensor:
    """Root of the mean squared difference of logarithms, less most of its squared mean; truth of 0 is left out."""
    known = truth > 0
    difference = (predicted.clamp(min=1e-6)[known]).log() - truth[known].log()
    if not len(difference):
        return predicted.sum() * 0
    return (difference.square().mean() - SCALE_FORGIVEN * difference.mean().square()).clamp(min=1e-9).sqrt()


def measure_depth(
    model: VisionTransformer,
    dataset: DenseSet,
    maps: KeptMaps,
    size: int,
    generator: np.random.Generator,
    blocks: int = 1,
    precision: Precision = "auto",
    steps: int = STEPS,
    rates: Sequence[float] = RATES,
) -> Measured:
    """Of a linear layer trained on `maps`, those of the training pictures, and tested on the test pictures, their longer
    side at `size` pixels. Pictures that cannot be read are left out; DataError where none is left, or has depth."""
    lost = LeftOut(), LeftOut()
    known = _known(dataset, maps, lost[0])
    left_out, places = lost[0].tell(len(known)), list(known)
    every = torch.cat([one[one > 0] for one in known.values()])
    if len(every) < 2:
        raise DataError("No training picture has depth; values are metres, 0 where unknown.")
    low, high = dataset.depth_range or (float(every.min()) * 0.9, float(every.max()) * 1.1)
    centres = bin_centres(low, high)
    moved = centres.to(model.device)

    def patches_of(number: int) -> Rows:
        return Rows(features(maps[places[number]]).flatten(0, 1), known[places[number]].flatten())

    def loss(outputs: Tensor, truth: Tensor) -> Tensor:
        return log_loss(depth_of(outputs, moved), truth)

    def error(head: DenseHead, held: np.ndarray) -> float:
        predicted = torch.cat([_predicted(head, maps[places[number]], centres).flatten() for number in held])
        truth = torch.cat([known[places[number]].flatten() for number in held])
        return float((predicted.log() - truth.clamp(min=1e-6).log())[truth > 0].square().mean())

    def tested(one: Pictured) -> list[list[float]]:
        (seen,) = token_maps(model, [load_image(one.image)], size, blocks, precision)
        strips = pixel_strips(_predicted(head, seen, centres), seen.geometry)
        predicted = torch.cat([strip[..., 0] for _, strip in strips]).numpy()
        return _both_errors(predicted, dataset.truth(one), dataset, (low, high), float(every.median()))

    head = chosen_head(patches_of, len(places), BINS, loss, error, rates, steps, generator, moved.device, bias=1.0)
    found = [one for _, one in lost[1].readable(tqdm(dataset.test, desc="test", unit="picture"), tested)]
    counts = Counts(len(places), len(found), left_out + lost[1].tell(len(found)))
    if not any(found):
        raise DataError("No picture that is asked about has depth in the range asked about.")
    scores, blind = (_scores([one[side] for one in found if one], generator) for side in (0, 1))
    return Measured(scores, blind, head.rate, counts)


def _known(dataset: DenseSet, maps: KeptMaps, lost: LeftOut) -> dict[int, Tensor]:
    """By their places, the depth on the patches of the training pictures that can be read."""
    places = tqdm(range(len(dataset.train)), desc="depth", unit="picture")
    return dict(lost.readable(places, lambda place: depth_on_patches(dataset.truth(dataset.train[place]), maps[place])))


def _both_errors(
    predicted: np.ndarray, truth: np.ndarray, dataset: DenseSet, bounds: tuple[float, float], middle: float
) -> list[list[float]]:
    """Errors of what is predicted, and of saying `middle` everywhere; none where nothing of the truth [H, W] is scored."""
    scored = _scored(truth, dataset, *bounds)
    if not scored.any():
        return []
    flat = np.full(int(scored.sum()), middle)
    return [errors(predicted.clip(*bounds)[scored], truth[scored]), errors(flat, truth[scored])]


def depth_on_patches(depth: np.ndarray, one: TokenMap) -> Tensor:
    """[h, w]: the geometric mean of the known depths [H, W] at 4 × 4 points of each patch; 0 where none is."""
    points = sub_positions(one.geometry, SUB).floor().long()
    x, y = points[..., 0].clamp(0, depth.shape[1] - 1), points[..., 1].clamp(0, depth.shape[0] - 1)
    found = torch.from_numpy(depth)[y, x]
    known = found > 0
    logarithms = torch.where(known, found.clamp(min=1e-6).log(), 0).sum(dim=2) / known.sum(dim=2).clamp(min=1)
    return torch.where(known.any(dim=2), logarithms.exp(), 0)


def errors(predicted: np.ndarray, truth: np.ndarray) -> list[float]:
    """RMSE, relative error and the three shares, of depths [k] above 0.

    >>> [round(value, 3) for value in errors(np.array([1.0, 3.0]), np.array([1.0, 2.0]))]
    [0.707, 0.25, 0.5, 1.0, 1.0]
    """
    factor = np.maximum(predicted / truth, truth / predicted)
    difference = predicted - truth
    return [
        float(np.sqrt(np.mean(difference**2))),
        float(np.mean(np.abs(difference) / truth)),
        *(float((factor < bound).mean()) for bound in WITHIN),
    ]


def _scores(rows: list[list[float]], generator: np.random.Generator) -> DepthScores:
    table = np.array(rows)
    seed = generator.integers(2**31)

    def estimate(column: np.ndarray) -> Estimate:
        return bootstrap(lambda drawn: drawn @ column / drawn.sum(axis=1), len(column), np.random.default_rng(seed))

    return DepthScores(*(estimate(column) for column in table.T))


def _predicted(head: DenseHead, one: TokenMap, centres: Tensor) -> Tensor:
    """[h, w, 1] metres."""
    return depth_of(head(features(one)), centres).unsqueeze(2)


def _scored(truth: np.ndarray, dataset: DenseSet, low: float, high: float) -> np.ndarray:
    scored = truth > 0
    if dataset.depth_range:
        scored &= (truth > low) & (truth < high)
    if dataset.crop:
        top, bottom, left, right = dataset.crop
        inside = np.zeros_like(scored)
        inside[top:bottom, left:right] = True
        scored &= inside
    return scored
