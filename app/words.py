"""What the page says: two lines for each tab, half a page for a class, and how each map is read."""

SEE = (
    "**What one sees.** Every patch of every selected picture, coloured by what the model makes of it, "
    "without one label."
)
TRY = (
    "**What to try.** Point at an eye, a paw or the sky: all pictures answer with what looks alike to the model. "
    "Click to keep the question."
)

CAPTIONS = {
    "PCA": (
        "The three chosen components of all patches as red, green and blue. Equal colours mean similar features, "
        "in this picture and across pictures; colours mean similarity, not class."
    ),
    "Foreground": (
        "How strongly each patch belongs to the object, from 0 to 1. The dark part is below the threshold; "
        "drag it on the histogram."
    ),
    "Attention": (
        "Where the chosen token looks in this block: the brighter, the larger its share of the attention. "
        "The shares of a picture add up to 1 together with those of cls and the registers."
    ),
    "Norms": (
        "The length of each patch's features before the last normalisation. A few bright patches on plain ground are "
        "artefacts in which the model keeps notes about the whole picture."
    ),
    "Segments": (
        "Patches grouped by similarity, over all pictures at once: one colour is one group wherever it appears. "
        "The groups have no names, and which colour a group gets means nothing."
    ),
}

LESSONS = {
    "PCA": """
A vision transformer cuts the picture into squares of 14 × 14 pixels and describes each by a list of numbers, its
*features* (384 of them in the smallest model). Nobody can look at 384 numbers, so we look for the three directions
along which the patches differ most, by *principal component analysis*, and show each patch's place along them as the
amount of red, green and blue.

All selected pictures share one analysis. So if the ear of a cat and the ear of a cheetah have the same colour, the
model described them alike, although nobody told it what an ear is. *Two stages* first separates the object from the
ground by the first component, then analyses the object's patches alone, which shows its parts.

The percentages under the picture say how much of all difference each component holds. When the three add up to 30 %,
the picture shows 30 % of the story: point at a patch to ask all the numbers at once.

*Source: Oquab et al. 2023, “DINOv2: Learning Robust Visual Features without Supervision”, section 7.5 and figure 1.*
""",
    "Foreground": """
Nobody told the model what is an object and what is ground. Still, a simple rule on its features separates the two:
patches on one side of the first principal component, or the side of a *cut* through the graph whose edges join
similar patches. Which side is the object is decided by the picture's border, which objects touch less.

The histogram shows how many patches have which score. Two hills with a valley mean a clear answer; the threshold is
put into the valley by Otsu's rule. One broad hill means that the model sees no clear object here: do not trust the
mask then.

The mask is computed on patches and carried to pixels by following the picture's edges. *Cut-out* downloads the object
at full resolution with a transparent ground.

*Source: Oquab et al. 2023, section 7.5; Wang et al. 2022, “TokenCut”, section 3; Otsu 1979.*
""",
    "Attention": """
In each of its blocks every token asks all others: “who of you matters to me?”. The answers are shares that add up to
1, separately in each of the block's *heads*. Shown is the answer to one token: *cls*, which speaks for the whole
picture; a *register*, if this model has them; or the patch that you have pinned.

Heads look at different things: try them one by one, then their mean. Early blocks look near by, late blocks at what
belongs together.

Attention says where information is read, not what is important for a decision. A bright spot on plain sky is often an
artefact (see *Norms*).

*Source: Caron et al. 2021, “Emerging Properties in Self-Supervised Vision Transformers”, section 4; Darcet et al.
2023, section 2.*
""",
    "Norms": """
The features of a patch have a direction, which says what it is like, and a length, its *norm*. In large models
trained for long, a few patches on plain ground get a far greater length than all others: the model has found that
nothing of interest is there, and uses the place to store what it wants to remember about the whole picture.

Such *artefacts* disturb maps of attention and of similarity. Models *with registers* were given a few tokens of their
own for these notes, and their patches are clean: load `dinov2-small-reg` in the model panel and compare.

*Source: Darcet et al. 2023, “Vision Transformers Need Registers”, section 2.*
""",
    "Segments": """
We look for groups of patches with similar features, over all selected pictures at once. *K-means* puts group centres
where most patches are near one. *Spectral* follows chains of similar neighbours, and so finds groups of any shape.

Choose few groups and you get objects and ground; choose more and you get parts. If a part has the same colour on
different animals, the model has found what they have in common. How many groups there “are” is not a question with an
answer: it is yours to choose.

*Source: Oquab et al. 2023, section 7.5 (matching parts); Amir et al. 2021, “Deep ViT Features as Dense Visual
Descriptors”, section 4.*
""",
}

HELP = """
**Pictures** stay in the tray at the left: drop files anywhere, paste with Ctrl+V, use the camera, or add samples.
Tick up to eight to see them together. They are kept only while this page is open, and no other visitor can see them.

**Pointing** at a patch asks all pictures what looks like it. *Click* keeps the question, *Shift+click* adds to it,
*Alt+click* subtracts, *Escape* forgets it. Keys **1** to **5** switch the view.

**Programs** can ask too: `from gradio_client import Client, handle_file`, then `Client(URL).view_api()` lists `/pca`,
`/foreground`, `/attention`, `/similarity` and `/match`.
"""
