"""The text tower beside an encoder of transformers, and the tokens of texts as it was trained on them."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Annotated, Any

import torch
from torch import Tensor, nn

from core.bounds import Bounds, require_bounds
from core.errors import ModelError
from core.model.language import TextTower
from core.weights.encoders.beside import Beside

FILES = (
    "tokenizer_config.json",
    "tokenizer.json",
    "special_tokens_map.json",
    "vocab.json",
    "merges.txt",
    "spiece.model",
    "tokenizer.model",
)
"""What transformers reads a tokenizer from; data, no code."""
NO_TOKENIZER = (
    "No tokenizer lies beside the weights, so the model cannot be asked in words; save tokenizer.json there, as the model's "
    "processor does."
)


@dataclass(frozen=True)
class TextShape:
    """The bounds within which a text tower is built."""

    width: Annotated[int, Bounds(1, 16_384)]
    depth: Annotated[int, Bounds(1, 256)]
    vocabulary: Annotated[int, Bounds(1, 10_000_000)]
    length: Annotated[int, Bounds(1, 65_536)]

    def __post_init__(self):
        require_bounds(self, "text_config.")

    @classmethod
    def of(cls, text: Any) -> "TextShape":
        return cls(text.hidden_size, text.num_hidden_layers, text.vocab_size, text.max_position_embeddings)


def open_words(
    library: ModuleType, whole: nn.Module, described: Any, beside: Beside
) -> tuple[TextTower | None, nn.Module | None, str]:
    """The text tower, what takes pictures to the space of its texts (None: they are there), and a note on what lacks."""
    found = {file: path for file in FILES if (path := beside.find(file)) is not None}
    if "tokenizer.json" not in found and "vocab.json" not in found and "spiece.model" not in found:
        return None, None, NO_TOKENIZER
    try:
        tokenizer = _tokenizer(library, next(iter(found.values())).parent)
    except ModelError as error:
        return None, None, f"{error} The model cannot be asked in words."
    length = described.text_config.max_position_embeddings
    text_projection = getattr(whole, "text_projection", None)
    causal = text_projection is not None
    return (
        TextTower(
            whole.get_submodule("text_model"), text_projection or nn.Identity(), _tokens(tokenizer, length, causal)
        ),
        getattr(whole, "visual_projection", None),
        "",
    )


def _tokenizer(library: ModuleType, folder: Path) -> Any:
    try:
        return library.AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except Exception as error:  # a tokenizer's file is read by several packages, each with its own errors
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise ModelError(f"The tokenizer in {folder.name} cannot be read ({reason}); download it anew.") from error


def _tokens(tokenizer: Any, length: int, causal: bool) -> Callable[[list[str]], list[Tensor]]:
    """A causal tower reads up to the text's end, so nothing is put behind it; the others were trained on full rows."""
    padding = "do_not_pad" if causal else "max_length"

    def tokens(texts: list[str]) -> list[Tensor]:
        rows = tokenizer(texts, padding=padding, truncation=True, max_length=length)["input_ids"]
        return [torch.tensor(row) for row in rows]

    return tokens
