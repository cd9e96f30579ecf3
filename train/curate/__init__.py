"""Curation: from a pool of any images, those that resemble a curated set, each once (Oquab et al. 2023, section 3).

Embed both; drop what is in the pool twice, and what evaluation sets hold; group the rest; retrieve what is like the
curated images. What each step leaves behind is drawn in `train.curate.folder`.

n images or rows, D width, K clusters, k neighbours. A row is an image's place in its set, counted from 0. Vectors
have unit length, so that their products are cosines.
"""
