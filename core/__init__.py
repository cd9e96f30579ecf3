"""The model package: a ViT with its official weights, its features, and the analyses of them.

Letters used for shapes throughout the project:

    B  batch                 h w  patch grid (height first)    A  attention heads
    H W  pixels              N  patches, h·w                   E  width of a head, D / A
    P  patch side in pixels  R  register tokens                G L  global and local crops
    D  width of the model    T  tokens of a picture, 1+R+N     M  masked patches
    C  channels              S  rows of all samples together   K  prototypes

Token order is [cls, registers, patches]. Pixel positions are (x, y), grid positions (row, column).
"""

from core.errors import DinoError, HubError, ImageError, ModelError, RequestError
from core.features import FeatureMap, Geometry, Origin, extract
from core.model.config import BACKBONES, ViTConfig
from core.model.vit import Tokens, VisionTransformer
from core.pictures.image import load_image
from core.weights.load import load_model

__all__ = [
    "BACKBONES",
    "DinoError",
    "FeatureMap",
    "Geometry",
    "HubError",
    "ImageError",
    "ModelError",
    "Origin",
    "RequestError",
    "Tokens",
    "ViTConfig",
    "VisionTransformer",
    "extract",
    "load_image",
    "load_model",
]
