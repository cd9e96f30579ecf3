"""The Video tab in words."""

LEAD = (
    "**What you see.** A short clip, every frame coloured by what the model makes of it. The colours are found once for "
    "the whole clip, so a part keeps its colour while it moves.\n\n"
    "**What to try.** An animal that turns round, a walk through a room. Watch whether an ear stays an ear."
)

CAPTIONS = {
    "PCA": "Three principal components as red, green and blue, in one basis for all frames. Colours mean similarity, "
    "not class.",
    "Similarity": "Cosine with the place that was clicked, from dark blue (unlike) to yellow (alike), on one scale for "
    "all frames.",
    "Foreground": "The ground is dimmed. Object and ground were told apart in a few frames; in all frames a patch belongs "
    "to the side that it is more like.",
}

LESSON = """
The model has never seen a clip: it looks at each frame as if it were the only one, and nothing tells it that the paw here
is the paw of the frame before. If the paw keeps its colour all the same, through turns, blur and changing light, then
its features describe what it is and not how it happens to look. This is why these features are used to follow objects
through clips without any training for it.

Small trembling at edges is the grid of patches: each is one colour, and what crosses its border flips from one
to the other. A finer grid (more resolution) trembles less and costs more.

The colours themselves come from a dozen frames spread over the clip: their three directions of greatest difference are
the basis in which all others are painted.

*Source: Oquab et al. 2023, section 7.5; Caron et al. 2021, section 4.2, on following objects through clips by
similarity alone.*
"""
