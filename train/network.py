"""What is trained: a backbone with the two heads that turn its tokens into prototype logits."""

from torch import nn

from core import VisionTransformer
from train.heads import PrototypeHead


class Network(nn.Module):
    """A backbone with its two heads; DINO's reads cls tokens, iBOT's masked patches."""

    def __init__(self, backbone: VisionTransformer, dino_head: PrototypeHead, ibot_head: PrototypeHead):
        super().__init__()
        self.backbone = backbone
        self.dino_head = dino_head
        self.ibot_head = ibot_head
