"""A Vision Transformer with timm's own modules: described by its config.json, filled from the weights beside it, strictly."""

from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import Tensor, nn

from core.errors import DinoError, ModelError, RequestError
from core.model.adapted import AdaptedBlock, AdaptedEncoder, AttentionParts, Traits
from core.model.config import IMAGENET_MEAN, IMAGENET_STD, ViTConfig
from core.model.vit import ModelSource, Resample
from core.pictures.geometry import whole_size
from core.quiet import quiet
from core.weights.checks import named, require_finite
from core.weights.encoders.beside import DESCRIPTION, Beside, read_object, text_of
from core.weights.encoders.preparation import FILTERS, Preparation, read_preparation
from core.weights.stored import read_as_stored
from core.weights.wrapping import require_floats

INSTALL = "python -m pip install timm"
LARGEST, DEEPEST = 16_384, 256
SETTINGS = frozenset({
    "img_size", "patch_size", "in_chans", "embed_dim", "depth", "num_heads", "mlp_ratio", "qkv_bias", "qk_norm",
    "scale_attn_norm", "scale_mlp_norm", "proj_bias", "init_values", "class_token", "pos_embed", "no_embed_class",
    "reg_tokens", "pre_norm", "final_norm", "fc_norm", "pool_include_prefix", "global_pool", "act_layer", "norm_layer",
})  # fmt: skip
"""Settings of a model that a file may hold; the others name files, or nothing that features depend on."""
_LEFT_OUT = ("head.", "head_dist.")
_ATTENTION = AttentionParts("norm1", ("attn.qkv",), "attn.proj")


class _Front(nn.Module):
    """Patches, positions and prefix tokens, as timm's `forward_features` puts them together."""

    def __init__(self, model: Any):
        """Of a model whose other parts were taken out."""
        super().__init__()
        self.model = model

    def forward(self, pixels: Tensor) -> Tensor:
        model: Any = self.model
        return model.norm_pre(model._pos_embed(model.patch_embed(pixels)))


class _Pool(nn.Module):
    """What timm pools patches by, where there is no cls token: attention, or the mean."""

    def __init__(self, attention: nn.Module | None, norm: nn.Module):
        super().__init__()
        self.attention, self.norm = attention, norm

    def forward(self, patches: Tensor) -> Tensor:
        return self.norm(patches.mean(dim=1) if self.attention is None else self.attention(patches))


def is_described(path: Path) -> bool:
    """Whether a `config.json` is one of timm's."""
    try:
        values = read_object(path)
    except ModelError:  # whoever reads it next says what is wrong with it
        return False
    return bool(text_of(values, "architecture")) and isinstance(values.get("pretrained_cfg"), Mapping)


def open_encoder(name: str, beside: Beside) -> AdaptedEncoder:
    """The Vision Transformer whose files are beside its config.json, on the CPU.

    Raises ModelError where timm is missing, the architecture is another, or description and weights cannot be used.
    """
    path = beside.find(DESCRIPTION)
    assert path is not None  # it named an architecture
    values = read_object(path)
    architecture, where = text_of(values, "architecture"), f"{beside.name} (timm)"
    library = _library(architecture)
    try:
        given = values.get("pretrained_cfg")
        said = given if isinstance(given, Mapping) else {}
        preparation = read_preparation(
            {f"image_{key}": said[key] for key in ("mean", "std") if key in said},
            Preparation(IMAGENET_MEAN, IMAGENET_STD, _filter_of(said)),
        )
        with torch.device("meta"), quiet("timm"):  # nothing is allocated
            model = _made(library, architecture, values.get("model_args"), said)
        shape = _shape(model)
    except DinoError as error:
        raise ModelError(f"{path} does not describe a model of timm that can be opened: {error}") from error
    except Exception as error:  # whatever settings that do not go together make the library run into
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise ModelError(f"{path} does not describe a model of timm that can be opened: {reason}") from error
    stored, sha256 = read_as_stored(beside.weights())
    _fill(model, stored, where)
    encoder = _assembled(model, shape, Traits(architecture, preparation.mean, preparation.std))
    encoder.resample = preparation.resample
    encoder.default_size = whole_size(shape.image_size, shape.patch)
    title = f"{architecture} of timm from {beside.title}"
    parameters = sum(parameter.numel() for parameter in encoder.parameters())
    encoder.source = ModelSource(name, title, beside.name, sha256, parameters, beside.owner, revision=beside.revision)
    return encoder


def _library(architecture: str) -> ModuleType:
    try:
        import timm  # here: none of core's own networks needs it
    except (ImportError, RuntimeError) as error:  # the second by torchvision, where it is built for another torch
        reason = str(error).splitlines()[0]
        raise ModelError(
            f"{architecture} is opened with timm, which cannot be imported ({reason}): {INSTALL}"
        ) from error
    return timm


def _made(library: ModuleType, architecture: str, given: object, said: Mapping) -> Any:
    """timm's model of that name and settings. RequestError for what is unknown, out of bounds, or no plain ViT."""
    settings = {} if given is None else given
    if not isinstance(settings, Mapping) or not set(settings) <= SETTINGS:
        unknown = ", ".join(sorted(set(settings) - SETTINGS)[:5]) if isinstance(settings, Mapping) else repr(settings)
        raise RequestError(f"model_args holds {unknown}; only {', '.join(sorted(SETTINGS))} are taken.")
    for key, value in settings.items():
        numbers = value if isinstance(value, list | tuple) else [value]
        most = DEEPEST if key == "depth" else LARGEST
        if any(not isinstance(one, str | int | float | None) for one in numbers) or any(
            isinstance(one, int | float) and not 0 <= one <= most for one in numbers
        ):
            raise RequestError(f"model_args sets {key} to {value!r}; give numbers from 0 to {most:,}, or a word.")
    if not library.is_model(architecture):
        raise RequestError(f"architecture is {architecture!r}, which timm {library.__version__} does not know.")
    size = {"img_size": said["input_size"][-1]} if "input_size" in said and "img_size" not in settings else {}
    settings = dict(settings) | size
    if "img_size" in settings and not _is_side(settings["img_size"]):
        raise RequestError(f"its pictures are {settings['img_size']!r} pixels; give one side of 1 to {LARGEST:,}.")
    model_class = library.models.vision_transformer.VisionTransformer
    try:
        model = library.create_model(architecture, pretrained=False, num_classes=0, dynamic_img_size=True, **settings)
    except TypeError as error:
        raise RequestError(
            f"architecture is {architecture!r}; only Vision Transformers can be opened ({error})."
        ) from error
    if type(model) is not model_class:
        raise RequestError(
            f"architecture is {architecture!r}, a {type(model).__name__}; only VisionTransformer can be opened."
        )
    return model.eval().requires_grad_(False)


def _filter_of(said: Mapping) -> Resample:
    named_filter = text_of(said, "interpolation", "bicubic")
    if named_filter not in FILTERS:
        raise RequestError(f"its interpolation is {named_filter!r}; choose from {', '.join(FILTERS)}.")
    return FILTERS[FILTERS.index(named_filter)]


def _is_side(size: object) -> bool:
    return isinstance(size, int) and not isinstance(size, bool) and 1 <= size <= LARGEST


def _shape(model: Any) -> ViTConfig:
    (patch, other), (rows, columns) = model.patch_embed.patch_size, model.patch_embed.grid_size
    if patch != other or rows != columns:
        raise RequestError(
            f"its patches are {patch}×{other} pixels in a grid of {rows}×{columns}; only squares can be opened."
        )
    block, width = model.blocks[0], model.embed_dim
    return ViTConfig(
        width=width,
        depth=len(model.blocks),
        heads=block.attn.num_heads,
        patch=patch,
        image_size=rows * patch,
        registers=model.num_prefix_tokens - bool(model.has_class_token),
        mlp_ratio=block.mlp.fc1.out_features / width,
        channels=model.patch_embed.proj.in_channels,
        pos_offset=0.0,
    )


def _fill(model: nn.Module, stored: object, where: str) -> None:
    if not isinstance(stored, Mapping) or not all(isinstance(value, Tensor) for value in stored.values()):
        raise ModelError(f"{where}: its file holds something else than tensors by name; save the model's state_dict.")
    expected = model.state_dict()
    state = {key: value for key, value in stored.items() if key in expected or not key.startswith(_LEFT_OUT)}
    require_floats(state)
    problems = [
        *named("missing", expected.keys() - state.keys()),
        *named("unexpected", state.keys() - expected.keys()),
        *named("of another shape", {
            f"{key} {tuple(state[key].shape)} instead of {tuple(expected[key].shape)}"
            for key in expected.keys() & state.keys() if state[key].shape != expected[key].shape
        }),
    ]  # fmt: skip
    if problems:
        raise ModelError(f"{where} does not fit its {DESCRIPTION}: {'; '.join(problems)}.")
    state = {key: value.float() for key, value in state.items()}
    require_finite(state, where)
    model.load_state_dict(state, strict=True, assign=True)


def _assembled(model: Any, shape: ViTConfig, traits: Traits) -> AdaptedEncoder:
    def attention(block: Any) -> AttentionParts | None:
        plain = type(block.attn).__name__ == "Attention" and block.attn.qkv.out_features == 3 * shape.width
        return _ATTENTION if plain and isinstance(block.attn.q_norm, nn.Identity) else None

    blocks = [AdaptedBlock(block, shape.heads, attention(block)) for block in model.blocks]
    norm, has_cls = model.norm, bool(model.has_class_token)
    pool = None if has_cls else _Pool(model.attn_pool, model.fc_norm)
    for taken in ("blocks", "norm", "attn_pool", "fc_norm"):
        setattr(model, taken, None)
    return AdaptedEncoder(shape, traits, _Front(model), blocks, norm, has_cls, pool)
