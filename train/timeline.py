"""`python -m train.timeline RUN --out FILE`: a run's snapshots as one small file that a page can scrub through."""

import logging
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, NamedTuple

import tyro
from PIL import Image
from tqdm import tqdm

from core import RequestError, load_image, load_model
from core.bounds import Bounds, require_bounds
from core.command import run_command
from core.files import Output
from core.pictures.gallery import samples
from core.pictures.geometry import LARGEST_SIZE
from core.pictures.listing import find_pictures
from core.records.moment import look, with_steady_colours
from core.records.runs import snapshots
from core.records.scores import curves
from core.records.timeline import (
    Timeline,
    TimelinePicture,
    continued,
    load_timeline,
    losses_of,
    save_timeline,
    shown,
)
from core.wording import counted
from train.evaluate.emergence import ScaleConfig
from train.evaluate.emergence.snapshots import score_snapshots
from train.world import SIZES, render
from train.world.names import HELD_OUT

PROGRAM = "python -m train.timeline"
log = logging.getLogger(__name__)

PHOTOGRAPHS = ("cheetah", "lion", "cat", "motorcycle", "cheetah-running")
"""Of the gallery: three faces whose parts can be followed, and something without any of them."""
SCENES = (("cat", "photo", 3), ("cat", "sketch", 3), ("giraffe", "photo", 11))
"""Category, domain and seed: a rendered animal, the same one drawn, and another."""
SCENE_SIDE = 384
LEAST_DIMS, MOST_DIMS = 16, 96


class Chosen(NamedTuple):
    """A picture to look at: what it is called, whom to thank, and its pixels."""

    name: str
    credit: str
    image: Image.Image


@dataclass(frozen=True)
class Command:
    """Look at the same pictures with every snapshot of a run, score each on the emergence scale, and keep it all in
    one file of a few megabytes. Scores are kept in RUN/emergence: stopped, the command goes on where it was."""

    run: Annotated[Path, tyro.conf.Positional]
    """The run folder."""
    out: Annotated[Path, Output.FILE]
    """The file to write, such as timeline.safetensors."""
    images: tuple[str, ...] = ()
    """Files or folders to look at, instead of sample photographs and rendered scenes."""
    after: Path | None = None
    """The timeline of the run that this one went on from: its steps come first, and this one's are counted on."""
    title: str = ""
    """Title of the run on the page; by default its folder's name."""
    size: Annotated[int, Bounds(1, LARGEST_SIZE)] = 336
    """Longer side in pixels at which the pictures are looked at."""
    megabytes: Annotated[float, Bounds(0, 10**6, above=True)] = 4.0
    """Size of the file at most: decides how many dimensions of the features are kept."""
    scale_images: Annotated[int, Bounds(0, 10**6)] = 300
    """Rendered pictures that each snapshot is scored on; 0 for no scores, otherwise 60 or more."""
    scale_size: Annotated[int, Bounds(SIZES[0], SIZES[-1])] = 224
    workers: Annotated[int, Bounds(1, 1024)] = 1
    """Processes that render."""

    def __post_init__(self):
        require_bounds(self, "--")


def make_timeline(command: Command) -> Timeline:
    """The timeline that the command writes. RequestError where the run has no snapshots, DinoError where one cannot be used."""
    found = snapshots(command.run)
    if not found:
        raise RequestError(f"{command.run} holds no snapshots; train with --log.snapshots, or give another run folder.")
    scale = (
        ScaleConfig(command.scale_images, command.scale_size, workers=command.workers) if command.scale_images else None
    )
    before = load_timeline(command.after) if command.after else None
    chosen = _given(command.images) if command.images else _usual()
    if scale is not None:
        log.info("%d snapshots scored now", score_snapshots(command.run, scale))
    patch = load_model(next(iter(found.values()))).config.patch
    pictures = tuple(shown(one.name, one.credit, one.image, command.size, patch) for one in chosen)
    kept = len(found) + (len(before.moments) if before else 0)
    dims = fitting_dims(pictures, kept, command.megabytes)
    moments = [
        look(load_model(path), [one.image for one in chosen], command.size, patch, dims, step)
        for step, path in tqdm(found.items(), desc="looking", unit="snapshot")
    ]
    timeline = Timeline(
        command.title or command.run.resolve().name,
        command.size,
        pictures,
        tuple(with_steady_colours(moments)),
        tuple(curves(command.run)) if scale is not None else (),
        losses_of(command.run),
    )
    return timeline if before is None else continued(before, timeline)


def fitting_dims(pictures: Sequence[TimelinePicture], moments: int, megabytes: float) -> int:
    """The number of dimensions of the features that fit beside the pictures (30 kB each), the colours and the scores."""
    patches = sum(one.patches for one in pictures)
    room = megabytes * 1e6 - 30_000 * len(pictures) - 4 * patches * moments - 100_000
    fitting = int(room / (patches * moments))
    if fitting < LEAST_DIMS:
        raise RequestError(
            f"{moments} snapshots of {patches} patches do not fit {megabytes:g} MB with {LEAST_DIMS} dimensions or "
            "more; give fewer --images, a smaller --size, or more --megabytes."
        )
    return min(fitting, MOST_DIMS)


def _usual() -> list[Chosen]:
    here = {sample.name: sample for sample in samples()}
    photographs = [
        Chosen(sample.title, sample.credit, load_image(sample.path))
        for sample in (here[name] for name in PHOTOGRAPHS if name in here)
    ]
    scenes = [
        Chosen(
            f"A rendered {category}" + ("" if domain == "photo" else f", {domain}"),
            "this project's small world",
            Image.fromarray(render(HELD_OUT + seed, category, domain, SCENE_SIDE).image),
        )
        for category, domain, seed in SCENES
    ]
    return photographs + scenes


def _given(images: Sequence[str]) -> list[Chosen]:
    pictures, problems = find_pictures(images)
    if problems or not pictures:
        raise RequestError(" ".join(problems) or "No picture was given; name files or folders after --images.")
    return [Chosen(Path(one.name).stem, "", load_image(one.path)) for one in pictures]


def main(words: list[str]) -> int:
    """Run the command with a command line; the exit status."""
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")

    def work(command: Command) -> None:
        timeline = make_timeline(command)
        path = save_timeline(timeline, command.out)
        last = timeline.moments[-1]
        print(
            f"{counted(len(timeline.moments), 'step')} of {counted(len(timeline.pictures), 'picture')} in {path}: "
            f"{path.stat().st_size / 1e6:.1f} MB, {len(last.scales)} dimensions, cosines within {last.error:.3f} at "
            f"step {last.step}."
        )

    return run_command(PROGRAM, lambda: tyro.cli(Command, args=words, prog=PROGRAM), work)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
