"""The emergence scale along a run: every snapshot scored on the same pictures, each once."""

import logging
import time
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

from core import RequestError, VisionTransformer, load_model
from core.files import file_sha256
from core.pictures.geometry import plan_grid
from core.records.runs import scores_path, snapshots
from core.records.scores import read_scores
from train.evaluate.emergence.features import colour_encoder, model_encoder, position_encoder
from train.evaluate.emergence.scale import Column, ScaleConfig, measure
from train.evaluate.emergence.table import as_json
from train.evaluate.emergence.world_set import FIRST_SEED, Known, render_set
from train.evaluate.results import about, write_results

log = logging.getLogger(__name__)


def score_snapshots(run: Path, config: ScaleConfig) -> int:
    """Write the scores of every snapshot that has none of these pictures yet; how many were written.

    Those of the first snapshot have colour alone and position alone beside them, which are the same for all. Stopped
    and called again, it goes on with the next snapshot.
    """
    found = snapshots(run)
    absent = [step for step, path in found.items() if not _is_scored(run, step, path, config)]
    pictures: list[Known] = []
    for number, step in enumerate(absent, start=1):
        started, model = time.perf_counter(), load_model(found[step])
        grid = plan_grid(config.size, config.size, config.size, model.config.patch).rows
        pictures = pictures or render_set(config.images, config.size, grid, config.seed, config.workers)
        columns = _columns(model, f"step {step}", pictures, config.size, config.seed, grid, step == min(found))
        seconds = time.perf_counter() - started
        results = {
            "task": "emergence",
            "model": about(model),
            "pictures": _pictures(config),
            "data": (),
            "seconds": round(seconds, 1),
            "rows": as_json(columns),
        }
        path = scores_path(run, step)
        path.parent.mkdir(exist_ok=True)
        write_results(path, results)
        log.info("step %d scored, %d of %d, %.0f s", step, number, len(absent), seconds)
    return len(absent)


def _columns(
    model: VisionTransformer, name: str, pictures: Sequence[Known], size: int, seed: int, grid: int, baselines: bool
) -> list[Column]:
    encode = {name: model_encoder(model, size)}
    if baselines:
        encode |= {"colour": colour_encoder(grid), "position": position_encoder(grid)}
    return [Column(name, measure(one, pictures, size, seed)) for name, one in encode.items()]


def _is_scored(run: Path, step: int, snapshot: Path, config: ScaleConfig) -> bool:
    path = scores_path(run, step)
    if not path.is_file():
        return False
    try:
        found = read_scores(path)
    except RequestError as error:
        log.warning("Scored anew: %s", error)
        return False
    return found.pictures == _pictures(config) and found.sha256 == file_sha256(snapshot)


def _pictures(config: ScaleConfig) -> dict:
    """The settings that decide the pictures, whoever renders them."""
    same = replace(config, baselines=False, workers=1)
    return asdict(same) | {"first_seed": FIRST_SEED}
