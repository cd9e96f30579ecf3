"""The Map tab in words."""

LEAD = (
    "**What you see.** Every point is a picture (or a patch of one); near points are alike to the model. Nobody told it "
    "which belong together.\n\n"
    "**What to try.** Wheel or pinch to come nearer: points become pictures, pictures larger. Click one: lines lead to those "
    "most alike. Draw round a group and tag it. Map the patches of your pictures and see what lies together."
)

EMPTY = "Nothing to map yet: add pictures to the tray at the left, or choose another source."

LESSON = """
Each picture was turned into a list of numbers, some hundreds of them (as many as the model is wide). A map can only show
two, so something has to give.

*Principal components* look at the cloud of pictures from the side where it is widest. This is a true photograph of the
cloud: distances on it are real, as far as these two directions tell of them; how far that is stands below the map.

*UMAP* asks something else: who are everybody's nearest neighbours? Then it lays out the points so that neighbours stay
together. Groups come apart clearly, at a price: how far apart two groups lie, how large a group looks, even how many
islands there are depends on the settings. Try another seed or more neighbours: what stays is about the pictures, what
changes is about the map.

*Clusters* are the islands of the map (HDBSCAN), or as many groups as you ask for (k-means on the full lists of numbers).
The name of a cluster is its *medoid*, the picture that is most like all others in it. If clusters follow your labels,
the model has found by itself what you meant by them.

*Source: McInnes, Healy & Melville 2018, “UMAP”; Campello, Moulavi & Sander 2013; Oquab et al. 2023, section 3.*
"""
