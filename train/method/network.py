"""The network that is trained: a backbone with the two heads that turn its tokens into prototype logits."""

from torch import nn

from core import VisionTransformer
from train.method.heads import PrototypeHead


class Network(nn.Module):
    """A backbone with its heads; DINO's reads cls tokens, iBOT's masked patches.

    `ibot_head` is None where the heads are tied: then DINO's reads both (Zhou et al. 2022).
    """

    def __init__(self, backbone: VisionTransformer, dino_head: PrototypeHead, ibot_head: PrototypeHead | None):
        super().__init__()
        self.backbone = backbone
        self.dino_head = dino_head
        self.ibot_head = ibot_head

    @property
    def patch_head(self) -> PrototypeHead:
        """The head that reads patches."""
        return self.dino_head if self.ibot_head is None else self.ibot_head

    @property
    def heads(self) -> list[PrototypeHead]:
        """All there are."""
        return [head for head in (self.dino_head, self.ibot_head) if head is not None]
