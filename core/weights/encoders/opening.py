"""Which encoder of another library a `config.json` describes, and how it is opened: what `load_model` asks."""

import functools
from collections.abc import Callable
from pathlib import Path

from core.model.adapted import AdaptedEncoder
from core.weights.encoders import from_timm, from_transformers
from core.weights.encoders.beside import Beside, kind_of
from core.weights.encoders.families import FAMILIES

Opener = Callable[[str, Beside], AdaptedEncoder]
"""Of a model's name, which its source will have, and its files."""


def opener_of(described: Path) -> Opener | None:
    """How to open the encoder that a `config.json` describes; None where it is no other library's, or there is none."""
    if not described.is_file():
        return None
    kind = kind_of(described, "model_type")
    if kind in FAMILIES:
        return functools.partial(from_transformers.open_encoder, kind)
    if not kind and from_timm.is_described(described):
        return from_timm.open_encoder
    return None
