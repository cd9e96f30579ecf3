"""Images of any source → their vectors on disk: the cls token after the final norm, at unit length."""

import logging
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F
from tqdm import tqdm

from core import Geometry, ImageError, VisionTransformer, load_image, load_model
from core.features import batch_patches, extract_stream, preprocess_for, require_pictures
from core.files import write_whole
from core.pictures.ahead import ahead
from core.pictures.geometry import plan_grid
from core.pictures.names import as_text
from core.wording import counted
from train import dist
from train.curate.config import EmbedConfig
from train.curate.embeddings import (
    SETS,
    ImageRow,
    VectorFile,
    part_size,
    parts_of,
    required_embeddings,
    set_folder,
    set_settings,
    write_part,
)
from train.curate.folder import CurationError, Parts, Record, key_of, prepare, required_record, write_record
from train.data.sources import DataError, Files, Joined, Source, open_source
from train.dist import World

log = logging.getLogger(__name__)

UNREADABLE = "unreadable.txt"


class Given(NamedTuple):
    """The images of one set: the paths that were given for it, and what lies there."""

    paths: Sequence[Path]
    """Absolute."""
    sources: Sequence[Source]
    """Of each path."""
    source: Source
    """All of them, one after the other."""
    starts: Sequence[int]
    """Rows at which each path begins."""

    def path_of(self, row: int) -> int:
        return int(np.searchsorted(self.starts, row, side="right")) - 1


class _Prepared(NamedTuple):
    row: ImageRow
    shown: tuple[Tensor, Geometry] | None
    """None where the image could not be read."""


def open_given(paths: Sequence[Path]) -> Given:
    """The images under the paths of one set. DataError where one of them holds no images."""
    paths = [Path(path).absolute() for path in paths]
    sources = [open_source(path) for path in paths]
    starts = np.cumsum([0, *(len(source) for source in sources[:-1])]).tolist()
    return Given(paths, sources, sources[0] if len(sources) == 1 else Joined(sources), starts)


def embed(root: Path, sets: Mapping[str, Sequence[Path]], config: EmbedConfig, world: World) -> Record:
    """Vectors of all images of each set (of `SETS`, those without a path left out). Every rank calls it.

    An image that cannot be read keeps its row, with zeros and the reason. Raises DataError for a source that cannot
    be read, or of which no image can, ModelError for the model, CurationError where `root` holds vectors of other images.
    """
    given = {name: open_given(sets[name]) for name in SETS if sets.get(name)}
    model = load_model(config.model, str(world.device))
    require_pictures(model)
    plan_grid(1, 1, config.size, model.config.patch)
    made = {
        "model": model.loaded_from().name,
        "weights": model.loaded_from().sha256,
        "size": config.size,
        "precision": config.precision,
    }
    settings = {
        name: set_settings(
            len(one.source), made | {"paths": list(map(str, one.paths)), "files": fingerprint(one.source)}
        )
        for name, one in given.items()
    }
    for name, one in given.items():
        prepare(set_folder(root, name), settings[name], world, what="vectors")
        _embed_set(set_folder(root, name), name, one, model, config, world)
    dist.wait()
    if world.leads:
        found = {name: {"images": len(one.source), "paths": list(map(str, one.paths))} for name, one in given.items()}
        files = all(isinstance(source, Files) for one in given.values() for source in one.sources)
        write_record(root, "embed", key_of(settings), {"sets": found, "files": files} | made)
        _list_unreadable(root, list(given))
    dist.wait()
    for name in given:
        _require_readable(root, name)
    return required_record(root, "embed")


def adopt(root: Path, sets: Mapping[str, np.ndarray], rows: Mapping[str, Sequence[ImageRow]] | None = None) -> None:
    """Vectors made elsewhere, as if `embed` had made them: for each set [n, D] float, and what its images are.

    Without `rows` an image is called by its number. Vectors are brought to unit length.
    """
    alone = World(0, 1, torch.device("cpu"))
    for name, vectors in sets.items():
        folder, images = set_folder(root, name), len(vectors)
        prepare(folder, set_settings(images, {"model": "elsewhere"}), alone, what="vectors")
        file, part = VectorFile(folder / "vectors.npy", images, vectors.shape[1], alone), part_size(images)
        parts = Parts(folder / "images", parts_of(images, part))
        for number in range(parts.count):
            places = range(number * part, min((number + 1) * part, images))
            these = np.asarray(vectors[places.start : places.stop], dtype=np.float32)
            if not np.isfinite(these).all():
                raise CurationError(f"The vectors of {name} hold NaN or infinity; give finite ones.")
            these = these / np.linalg.norm(these, axis=1, keepdims=True).clip(1e-12)
            file.write(places.start, these)
            known = rows[name] if rows else None
            plain = (known[n] if known else ImageRow(f"{name}-{n}", 0, None, 0, 0, 0, None) for n in places)
            write_part(parts, number, list(plain), these)
    found = {"sets": {name: {"images": len(vectors), "paths": []} for name, vectors in sets.items()}}
    write_record(root, "embed", key_of({name: vectors.shape for name, vectors in sets.items()}), found)


def fingerprint(source: Source) -> str:
    """Of the names, sizes and times of the files that a source reads."""
    return key_of([_state(file) for file in source.files])


def _state(file: Path) -> tuple[str, int, int]:
    try:
        state = file.stat()
    except OSError:  # named in a list, and not there: it is counted among the unreadable
        return str(file), -1, -1
    return str(file), state.st_size, state.st_mtime_ns


def _embed_set(
    folder: Path, name: str, given: Given, model: VisionTransformer, config: EmbedConfig, world: World
) -> None:
    images = len(given.source)
    part = part_size(images)
    parts = Parts(folder / "images", parts_of(images, part))
    file = VectorFile(folder / "vectors.npy", images, model.config.width, world)
    missing = parts.missing(world)
    total = sum(min(part, images - number * part) for number in missing)
    with tqdm(total=total, desc=f"embed {name}", unit=" images", disable=not (world.leads and total)) as bar:
        for number in missing:
            places = range(number * part, min((number + 1) * part, images))
            rows, vectors = _embed_part(given, places, model, config, bar)
            file.write(places.start, vectors)
            write_part(parts, number, rows, vectors)


def _embed_part(
    given: Given, places: range, model: VisionTransformer, config: EmbedConfig, bar: tqdm
) -> tuple[list[ImageRow], np.ndarray]:
    """Rows and vectors [m, D] of consecutive images."""
    vectors = np.zeros((len(places), model.config.width), dtype=np.float32)
    rows: list[ImageRow] = []
    reading: deque[int] = deque()
    batch = batch_patches(model) // max(1, (config.size // model.config.patch) ** 2)

    def prepared() -> Iterator[tuple[Tensor, Geometry]]:
        def make(place: int) -> _Prepared:
            return _prepare(given, place, model, config.size)

        for _, future in ahead(make, places, config.threads, 2 * config.threads + batch):
            one = future.result()
            rows.append(one.row)
            bar.update()
            if one.shown is not None:
                reading.append(len(rows) - 1)
                yield one.shown

    for feature_map in extract_stream(model, prepared(), config.size, precision=config.precision):
        place, cls = reading.popleft(), feature_map.cls
        if bool(cls.isfinite().all()):
            vectors[place] = F.normalize(cls, dim=0).numpy()
        else:
            rows[place] = rows[place]._replace(problem="The model's features of it are not finite.")
    return rows, vectors


def _prepare(given: Given, place: int, model: VisionTransformer, size: int) -> _Prepared:
    name, path = as_text(given.source.name(place)), given.path_of(place)
    try:
        encoded = given.source.read(place)
        image = load_image(encoded.data)
    except ImageError as error:
        return _Prepared(ImageRow(name, path, None, 0, 0, 0, str(error)), None)
    row = ImageRow(name, path, encoded.label, image.height, image.width, len(encoded.data), None)
    return _Prepared(row, preprocess_for(model, image, size))


def _list_unreadable(root: Path, names: Sequence[str]) -> None:
    """Write the list of unreadable images, one a line, and a sentence into the log."""
    lines = []
    for name in names:
        embeddings = required_embeddings(root, name)
        unreadable = np.setdiff1d(np.arange(len(embeddings)), embeddings.readable)
        lines += [f"{name}\t{row.name}\t{' '.join((row.problem or '').split())}" for row in embeddings.rows(unreadable)]
    text = "".join(f"{line}\n" for line in lines)
    write_whole(root / "embeddings" / UNREADABLE, text.encode("utf-8", "backslashreplace"))
    if lines:
        lost = counted(len(lines), "image cannot be read; it is", "images cannot be read; they are")
        log.warning("%s listed in %s", lost, root / "embeddings" / UNREADABLE)


def _require_readable(root: Path, name: str) -> None:
    embeddings = required_embeddings(root, name)
    if not len(embeddings.readable):
        (first,) = embeddings.rows(np.zeros(1))
        raise DataError(
            f"None of the {len(embeddings)} images of the set {name} can be read; are these pictures?\n"
            f"  {first.name}: {first.problem}"
        )
