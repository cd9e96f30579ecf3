"""The Match tab in words: two lines, half a page for a class, and a caption for each way to show matches."""

SEE = (
    "**What you see.** Each line joins a patch of the reference with the patch of another picture that the model "
    "finds most like it, and that finds it most like itself in return. Nobody told the model what an ear is."
)
TRY = (
    "**What to try.** Point at a part and see where it goes in every picture; click to keep it. Draw around one. "
    "Select two to six pictures in the tray, or open an example."
)

CAPTIONS = {
    "Lines": (
        "Lines join matches. Their colour is the place on the reference: blue at the left, purple, orange at the right; "
        "pale above, dark below."
    ),
    "Dots": (
        "Dots of one colour are matches. The colour is the place on the reference: blue at the left, purple, orange at "
        "the right; pale above, dark below."
    ),
    "Parts": (
        "Patches of all pictures in a few groups by similarity: one colour is one part wherever it appears. What is left "
        "as it was is ground. Which colour a part gets means nothing."
    ),
    "Region": "The region and what is more like it than like the rest of its picture.",
}

LESSON = """
Every patch is described by a list of numbers, its features. For each patch of the reference we look for the patch of
the other picture whose features point in the most similar direction. That alone would give an answer for everything,
also for what is not there. So three checks follow. The two patches must choose *each other*. The match must be clearly
better than the best one *elsewhere* in the picture (the ratio test). And with smoothing, their *neighbours* must be
alike too, upright or mirrored, since animals look either way. What is left is spread evenly: *density* says how close
two matches may be.

*Inside the foreground* leaves the ground out first: grass matches grass everywhere, and says nothing about parts.

If lines run from ear to ear and from paw to paw between animals of different species, the model has learned parts,
although it was trained without one label. Lines that cross wildly mean that it has not: compare with an untrained
network in the model panel. The colour of a line tells its start, so ends of one colour side by side are a good sign.

*Parts* asks the same of all pictures at once: groups of patches, found together inside the foreground.

Left and right are hard: a left eye is very like a right one. Look for it.

*Source: Oquab et al. 2023, “DINOv2: Learning Robust Visual Features without Supervision”, section 7.5 and figure 10
(patch matching); Amir et al. 2021, “Deep ViT Features as Dense Visual Descriptors”, section 4; Lowe 2004, section 7.1
(ratio test).*
"""
