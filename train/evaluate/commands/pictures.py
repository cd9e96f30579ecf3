"""The tasks on whole pictures and their pixels: `segmentation`, `depth`, `matching`, `foreground`, `retrieval`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor

from core import VisionTransformer, load_image, load_model
from core.model.precision import Precision
from train.data.sources import DataError, open_source
from train.dist import World
from train.evaluate.bank import feature_bank
from train.evaluate.bootstrap import Estimate
from train.evaluate.dense_head import RATES, STEPS
from train.evaluate.depth import RATES as DEPTH_RATES
from train.evaluate.depth import DepthScores, measure_depth
from train.evaluate.keypoints import RADII, measure_matching
from train.evaluate.layouts.dense import depth_set, segmentation_set
from train.evaluate.layouts.objects import read_objects
from train.evaluate.layouts.revisited import Query, read_landmarks
from train.evaluate.layouts.spair import read_pairs
from train.evaluate.objects import measure_foreground
from train.evaluate.results import about, results_path, write_results
from train.evaluate.search import Ranking, revisited_rankings, same_label_ranking
from train.evaluate.segmentation import Viewing, measure_segmentation
from train.evaluate.token_maps import KeptMaps, token_maps


@dataclass(frozen=True)
class Segmentation:
    """Mean IoU of a linear layer on the patches of the last block, or of several: batch normalisation and one linear
    map, its learning rate chosen on held-out pictures of the training set."""

    model: str
    """A name (embedded, untrained, dinov2-small …), hf:owner/name, a run folder or a weights file."""
    data: Path
    """ADE20K (ADEChallengeData2016) or PASCAL VOC as published, or a folder with images/ and masks/ of equal stems:
    index PNG, 255 where nothing is asked. The plain form may be divided into train/ and val/."""
    out: Path | None = None
    """The JSON file to write; by default segmentation-MODEL.json here."""
    size: int | None = None
    """Longer side in pixels of a picture, the model's own by default; with --windows, either side of a window."""
    blocks: int = 1
    """Last blocks whose patches are put side by side."""
    scales: tuple[float, ...] = (1.0,)
    """Factors on the size at which a picture is asked about; probabilities are averaged."""
    windows: bool = False
    """Slide a window over each picture that is asked about, its shorter side at --size."""
    steps: int = STEPS
    """Of training the linear layer."""
    rates: tuple[float, ...] = RATES
    """Learning rates that are tried."""
    precision: Precision = "auto"
    """Of the features: bfloat16 where that is fast, or float32."""
    features: Path = Path("features")
    """Folder in which features are kept."""
    seed: int = 0
    """Of what is drawn."""

    def run(self, world: World) -> str:
        """Measure, write the results, and say what they are."""
        out, model = results_path("segmentation", self.model, self.out), load_model(self.model, world.device)
        given = _sized(self, model)
        dataset = segmentation_set(self.data, self.seed)
        viewing = Viewing(given.size, self.blocks, self.scales, self.windows, self.precision)
        paths = [one.image for one in dataset.train]
        maps = KeptMaps(model, paths, given.size, self.blocks, self.features, world, self.precision)
        if not world.leads:
            return ""
        generator = np.random.default_rng(self.seed)
        found = measure_segmentation(model, dataset, maps, viewing, generator, self.steps, self.rates)
        rows = [("mean IoU", found.mean_iou), ("pixel accuracy", found.pixel_accuracy)]
        more = {"per_class": found.per_class, "rate": found.rate, "learnt": len(paths), "asked": len(dataset.test)}
        return _written(given, out, model, rows, more)


@dataclass(frozen=True)
class Depth:
    """Depth from a linear layer on patches beside the cls token: a share for each of 256 bins; root mean square error,
    relative error and the shares of pixels within factors, beside saying the median depth everywhere."""

    model: str
    """A name (embedded, untrained, dinov2-small …), hf:owner/name, a run folder or a weights file."""
    data: Path
    """NYU Depth v2 as listed in nyu_train.txt and nyu_test.txt, or a folder with images/ and depth/ of equal stems:
    16-bit PNG in millimetres or .npy in metres. The plain form may be divided into train/ and val/."""
    out: Path | None = None
    """The JSON file to write; by default depth-MODEL.json here."""
    size: int | None = None
    """Longer side in pixels; the model's own by default."""
    blocks: int = 1
    """Last blocks whose tokens are put side by side."""
    steps: int = STEPS
    """Of training the linear layer."""
    rates: tuple[float, ...] = DEPTH_RATES
    """Learning rates that are tried."""
    precision: Precision = "auto"
    """Of the features: bfloat16 where that is fast, or float32."""
    features: Path = Path("features")
    """Folder in which features are kept."""
    seed: int = 0
    """Of what is drawn."""

    def run(self, world: World) -> str:
        """Measure, write the results, and say what they are."""
        out, model = results_path("depth", self.model, self.out), load_model(self.model, world.device)
        given = _sized(self, model)
        dataset = depth_set(self.data, self.seed)
        viewing = Viewing(given.size, self.blocks, precision=self.precision)
        paths = [one.image for one in dataset.train]
        maps = KeptMaps(model, paths, given.size, self.blocks, self.features, world, self.precision)
        if not world.leads:
            return ""
        generator = np.random.default_rng(self.seed)
        found = measure_depth(model, dataset, maps, viewing, generator, self.steps, self.rates)
        rows = [(name, getattr(found.scores, name)) for name in DepthScores._fields]
        rows += [(f"{name}, median everywhere", getattr(found.blind, name)) for name in DepthScores._fields]
        return _written(given, out, model, rows, {"rate": found.rate, "learnt": len(paths), "asked": len(dataset.test)})


@dataclass(frozen=True)
class Matching:
    """The share of key points whose most similar patch in another picture lies where they are there (PCK)."""

    model: str
    """A name (embedded, untrained, dinov2-small …), hf:owner/name, a run folder or a weights file."""
    data: Path
    """SPair-71k, or a folder with images/ and pairs/*.json of its form."""
    out: Path | None = None
    """The JSON file to write; by default matching-MODEL.json here."""
    part: str = "test"
    """Of SPair-71k: trn, val or test."""
    size: int | None = None
    """Longer side in pixels; the model's own by default."""
    radii: tuple[float, ...] = RADII
    """Shares of the longer side of the object's box."""
    precision: Precision = "auto"
    """Of the features: bfloat16 where that is fast, or float32."""
    seed: int = 0
    """Of what is drawn."""

    def run(self, world: World) -> str:
        """Measure, write the results, and say what they are."""
        if not world.leads:
            return ""
        out, pairs = results_path("matching", self.model, self.out), read_pairs(self.data, self.part)
        model = load_model(self.model, world.device)
        given = _sized(self, model)
        generator = np.random.default_rng(self.seed)
        found = measure_matching(model, pairs, given.size, generator, self.radii, self.precision)
        rows = [
            (f"PCK@{one.radius:g} by {how}", getattr(one, f"by_{how}")) for one in found for how in ("point", "pair")
        ]
        more = {
            "pairs": len(pairs),
            "chance": {f"{one.radius:g}": one.chance for one in found},
            "by_category": {f"{one.radius:g}": one.by_category for one in found},
        }
        return _written(given, out, model, rows, more)


@dataclass(frozen=True)
class Foreground:
    """Whether the unsupervised foreground is the object: its overlap with masks (IoU), and the share of pictures in
    which the box around its largest part overlaps an object's by half (CorLoc)."""

    model: str
    """A name (embedded, untrained, dinov2-small …), hf:owner/name, a run folder or a weights file."""
    data: Path
    """PASCAL VOC as published, or a folder with images/ and masks/ of equal stems: 0 is background, 255 not asked."""
    out: Path | None = None
    """The JSON file to write; by default foreground-MODEL.json here."""
    size: int | None = None
    """Longer side in pixels; the model's own by default."""
    refined: bool = False
    """Follow the picture's edges within patches."""
    precision: Precision = "auto"
    """Of the features: bfloat16 where that is fast, or float32."""
    seed: int = 0
    """Of what is drawn."""

    def run(self, world: World) -> str:
        """Measure, write the results, and say what they are."""
        if not world.leads:
            return ""
        out, pictures = results_path("foreground", self.model, self.out), read_objects(self.data)
        model = load_model(self.model, world.device)
        given = _sized(self, model)
        generator = np.random.default_rng(self.seed)
        found = measure_foreground(model, pictures, given.size, generator, self.precision, self.refined)
        rows = [(told, one) for told, one in (("IoU", found.iou), ("CorLoc", found.corloc)) if one is not None]
        if not rows:
            raise DataError(f"{self.data} knows of no object in any picture.")
        chance = {"iou": found.everything_iou, "corloc": found.everything_corloc}
        counts = {"masks": found.masks, "boxed": found.boxed}
        return _written(given, out, model, rows, {"everything_is_object": chance} | counts)


@dataclass(frozen=True)
class Retrieval:
    """Mean average precision when pictures are sorted by cls cosine to a query: by the easy, medium and hard protocols
    of revisited Oxford and Paris where their ground truth is there, by equal labels otherwise."""

    model: str
    """A name (embedded, untrained, dinov2-small …), hf:owner/name, a run folder or a weights file."""
    data: tuple[Path, ...]
    """A folder with jpg/ and gnd_*.pkl (or .json), or images with labels: class folders, Parquet, tar shards."""
    out: Path | None = None
    """The JSON file to write; by default retrieval-MODEL.json here."""
    ground_truth: Path | None = None
    """The file with queries and answers, where it lies elsewhere."""
    size: int = 224
    """Side of the middle square in pixels; of landmarks, the longer side of the whole picture."""
    precision: Precision = "auto"
    """Of the features: bfloat16 where that is fast, or float32."""
    features: Path = Path("features")
    """Folder in which features are kept."""
    seed: int = 0
    """Of what is drawn."""

    def run(self, world: World) -> str:
        """Measure, write the results, and say what they are."""
        out, model = results_path("retrieval", self.model, self.out), load_model(self.model, world.device)
        generator, root = np.random.default_rng(self.seed), self.data[0]
        if self.ground_truth or (root.is_dir() and any(root.glob("gnd_*"))):
            known = read_landmarks(root, self.ground_truth)
            maps = KeptMaps(model, known.images, self.size, 1, self.features, world, self.precision)
            if not world.leads:
                return ""
            cls = torch.stack([maps[place].cls for place in range(len(maps))])
            asked = _query_features(model, known.queries, self.size, self.precision)
            rankings = revisited_rankings(asked, cls, known.queries, generator)
        else:
            source = open_source(*self.data, channels=model.config.channels)
            names = [source.label(place) for place in range(len(source))]
            usable = torch.tensor([place for place, name in enumerate(names) if name is not None], dtype=torch.int64)
            if len({names[place] for place in usable}) < 2:
                raise DataError(
                    f"{root} has fewer than two labels; give class folders, or landmarks with their gnd file."
                )
            bank = feature_bank(model, source, usable, self.size, self.features, world, self.precision)
            if not world.leads:
                return ""
            kept = [names[int(place)] for place in usable[bank.kept]]
            numbers = {name: number for number, name in enumerate(sorted(set(kept)))}
            labels = torch.tensor([numbers[name] for name in kept])
            rankings = [same_label_ranking(bank.cls[:, -1], labels, generator)]
        return _written(
            self, out, model, [(f"mAP, {one.told}", one.mean_precision) for one in rankings], _more(rankings)
        )


def _more(rankings: Sequence[Ranking]) -> dict[str, object]:
    return {
        "precision_at": {
            one.told: {str(first): value for first, value in one.precision_at.items()} for one in rankings
        },
        "queries": {one.told: one.queries for one in rankings},
    }


Sized = TypeVar("Sized", Segmentation, Depth, Matching, Foreground)


def _sized(given: Sized, model: VisionTransformer) -> Sized:
    """The flags, with the model's own size where none was given."""
    return replace(given, size=model.default_size) if given.size is None else given


def _query_features(model: VisionTransformer, queries: Sequence[Query], size: int, precision: Precision) -> Tensor:
    """cls of the part of each picture that is asked for, [q, D]."""
    crops = (load_image(one.image) if one.box is None else load_image(one.image).crop(one.box) for one in queries)
    return torch.stack([one.cls for one in token_maps(model, crops, size, 1, precision)])


def _written(
    given: Segmentation | Depth | Matching | Foreground | Retrieval,
    out: Path,
    model: VisionTransformer,
    rows: Sequence[tuple[str, Estimate]],
    more: Mapping[str, object],
) -> str:
    """Write the results of a task and say what they are."""
    task = type(given).__name__.lower()
    settings = {name: value for name, value in vars(given).items() if name not in ("model", "out", "data")}
    results = {
        "task": task,
        "model": about(model),
        "data": given.data,
        "settings": settings,
        "rows": [{"measure": told, "value": one.value, "interval": one[1:]} for told, one in rows],
    }
    write_results(out, results | more)
    width = max(len(told) for told, _ in rows)
    lines = [f"{told:{width}}  {one.value:.3f} ±{one.half:.3f}" for told, one in rows]
    return "\n".join(
        [*lines, "", f"± is half of the interval that covers 95 % of resampled pictures. Written to {out}."]
    )
