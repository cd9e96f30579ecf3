"""Pictures → files of their features, from the command line: `python -m core.export --help`.

Threads decode and resize what comes next while the model computes; pictures pass through, they are never all held.
"""

import os
import sys
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal, Protocol

import tyro
from torch import Tensor
from tqdm import tqdm

from core.bounds import Bounds, require_bounds
from core.command import run_command
from core.errors import AnalysisError, ImageError, RequestError
from core.features import FeatureMap, batch_patches, extract_stream, preprocess_for, require_pictures
from core.files import Output
from core.model.precision import Precision
from core.model.vit import VisionTransformer
from core.pictures.ahead import ahead
from core.pictures.geometry import LARGEST_SIZE, Geometry, plan_grid
from core.pictures.image import load_image
from core.pictures.listing import Picture, find_pictures
from core.records.feature_files import FeatureFolder, Number, Settings, Which
from core.weights.load import load_model
from core.wording import counted

PROGRAM = "python -m core.export"
Prepared = tuple[Tensor, Geometry]


@dataclass(frozen=True, kw_only=True)
class Export:
    """Write the features of pictures to files: what a DINOv2 or DINOv3 says of every patch, and of the whole.

    IMAGES are picture files, folders (searched all the way down, hidden ones left out) and lists of either (@list.txt,
    a path a line, relative to the list's own folder; lines that begin with # are skipped).

        python -m core.export photos --model dinov2-small --out features
        python -m core.export @list.txt --model dinov2-base-reg --out features --features cls --format parquet

    Running the same command again goes on where it stopped: pictures whose features are there, made with the same
    model, layer, size and so on, are skipped. The exit status is 1 if there is nothing to show at the end.
    """

    images: Annotated[tuple[str, ...], tyro.conf.Positional, tyro.conf.arg(metavar="[IMAGES ...]")] = ()
    """Picture files, folders, or @list.txt."""
    out: Annotated[Path, Output.FOLDER]
    """Folder to write to; it is made if it is not there, and mirrors the folders that were given."""
    model: str = "embedded"
    """embedded, untrained, dinov2-{small,base,large,giant} with or without -reg,
    dinov3-{small,small-plus,base,large,huge-plus,7b}, hf:owner/name, or a path."""
    list: Annotated[Path | None, tyro.conf.arg(metavar="FILE")] = None
    """A file that names one picture or folder a line, relative to its own folder; the same as @FILE."""
    features: Which = "both"
    """Features to write: the patches, the cls token, or both."""
    layer: Annotated[int, Bounds(-256, 255)] = -1
    """Block after which the features are taken, from 0, or from the end with -1 for the last."""
    size: Annotated[int | None, Bounds(1, LARGEST_SIZE)] = None
    """Longer side in pixels at which pictures are shown to the model, rounded to its patches; the model's own
    (518 for DINOv2's, 512 for DINOv3's) where none is given."""
    format: Literal["safetensors", "parquet"] = "safetensors"
    """One safetensors file a picture, or one table features.parquet for all."""
    dtype: Number = "float16"
    """Number format in the files; float16 keeps three digits in half the space."""
    alpha: Literal["white", "black"] = "white"
    """Colour behind transparent parts."""
    precision: Precision = "auto"
    """Precision of the computation; auto is bfloat16 where the processor is faster with it."""
    device: Annotated[str | None, tyro.conf.arg(metavar="NAME")] = None
    """cpu, cuda, mps; the fastest that is there by default."""
    threads: Annotated[int, Bounds(1, 1024)] = min(8, os.cpu_count() or 1)
    """Pictures decoded side by side."""

    def __post_init__(self):
        require_bounds(self, "--")


class Store(Protocol):
    """A store of features. Whatever was written stays valid at every moment, `kill -9` included."""

    def pending(self, pictures: Sequence[Picture]) -> list[Picture]: ...

    def write(self, picture: Picture, feature_map: FeatureMap) -> None: ...

    def pause(self) -> None: ...

    def finish(self) -> None: ...


@dataclass
class ExportResult:
    """The outcome of an export."""

    kept: int = 0
    """Pictures whose features were there already."""
    written: int = 0
    refused: list[str] = field(default_factory=list)
    """A sentence for each picture or folder that could not be used."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; the exit status, as `core.command` has it, and 1 where there is nothing to show."""
    return run_command(PROGRAM, lambda: tyro.cli(Export, prog=PROGRAM, args=arguments), _reported)


def _reported(options: Export) -> int:
    """The exit status of an export that was done; where it was broken off, what was done before is told first."""
    result = ExportResult()
    try:
        run(options, result)
    except (KeyboardInterrupt, OSError):
        _print_refused(result)
        print(
            f"Stopped after {counted(result.written, 'picture')}; their features are in {options.out}. "
            "Run the same command again to go on from here.",
            file=sys.stderr,
        )
        raise
    _print_refused(result)
    there = f" ({result.kept} were there already)" if result.kept else ""
    print(f"Wrote the features of {counted(result.written, 'picture')} to {options.out}{there}.")
    return 0 if result.written + result.kept else 1


def run(options: Export, result: ExportResult) -> None:
    """Export as `options` say, noting in `result` what happens, so that it is known after an interruption too.

    Raises DinoError where a model, a list file, a size or a layer cannot be used, or no pictures are given.
    """
    names = [*options.images, *([f"@{options.list}"] if options.list else [])]
    pictures, result.refused = find_pictures(names)
    if not pictures:
        raise RequestError(" ".join(result.refused) or "No pictures are given; name files, folders or @list.txt.")
    model = load_model(options.model, options.device)
    require_pictures(model)
    size = model.default_size if options.size is None else options.size
    plan_grid(1, 1, size, model.config.patch)
    store = _store(options, model, size)
    todo = store.pending(pictures)
    result.kept = len(pictures) - len(todo)
    try:
        _export(model, size, todo, store, options, result)
    except BaseException:
        store.pause()
        raise
    store.finish()


def _store(options: Export, model: VisionTransformer, size: int) -> Store:
    depth = model.config.depth
    if not -depth <= options.layer < depth:
        raise RequestError(f"layer is {options.layer}; this model has blocks 0 to {depth - 1} (or -{depth} to -1).")
    assert model.source is not None  # `load_model` says it of every model
    settings = Settings(
        weights=model.source.sha256 or model.source.name,
        layer=options.layer % depth - depth,
        size=size,
        features=options.features,
        dtype=options.dtype,
        alpha=options.alpha,
        precision=options.precision,
    )
    options.out.mkdir(parents=True, exist_ok=True)
    if options.format == "safetensors":
        return FeatureFolder(options.out, settings)
    # here, since whoever writes single files can do without pyarrow
    from core.records.feature_table import FeatureTable

    return FeatureTable(options.out, settings, model.config.width, model.source.name)


def _export(
    model: VisionTransformer, size: int, todo: list[Picture], store: Store, options: Export, result: ExportResult
) -> None:
    def prepare(picture: Picture) -> Prepared:
        return preprocess_for(model, load_image(picture.path, alpha=options.alpha), size)

    read: deque[Picture] = deque()
    # as many as a batch takes should be ready when the model has finished one
    batch = batch_patches(model) // (size // model.config.patch) ** 2
    # a log file gets a line now and then, a terminal a moving bar
    pause = 0.1 if sys.stderr.isatty() else 10
    with tqdm(total=len(todo), unit=" images", mininterval=pause, maxinterval=pause, disable=not todo) as bar:

        def readable() -> Iterator[Prepared]:
            for picture, prepared in ahead(prepare, todo, options.threads, 2 * options.threads + batch):
                error = prepared.exception()
                if isinstance(error, ImageError):
                    result.refused.append(str(error))
                    bar.update()
                else:
                    read.append(picture)
                    yield prepared.result()

        stream = extract_stream(model, readable(), size, layer=options.layer, precision=options.precision)
        for feature_map in stream:
            picture = read.popleft()
            bar.update()
            try:
                store.write(picture, feature_map)
            except AnalysisError as error:
                result.refused.append(f"{picture.label}: {error}")
            else:
                result.written += 1


def _print_refused(result: ExportResult) -> None:
    if result.refused:
        print(f"\n{len(result.refused)} could not be used:", file=sys.stderr)
        print(*(f"  {reason}" for reason in result.refused), sep="\n", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
