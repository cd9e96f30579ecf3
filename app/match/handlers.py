"""The Match tab's answers: pairs of patches, shared parts, a region carried over. Plain functions, without Gradio.

h w patch grid. The first of two to six pictures is the reference unless another is chosen.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import torch
from torch import Tensor

from app.server.encode import Encoded, encode_selection, features_key
from app.server.engine import Engine
from app.server.models import Loaded
from app.server.session import NOTHING_SENT, FeatureSettings, Pin, Sent, Tray
from app.server.trays import gallery
from app.server.uploads import add_bytes
from core import RequestError
from core.analysis.matching import Matches, match, object_masks, region_of, transfer_region
from core.analysis.segments import segments
from core.pictures.gallery import rendered, samples
from core.wording import counted

MOST = 6
"""Pictures matched together: a reference and five others still fit on a screen with lines between them."""
SHOWS = ("Lines", "Dots", "Parts")
PHOTOGRAPHS = {"One motorcycle, two cameras": ("motorcycle", "motorcycle-right")}
"""Examples that open at one click: sample photographs by name. A test holds that the shipped model gets these right."""
WORLD = {
    "Elephants, as photographs and drawn": ("elephant_000004.webp", "elephant_000084.webp", "elephant_000124.webp")
}
"""The same of rendered pictures, by file: other animals, other views, another domain."""
EXAMPLE = "This is the example “{name}”: your selection in the tray stays as it is."
NEEDS_TWO = "Two pictures are needed: select a second one in the tray."


@dataclass(frozen=True)
class MatchSettings(FeatureSettings):
    """Every control of the tab by name, beside the resolution and the block of the whole page."""

    show: str = SHOWS[0]
    density: float = 0.35
    mutual: bool = True
    inside: bool = True
    """Whether matches and parts stay inside the foreground."""
    smoothing: int = 1
    parts: int = 4

    def __post_init__(self):
        if self.show not in SHOWS:
            raise RequestError(f"show is {self.show!r}; choose from {', '.join(SHOWS)}.")


@dataclass(frozen=True)
class Region:
    """A region drawn by a visitor: the picture's id and the outline as (x, y) shares of it."""

    picture: str
    outline: tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Carried:
    """A region on its own picture and where it is in the others: masks [h, w] bool, in the pictures' order."""

    source: int
    masks: list[Tensor]


@dataclass(frozen=True)
class MatchScreen:
    """The next state of the tab, and which parts of it the browser does not have yet."""

    encoded: Encoded
    reference: int
    pairs: dict[int, Matches]
    """By number of the other picture; only those that start in the region, where one is drawn on the reference."""
    labels: list[Tensor] | None
    """[h, w] int64 for each picture, −1 outside; where parts are shown."""
    carried: Carried | None
    region: Region | None
    """As it was drawn, where its picture is still matched."""
    facts: str
    sent: Sent
    new_pictures: bool
    new_features: bool


def settings_of(values: dict) -> MatchSettings:
    """The settings from the values of widgets, by name."""
    whole = ("size", "block", "smoothing", "parts")
    return MatchSettings(**(values | {name: int(values[name]) for name in whole if name in values}))


def selection(tray: Tray) -> Tray:
    """The tray with no more selected than are matched together."""
    return replace(tray, selected=tuple(picture.id for picture in tray.chosen[:MOST]))


def region_from(picture: str, points: list) -> Region:
    """A region as the browser tells it; RequestError where it is no outline."""
    try:
        outline = tuple((float(x), float(y)) for x, y in points[:2000])
        if not all(math.isfinite(x) and math.isfinite(y) for x, y in outline):
            raise ValueError("not finite")
        return Region(picture, outline)
    except (TypeError, ValueError, OverflowError):
        raise RequestError("That was no outline: draw around a part of a picture.") from None


def examples() -> list[str]:
    """The examples whose pictures are all here."""
    photographs, files = {sample.name for sample in samples()}, {one.path.name for one in rendered()}
    offered = [name for name, wanted in PHOTOGRAPHS.items() if photographs.issuperset(wanted)]
    return offered + [name for name, wanted in WORLD.items() if files.issuperset(wanted)]


def matched(engine: Engine, tray: Tray, pin: Pin | None = None) -> Tray:
    """The tray whose pictures are matched: a visitor's own once they have chosen or pinned something.

    Until then it is one of the first example alone, with ids that no tray of a visitor has, and theirs stays as it is.
    """
    offered = examples()
    if not (offered and tray.untouched and pin is None):
        return tray
    example = open_example(engine, Tray(tray.visitor), offered[0])
    pictures = tuple(replace(picture, id=f"example-{picture.id}") for picture in example.pictures)
    return replace(example, pictures=pictures, selected=tuple(picture.id for picture in pictures))


def open_example(engine: Engine, tray: Tray, name: str) -> Tray:
    """The tray with an example's pictures in it and nothing else selected; RequestError for one that is not offered."""
    if name not in examples():
        raise RequestError(f"There is no example {name!r}; choose from {', '.join(examples())}.")
    tray = replace(tray, selected=())
    if name in PHOTOGRAPHS:
        digests = dict(gallery(engine))
        for wanted in PHOTOGRAPHS[name]:
            tray = tray.add(wanted, digests[wanted], sample=True)
        return tray
    paths = {one.path.name: one.path for one in rendered()}
    for wanted in WORLD[name]:
        tray = add_bytes(engine.library, tray, paths[wanted].read_bytes(), wanted)
    return tray


def show(
    engine: Engine,
    tray: Tray,
    model: Loaded,
    settings: MatchSettings,
    *,
    reference: str = "",
    region: Region | None = None,
    sent: Sent = NOTHING_SENT,
) -> MatchScreen:
    """The matches that the settings ask for; RequestError where fewer than two pictures are selected."""
    left_out = tray.chosen[MOST:]
    tray = selection(tray)
    if len(tray.chosen) < 2:
        raise RequestError(NEEDS_TWO)
    encoded = encode_selection(engine, tray, model, settings)
    features = features_key(tray, model, settings)
    first = encoded.ids.index(reference) if reference in encoded.ids else 0
    masks = (
        engine.painted.recall(("objects", features), lambda: object_masks(encoded.maps)) if settings.inside else None
    )
    pairs = _pairs(engine, encoded, features, first, masks, settings)
    carried = _carried(encoded, region, settings.smoothing)
    if carried is not None and carried.source == first:
        pairs = {other: _starting_in(carried.masks[first], found) for other, found in pairs.items()}
    labels = None
    if settings.show == "Parts":
        labels = engine.painted.recall(
            ("parts", features, settings.parts, settings.inside),
            lambda: segments(encoded.maps, settings.parts, inside=masks).labels,
        )
    facts = [_facts(encoded, first, pairs, labels, carried)]
    if left_out:
        facts.append(f"{MOST} pictures are matched at most: {', '.join(p.name for p in left_out)} left out.")
    return MatchScreen(
        encoded=encoded,
        reference=first,
        pairs=pairs,
        labels=labels,
        carried=carried,
        region=None if carried is None else region,
        facts=" ".join(facts),
        sent=Sent(features[:2], features),
        new_pictures=sent.pictures != features[:2],
        new_features=sent.features != features,
    )


def _pairs(
    engine: Engine,
    encoded: Encoded,
    features: tuple,
    first: int,
    masks: Sequence[Tensor] | None,
    settings: MatchSettings,
) -> dict[int, Matches]:
    """The reference with each other picture; each pair is kept, so that another density of one compares no other."""
    density, mutual, smoothing = settings.density, settings.mutual, settings.smoothing

    def matched(other: int) -> Matches:
        foreground = None if masks is None else [masks[first], masks[other]]
        pair = encoded.maps[first], encoded.maps[other]
        return match(*pair, foreground=foreground, density=density, mutual=mutual, smoothing=smoothing)

    key = ("matches", features, settings.inside, density, mutual, smoothing)
    others = [index for index in range(len(encoded.ids)) if index != first]
    return {other: engine.painted.recall((*key, first, other), partial(matched, other)) for other in others}


def _carried(encoded: Encoded, region: Region | None, smoothing: int) -> Carried | None:
    """The region in every picture; None where there is none, or its picture is not matched any more."""
    if region is None or region.picture not in encoded.ids:
        return None
    source = encoded.ids.index(region.picture)
    own = encoded.maps[source]
    outline = [(x * own.geometry.width, y * own.geometry.height) for x, y in region.outline]
    mask = region_of(own, outline)
    others = [one for index, one in enumerate(encoded.maps) if index != source]
    if mask.all():  # then what is most similar lies inside, whatever it is
        masks = [torch.ones(one.grid, dtype=torch.bool) for one in others]
    else:
        masks = [margin > 0 for margin in transfer_region(own, others, mask, smoothing)]
    return Carried(source, [*masks[:source], mask, *masks[source:]])


def _starting_in(mask: Tensor, found: Matches) -> Matches:
    kept = mask[found.patches_a[:, 0], found.patches_a[:, 1]]
    return Matches(*(getattr(found, name)[kept] for name in Matches.__dataclass_fields__))


def _facts(
    encoded: Encoded, first: int, pairs: dict[int, Matches], labels: list[Tensor] | None, carried: Carried | None
) -> str:
    """One line of numbers that belong to what is shown."""
    names = encoded.names
    if carried is not None:
        own = int(carried.masks[carried.source].sum())
        found = [f"{names[i]} {mask.float().mean():.0%}" for i, mask in enumerate(carried.masks) if i != carried.source]
        return f"The region, {counted(own, 'patch', 'patches')} of {names[carried.source]}, covers of the others: {', '.join(found)}."
    if labels is not None:
        sizes = torch.bincount(torch.cat([one[one >= 0] for one in labels]))
        return "Sizes of the parts: " + ", ".join(f"{share:.0%}" for share in (sizes / sizes.sum()).tolist()) + "."
    counts = ", ".join(f"{len(found)} in {names[other]}" for other, found in pairs.items())
    return f"Matches of {names[first]}: {counts}."
