"""Two lines above the Explore tab: its picture, and the first thing to do with it."""

SEE = (
    "**What you see.** Every patch of every selected picture, coloured by what the model makes of it, "
    "without one label."
)
TRY = (
    "**What to try.** Point at fur, then at the ground behind it: all pictures answer with what looks alike to the "
    "model. Click to keep the question."
)
