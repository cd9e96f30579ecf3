"""Two networks of one shape: the student that learns, and the teacher that is its running mean."""

import copy

import torch
from torch import nn

from core import VisionTransformer, ViTConfig
from train.heads import PrototypeHead
from train.losses import SoftmaxCentring


class Network(nn.Module):
    """A backbone with its two heads; DINO's reads cls tokens, iBOT's masked patches."""

    def __init__(self, backbone: VisionTransformer, dino_head: PrototypeHead, ibot_head: PrototypeHead):
        super().__init__()
        self.backbone = backbone
        self.dino_head = dino_head
        self.ibot_head = ibot_head


class StudentTeacher(nn.Module):
    """Both networks. The teacher has no gradients and starts equal to the student.

    The centrings keep the running means that softmax centring subtracts; Sinkhorn-Knopp leaves them alone.
    """

    def __init__(self, student: Network):
        super().__init__()
        self.student = student
        self.teacher = copy.deepcopy(student).requires_grad_(False).eval()
        self.cls_centring = SoftmaxCentring(len(student.dino_head.last_layer.weight_v))
        self.patch_centring = SoftmaxCentring(len(student.ibot_head.last_layer.weight_v))

    @torch.no_grad()
    def update_teacher(self, momentum: float) -> None:
        """teacher ← momentum · teacher + (1 − momentum) · student, in the parameters' own precision."""
        pairs = zip(self.teacher.parameters(), self.student.parameters(), strict=True)
        teachers, students = zip(*pairs, strict=True)
        torch._foreach_lerp_(list(teachers), list(students), 1 - momentum)


def build(
    config: ViTConfig, dino_prototypes: int, ibot_prototypes: int, hidden: int = 2048, bottleneck: int = 256
) -> StudentTeacher:
    """A student and its teacher with untied heads, freshly initialised."""
    backbone = VisionTransformer(config)
    heads = [PrototypeHead(config.width, count, hidden, bottleneck) for count in (dino_prototypes, ibot_prototypes)]
    return StudentTeacher(Network(backbone, *heads))
