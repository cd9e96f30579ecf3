"""Long work on many images, cut into chunks that are kept: what was done stays done, and processes share the rest.

FOLDER/chunk-00000.safetensors     complete: it is written under another name first
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from torch import Tensor
from tqdm import tqdm

from core.errors import DamagedError
from core.tensor_files import read_tensors, save_tensors
from train import dist

log = logging.getLogger(__name__)


def kept_chunks(
    folder: Path,
    chunks: Sequence[Tensor],
    compute: Callable[[Tensor], Mapping[str, Tensor]],
    world: dist.World,
    title: str = "features",
) -> list[Path]:
    """A file for each chunk, with the tensors that `compute` gives for it; computed where there is none yet, or a
    damaged one.

    Every process calls it, computes its share, and gets all when all are done.
    """
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"chunk-{number:05}.safetensors" for number in range(len(chunks))]
    mine = [number for number in range(world.rank, len(paths), world.size) if not _is_whole(paths[number])]
    for number in tqdm(mine, desc=title, unit=f"{len(chunks[0])} images", disable=not mine or not world.leads):
        found = {name: tensor.contiguous() for name, tensor in compute(chunks[number]).items()}
        save_tensors(found, paths[number])
    dist.wait()
    return paths


def _is_whole(path: Path) -> bool:
    try:
        read_tensors(path)
    except FileNotFoundError:
        return False
    except DamagedError as error:
        log.warning("Computed anew: %s", error)
        return False
    return True
