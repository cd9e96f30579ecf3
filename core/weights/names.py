"""The published models by the names `load_model` takes: where the hub has them, their titles and licences."""

from typing import NamedTuple

from core.model.config import BACKBONES


class Repository(NamedTuple):
    """A published model on the hub."""

    name: str
    revision: str


PUBLISHED = {
    "dinov2-small": Repository("facebook/dinov2-small", "ed25f3a31f01632728cabb09d1542f84ab7b0056"),
    "dinov2-base": Repository("facebook/dinov2-base", "f9e44c814b77203eaa57a6bdbbd535f21ede1415"),
    "dinov2-large": Repository("facebook/dinov2-large", "47b73eefe95e8d44ec3623f8890bd894b6ea2d6c"),
    "dinov2-giant": Repository("facebook/dinov2-giant", "611a9d42f2335e0f921f1e313ad3c1b7178d206d"),
    "dinov2-small-reg": Repository("facebook/dinov2-with-registers-small", "0d9846e56b43a21fa46d7f3f5070f0506a5795a9"),
    "dinov2-base-reg": Repository("facebook/dinov2-with-registers-base", "a1d738ccfa7ae170945f210395d99dde8adb1805"),
    "dinov2-large-reg": Repository("facebook/dinov2-with-registers-large", "e4c89a4e05589de9b3e188688a303d0f3c04d0f3"),
    "dinov2-giant-reg": Repository("facebook/dinov2-with-registers-giant", "8d0d49f77fb8b5dd78842496ff14afe7dd4d85cb"),
    "dinov3-small": Repository("facebook/dinov3-vits16-pretrain-lvd1689m", "114c1379950215c8b35dfcd4e90a5c251dde0d32"),
    "dinov3-small-plus": Repository(
        "facebook/dinov3-vits16plus-pretrain-lvd1689m", "c93d816fc9e567563bc068f01475bec89cc634a6"
    ),
    "dinov3-base": Repository("facebook/dinov3-vitb16-pretrain-lvd1689m", "5931719e67bbdb9737e363e781fb0c67687896bc"),
    "dinov3-large": Repository("facebook/dinov3-vitl16-pretrain-lvd1689m", "ea8dc2863c51be0a264bab82070e3e8836b02d51"),
    "dinov3-huge-plus": Repository(
        "facebook/dinov3-vith16plus-pretrain-lvd1689m", "c807c9eeea853df70aec4069e6f56b28ddc82acc"
    ),
    "dinov3-7b": Repository("facebook/dinov3-vit7b16-pretrain-lvd1689m", "b80367753773648a6793235ab9c65cdbb029506f"),
}
"""DINOv3's are gated: the hub gives them to accounts that accepted their terms."""
SATELLITE = ("facebook/dinov3-vitl16-pretrain-sat493m", "facebook/dinov3-vit7b16-pretrain-sat493m")
DINOV3_LICENCE = "DINOv3 License"
_SIZES = {
    "small": "S",
    "small-plus": "S+",
    "base": "B",
    "large": "L",
    "giant": "g",
    "huge-plus": "H+",
    "7b": "7B",
}


def title(name: str) -> str:
    """A published model's name for a reader.

    >>> title("dinov2-giant-reg"), title("dinov3-huge-plus")
    ('DINOv2 ViT-g/14 with registers', 'DINOv3 ViT-H+/16')
    """
    family, _, size = name.removesuffix("-reg").partition("-")
    registers = " with registers" if name.endswith("-reg") else ""  # which all of DINOv3 have
    return f"DINO{family[4:]} ViT-{_SIZES[size]}/{BACKBONES[name].patch}{registers}"


def licence(name: str) -> str:
    return DINOV3_LICENCE if name.startswith("dinov3") else "Apache-2.0"
