"""The catalogue: for every category how it is built, where it is found and how it is looked at."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from train.world import aircraft, birds, boats, fishes, furniture, mammals, vehicles
from train.world.shapes import Builder

LAND = ("garden", "meadow", "hills", "beach", "desert", "savanna", "snow", "street", "road", "room", "studio", "studio")
AIR = ("sky", *LAND)
AFLOAT = ("sea", "lake", "shallows", "studio", "beach")
SUNKEN = ("reef", "deep", "studio")


class Kind(NamedTuple):
    """A category: `settings` is where it is found, `elsewhere` where it may be all the same, `view` is the usual angle in degrees between where it looks and the camera, `fill` the share of
    the picture that it spans, `grain` the size in metres of what the ground under it is made of, `friends` what else is found beside it."""

    build: Callable[[Builder, np.random.Generator], None]
    settings: tuple[str, ...]
    view: float = 52.0
    fill: tuple[float, float] = (0.45, 0.92)
    grain: float = 1.0
    friends: tuple[str, ...] = ()
    elsewhere: tuple[str, ...] = LAND


CATALOGUE = {
    "cat": Kind(mammals.cat, ("garden", "room", "meadow", "room"), 46, grain=0.3, friends=("dog",)),
    "dog": Kind(mammals.dog, ("garden", "meadow", "beach", "snow", "room"), 50, grain=0.4, friends=("cat",)),
    "horse": Kind(mammals.horse, ("meadow", "hills", "beach", "snow"), 62, grain=1.5),
    "giraffe": Kind(mammals.giraffe, ("savanna", "savanna", "desert"), 60, grain=2.5, friends=("elephant",)),
    "elephant": Kind(mammals.elephant, ("savanna", "savanna", "desert", "hills"), 52, grain=2.5, friends=("giraffe",)),
    "songbird": Kind(birds.songbird, ("garden", "meadow", "snow", "sky"), 58, grain=0.12, elsewhere=AIR),
    "duck": Kind(birds.duck, ("lake", "lake", "meadow", "snow"), 60, grain=0.25, elsewhere=AIR),
    "owl": Kind(birds.owl, ("garden", "snow", "hills"), 30, grain=0.25, elsewhere=AIR),
    "heron": Kind(birds.heron, ("beach", "meadow", "shallows"), 65, grain=0.5, friends=("duck",), elsewhere=AIR),
    "fish": Kind(fishes.fish, ("reef",), 72, grain=0.3, elsewhere=SUNKEN),
    "shark": Kind(fishes.shark, ("reef", "deep"), 62, grain=1.2, elsewhere=SUNKEN),
    "car": Kind(vehicles.car, ("street", "road", "desert", "snow"), 48, grain=3.0, friends=("truck", "bus")),
    "truck": Kind(vehicles.truck, ("street", "road", "desert"), 48, grain=4.0, friends=("car", "bus")),
    "bus": Kind(vehicles.bus, ("street", "street", "road", "snow"), 46, grain=4.0, friends=("car", "truck")),
    "aeroplane": Kind(
        aircraft.aeroplane, ("sky", "sky", "road", "meadow"), 52, grain=5.0, friends=("helicopter",), elsewhere=AIR
    ),
    "helicopter": Kind(
        aircraft.helicopter, ("sky", "sky", "road", "snow"), 52, grain=4.0, friends=("aeroplane",), elsewhere=AIR
    ),
    "sailing_boat": Kind(boats.sailing_boat, ("sea", "lake"), 62, grain=2.5, friends=("steamer",), elsewhere=AFLOAT),
    "steamer": Kind(boats.steamer, ("sea", "sea", "lake"), 55, grain=3.0, friends=("sailing_boat",), elsewhere=AFLOAT),
    "chair": Kind(furniture.chair, ("room", "room", "room", "garden"), 40, grain=0.5, friends=("table",)),
    "table": Kind(furniture.table, ("room", "room", "room", "garden"), 40, grain=0.5, friends=("chair",)),
}
