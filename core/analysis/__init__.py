"""Analyses of feature maps: plain functions over `FeatureMap`s, small tensors on the CPU in and out.

Letters as in `core`: h w patch grid, D width, N patches of all maps together, K components.
"""
