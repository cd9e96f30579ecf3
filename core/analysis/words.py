"""Words asked of a picture: how much the whole, and each of its patches, is what a text says.

D' width of the space that pictures share with words, h w patch grid, n texts.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from core.errors import ModelError
from core.features import Geometry, Picture, preprocess_for, require_pictures
from core.model.adapted import ASKABLE, AdaptedEncoder
from core.model.vit import VisionTransformer


@dataclass(frozen=True)
class WordsCapture:
    """A picture in the space of words, float32 of unit length: any text can be compared without a new forward."""

    patches: Tensor
    """[h, w, D'], each patch for itself."""
    whole: Tensor
    """[D'], the vector that the model learned to compare with texts."""
    geometry: Geometry
    encode: Callable[[Sequence[str]], Tensor]
    """Texts → their vectors [n, D'], as `encode_text` of the model that it is of."""

    def similarity(self, texts: Tensor) -> tuple[Tensor, Tensor]:
        """Cosines of texts [n, D'] (`encode_text`) with the whole [n] and with each patch [n, h, w], in -1..1."""
        return self.whole @ texts.mT, (self.patches @ texts.mT).permute(2, 0, 1)


def has_words(model: VisionTransformer) -> bool:
    """Whether a model can be asked in words."""
    return isinstance(model, AdaptedEncoder) and model.text is not None


def encode_text(model: VisionTransformer, texts: Sequence[str]) -> Tensor:
    """Vectors of texts, [n, D'] float32 of unit length. ModelError for a model without a text tower, RequestError for
    texts that are none."""
    return require_words(model).encode_text(texts)


@torch.inference_mode()
def capture_words(model: VisionTransformer, image: Picture, size: int | None = None) -> WordsCapture:
    """A picture in the space of words, from two forwards in float32, prepared as for `core.extract`, whose `size` it also
    takes. Raises as `encode_text`."""
    asked = require_words(model)
    require_pictures(model)
    pixels, geometry = preprocess_for(model, image, model.default_size if size is None else size)
    pixels = pixels.unsqueeze(0).to(model.device)
    patches = asked.patches_in_words(pixels)[0].unflatten(0, (geometry.rows, geometry.columns))
    whole = asked.in_words(asked(pixels).cls)[0]
    return WordsCapture(patches.float().cpu().clone(), whole.float().cpu().clone(), geometry, asked.encode_text)


def require_words(model: VisionTransformer) -> AdaptedEncoder:
    """The encoder, if it can be asked in words. ModelError otherwise."""
    if not isinstance(model, AdaptedEncoder):
        title = model.source.title if model.source else "This model"
        raise ModelError(f"{title} learned from pictures alone: it cannot be asked in words. {ASKABLE}")
    model.tower()
    return model
