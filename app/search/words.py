"""The Search tab in words."""

import json

from app.server.built_in import GALLERY, PHOTOGRAPHS
from core.weights.load import SHIPPED

SEE = (
    "**What you see.** The pictures of a collection that are most like what is asked, best first, with the place on "
    "each where they are alike."
)
TRY = (
    "**What to try.** Open an example. Click a part of a picture at the left, or draw a box around it: pictures with something like it come first. *and* adds a "
    "second picture, to search for what both share; *not* says what results should be unlike. *More like this* asks "
    "with a result, a click on it enlarges it."
)
_LESSON = """
A picture's *cls* token is one list of numbers for the whole of it. Two pictures whose lists point the same way show
similar things, although nobody labelled them; the number under each result is the cosine of the angle between them.

*Mean* compares the average of all patches, which asks rather for surfaces and scenes. *Region* compares a part with
every part of every picture and keeps the best: a small thing in a corner is found as well as a large one. Watch how the
ranking changes from one to the other.

Several pictures are averaged; those against are subtracted with half their weight (Rocchio's formula of 1971, which
search engines used long before networks). The light shows where the patches are like the average of those asked with;
whole pictures are compared without it, so that it is off for them until you switch it on.

Cells are kept as small numbers, so that a hundred thousand pictures fit on a disk; exact search is used until it would
take long, and then an index, whose measured recall the line above the results tells.

{measured}*Source: Oquab et al. 2023, “DINOv2: Learning Robust Visual Features without Supervision”, sections 7.3 and 7.5;
Rocchio 1971; Malkov & Yashunin 2016 (HNSW); Jégou et al. 2011 (product quantisation).*
"""
_MEASURED = """
How much of this the small model that ships can do was counted, with each picture as the question to all others. Among the
first five results {real:.0%} have the label of the question in the photographs ({real_chance:.0%} by chance), and
{drawn:.0%} in the small world ({drawn_chance:.0%}). Labels differ much: it does well on sunflowers, and on classes whose
photographs were all taken or framed alike, such as the grey ones of cars; it hardly finds crabs or butterflies.
"""
SCORES = SHIPPED.with_name("search.json")
NO_COLLECTION = "There is no collection yet: drop pictures on the field above, and they become one."
SHARED = "Collections stay on this server and are shared by everyone who can open this page."
KEPT = (
    "A collection keeps features and small copies of 256 pixels, not the files themselves. Zip and tar archives are "
    "read without being unpacked."
)
AGAIN = (
    "Embed it again with the model in use, into a new collection beside this one, with its labels, tags and dates. Since "
    "small copies would not do, the files that it was made of are needed: they are known by their content."
)
ASK_ALL = "Make a collection of dropped files"
CURATION = (
    "What `python -m train.curate`, run in a clone of Dinoscope's repository, made of a pool of pictures: how many each step left, and which were dropped, each "
    "beside the picture because of which it was. The folder is the one that `--out` named; nothing in it is changed."
)


def lesson() -> str:
    """Half a page for a class, with what was measured of the model that ships where that is here."""
    if not SCORES.is_file():
        return _LESSON.format(measured="")
    found = json.loads(SCORES.read_text(encoding="utf-8"))["collections"]
    real, drawn = found[PHOTOGRAPHS], found[GALLERY]
    numbers = {"real": real["precision"]["5"], "real_chance": real["chance"]}
    numbers |= {"drawn": drawn["precision"]["5"], "drawn_chance": drawn["chance"]}
    return _LESSON.format(measured=f"{_MEASURED.format(**numbers).strip()}\n\n")
