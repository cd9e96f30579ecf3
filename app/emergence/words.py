"""The Emergence tab in words: its measures, two lines, and half a page for a class."""

SEE = (
    "**What you see.** The same pictures through the eyes of one network after 0, 1, 2, 4, … steps of training without "
    "one label, and how much of each ability has emerged."
)
TRY = (
    "**What to try.** Drag the handle on the curves, or press Play. Point at fur at any step; swipe to compare with the "
    "network before its first step."
)
LESSON = """
A network starts with random numbers. What its maps show then is what any network passes on: colour, brightness, place.
Training never tells it what is in a picture. A *student* sees small or partly hidden crops and must say of them what a
*teacher*, its own slow average, says of the whole. Whoever wants to guess well from an ear that the rest is a cat must
learn what belongs together.

The curves say how much of that is there. They are measured on a rendered world whose truth is known (where the objects
are, which part is an ear, how far away everything is), on scenes no training has seen, with the network frozen. Each is
drawn from chance to perfect, so that different abilities can stand on one axis; the number beside its name is the value
itself. Rest on a name to see how sure it is (the band) and what colour alone, or the place in the picture alone, would
reach: an ability has emerged only above those lines.

Watch the order: first the colours calm down into regions, then object and ground part, then parts of different animals
get the same colour. The loss often falls long before, and sometimes rises while the features get better: it measures the
game, not what was learned by playing it. Most steps change little; that is why they are looked at after 1, 2, 4, 8, …

Colours are principal components, turned at each step to be most like those of the step beside it: what changes is what
the network has learned.

*Source: Oquab et al. 2023, “DINOv2”, sections 4 and 7; Caron et al. 2021, “Emerging Properties in Self-Supervised Vision
Transformers”; rotation: Schönemann 1966.*
"""
TRAIN_LIMITS = (
    "A network of half a million numbers learns from the tray's pictures on this machine's processor: minutes, not days. "
    "Expect regions and edges, not cats: the published models saw 142 million pictures. One training at a time."
)
