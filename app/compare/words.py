"""The Compare tab in words: two lines, and half a page for a class."""

SEE = (
    "**What you see.** The same pictures through the eyes of different models, side by side: a column for each model, a "
    "row for each picture."
)
TRY = (
    "**What to try.** Compare *untrained* with a trained model, or one model with itself at another block. Point at a "
    "patch: every column asks its own model what looks like it. *Difference* shows where they disagree."
)
LESSON = """
Two networks of the same shape, one trained and one not, pass on the same colours and edges. What only the trained one
shows, it has learned: that is the comparison to begin with. Other good ones: before and after a longer training, a
small and a large model, one with registers and one without, an early and a late block of one model.

Each column is analysed by itself, since features of different models live in different spaces: a cosine of 0.6 can be
high in one and low in another. The scale below names each column's own range. PCA colours of the other columns are
turned to be most like those of the first, so that equal colours are worth a look, though never a proof. With *one
basis* columns whose features are as wide as the first's are projected on the first's components instead, within the
same limits: between two resolutions of one model, or before and after fine-tuning, equal colours then mean equal
places. Which was done is said below each column.

*Difference* holds each model against the first. Features of two models cannot be subtracted, but what a patch is like
can be compared: its cosines with all other patches of the picture are one row of numbers in either model, and the map
shows 1 minus the correlation of the two rows. Dark patches have the same relatives in both models; at bright ones the
models see something else. If their grids differ, the finer one is averaged onto the coarser.

The table shows the emergence scale where it has been measured for a model, whatever block a column shows. In a clone
of Dinoscope's repository, `python -m train.evaluate emergence --model NAME` writes a file that this page finds by the
hash of the weights.

*Source: Oquab et al. 2023, section 7; Darcet et al. 2023, “Vision Transformers Need Registers”; Kriegeskorte et al.
2008, “Representational Similarity Analysis”.*
"""
