"""Images in, batches of augmented crops out."""

from train.data.sources import open_source

__all__ = ["open_source"]
