"""Attention of one token, per head, in one layer.

A heads, T tokens (cls, registers, patches), E width of a head, h w patch grid.
"""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from core.errors import RequestError
from core.features import Geometry, Picture, preprocess_for, require_pictures
from core.model.vit import VisionTransformer

NO_CLS = "This encoder has no cls token whose attention could be shown: pin a patch and ask for its attention."
Query = Literal["cls"] | tuple[Literal["register"], int] | tuple[int, int]
"""`"cls"`, `("register", i)`, or a patch (row, column)."""


@dataclass(frozen=True)
class AttentionCapture:
    """Queries and keys [A, T, E] float32 of one layer for one picture: any token's attention without a new forward."""

    queries: Tensor
    keys: Tensor
    geometry: Geometry
    registers: int
    layer: int
    has_cls: bool = True

    def weights(self, query: Query = "cls") -> Tensor:
        """The share of its attention that a token gives to each patch, [A, h, w].

        A head's shares sum to less than 1: the rest goes to cls and the registers, where there are some.
        """
        token = self._token(query)
        scores = self.keys @ self.queries[:, token].unsqueeze(-1) * self.queries.shape[-1] ** -0.5  # [A, T, 1]
        shares = scores.squeeze(-1).softmax(dim=-1)[:, self._before :]
        return shares.unflatten(1, (self.geometry.rows, self.geometry.columns))

    @property
    def _before(self) -> int:
        """Tokens before the patches."""
        return self.has_cls + self.registers

    def _token(self, query: Query) -> int:
        rows, columns = self.geometry.rows, self.geometry.columns
        if query == "cls" and self.has_cls:
            return 0
        if query == "cls":
            raise RequestError(NO_CLS)
        if isinstance(query, tuple) and query[0] == "register" and 0 <= query[1] < self.registers:
            return self.has_cls + query[1]
        if isinstance(query, tuple) and query[0] != "register" and 0 <= query[0] < rows and 0 <= query[1] < columns:
            return self._before + query[0] * columns + query[1]
        raise RequestError(
            f"There is no token {query!r}; ask for 'cls', ('register', 0 to {self.registers - 1}), "
            f"or a patch (row 0 to {rows - 1}, column 0 to {columns - 1})."
        )


@torch.inference_mode()
def capture_attention(
    model: VisionTransformer, image: Picture, size: int | None = None, layer: int = -1
) -> AttentionCapture:
    """The queries and keys of one block, from one forward in float32 of a picture prepared as for `core.extract`, whose
    `size` it also takes."""
    require_pictures(model)
    size = model.default_size if size is None else size
    pixels, geometry = preprocess_for(model, image, size)
    qkv, packing = model.capture(pixels.unsqueeze(0).to(model.device), layer)
    queries, keys, _ = packing.split(qkv)[0][0].float().cpu().permute(1, 2, 0, 3).clone()  # [A, T, E] each
    config = model.config
    return AttentionCapture(queries, keys, geometry, config.registers, layer % config.depth, model.has_cls)
