"""The Compare tab in words: two lines, and half a page for a class."""

SEE = (
    "**What you see.** The same pictures through the eyes of different models, side by side: a column for each model, a "
    "row for each picture."
)
TRY = (
    "**What to try.** Compare *untrained* with a trained model. Point at a patch: every column asks its own model what "
    "looks like it."
)
LESSON = """
Two networks of the same shape, one trained and one not, pass on the same colours and edges. What only the trained one
shows, it has learned: that is the comparison to begin with. Other good ones: before and after a longer training, a
small and a large model, one with registers and one without.

Each column is analysed by itself, since features of different models live in different spaces: a cosine of 0.6 can be
high in one and low in another. The scale below names each column's own range. PCA colours of the other columns are
turned to be most like those of the first, so that equal colours are worth a look, though never a proof.

The table shows the emergence scale where it has been measured for a model. In a clone of Dinoscope's
repository, `python -m train.evaluate emergence --model NAME` writes a file that this page finds by the hash of the
weights.

*Source: Oquab et al. 2023, section 7; Darcet et al. 2023, “Vision Transformers Need Registers”.*
"""
