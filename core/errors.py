"""Everything this project raises for a cause outside it: a user, a file, a network.

    DinoError
    ├── ImageError      a picture that cannot be read, or not as a picture
    ├── VideoError      a clip that cannot be read, or not be written
    ├── ModelError      a model name, file or set of weights that cannot be used
    │   └── HubError    the hub is unreachable, slow, gated, or sent a damaged file
    ├── CollectionError a collection that cannot be opened, written or asked with this model
    ├── ExportError     a model that was exported does not compute what ours does, or a package is missing
    ├── DamagedError    a file that was written whole, and is not what was written any more (also a ValueError)
    ├── AnalysisError   a result cannot be had: a package is missing, its process died or was cancelled
    └── RequestError    an argument outside its range: a size, a layer, a threshold (also a ValueError)

A message says what was given, what is allowed and what to do. The app shows the text of a `DinoError` to
the visitor; any other exception is our own fault and surfaces with its traceback.
"""


class DinoError(Exception):
    """Base of all errors whose text is meant for the person who caused them."""


class ImageError(DinoError):
    """A picture cannot be read, or is too large to be read safely."""


class VideoError(DinoError):
    """A clip cannot be read as one, or cannot be written."""


class ModelError(DinoError):
    """A model cannot be found, or its weights do not fit."""


class HubError(ModelError):
    """The model hub does not answer, refuses, or sent something else than it promised."""


class ExportError(DinoError):
    """A model cannot be exported, or does not compute there what it computes here."""


class AnalysisError(DinoError):
    """An analysis cannot be finished here: a package it needs is missing, or its process died or was cancelled."""


class DamagedError(DinoError, ValueError):
    """A file was cut short, or bytes of it are not those that were written."""

    def __init__(self, path: object, reason: str):
        self.reason = reason.splitlines()[0]
        super().__init__(f"{path} is damaged ({self.reason}); write it anew, or put a copy in its place.")


class CollectionError(DinoError):
    """A collection cannot be opened or written, or was made with another model."""


class RequestError(DinoError, ValueError):
    """An argument is outside its range."""
