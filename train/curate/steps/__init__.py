"""The steps of a curation, in the order they are run: embed, deduplicate, cluster, retrieve, pack."""
