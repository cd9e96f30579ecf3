"""Words to vectors, in the space that an encoder shares between pictures and words.

n texts, D width of the encoder, D' width of the shared space.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from core.errors import RequestError

LONGEST_TEXT = 2000
"""Characters of a text; the towers read some 64 to 77 tokens of it."""


class TextTower(nn.Module):
    """A library's text model with its tokens: texts → [n, D'] float32 of unit length.

    `tokens` gives the token numbers [L] of each text, as the tower was trained on them; `tower` is the library's, and
    `project` takes what it pools to the shared space.
    """

    def __init__(self, tower: nn.Module, project: nn.Module, tokens: Callable[[list[str]], list[Tensor]]):
        super().__init__()
        self.tower, self.project, self.tokens = tower, project, tokens

    @torch.inference_mode()
    def forward(self, texts: Sequence[str]) -> Tensor:
        """RequestError where there is no text, or one is empty or longer than LONGEST_TEXT characters."""
        given = [texts] if isinstance(texts, str) else list(texts)
        if not given or not all(isinstance(text, str) and text.strip() for text in given):
            raise RequestError("There are no words to look for; give a text, such as 'a wheel'.")
        if any(len(text) > LONGEST_TEXT for text in given):
            raise RequestError(f"A text is longer than {LONGEST_TEXT:,} characters; shorten it.")
        numbers = self.tokens([text.strip() for text in given])
        device = next(self.parameters()).device
        rows = [self.tower(input_ids=one[None].to(device)).pooler_output for one in numbers]
        return F.normalize(self.project(torch.cat(rows)).float(), dim=-1).cpu().clone()
