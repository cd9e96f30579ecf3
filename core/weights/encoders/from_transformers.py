"""An encoder with transformers' own modules: described by config.json, filled from the weights beside it, strictly."""

import contextlib
import logging
from collections.abc import Iterator, Mapping
from types import ModuleType
from typing import Any

import torch
from torch import Tensor, nn

from core.errors import DinoError, ModelError, RequestError
from core.model.adapted import AdaptedBlock, AdaptedEncoder, Traits
from core.model.config import ViTConfig
from core.model.vit import ModelSource
from core.pictures.geometry import whole_size
from core.weights.checks import named, require_finite
from core.weights.encoders.beside import DESCRIPTION, Beside, read_object
from core.weights.encoders.families import FAMILIES, Family
from core.weights.encoders.preparation import NAME, Preparation, read_preparation
from core.weights.encoders.words import TextShape, open_words
from core.weights.stored import read_as_stored
from core.weights.wrapping import require_floats

log = logging.getLogger(__name__)

INSTALL = "python -m pip install 'transformers>=5'"
UNSAID_PREPARATION = (
    "No {name} lies beside the weights: pixels are normalised as is usual for {family}, by mean {mean} and std {std}."
)
_NOT_SHAPE = (
    "auto_map",
    "quantization_config",
    "dtype",
    "torch_dtype",
    "attn_implementation",
    "experts_implementation",
)
"""Settings of a description, at any depth, that name code, a way of computing or a storage; those that begin with an
underscore are the library's own."""
_COUNTED, _NUMBERS = ".position_ids", "summary_idxs"
"""Ends of names of whole numbers: those that old files hold and a model counts anew, and those of C-RADIO."""


def open_encoder(kind: str, name: str, beside: Beside) -> AdaptedEncoder:
    """The encoder of `FAMILIES[kind]` whose files are beside its config.json, on the CPU.

    No code of a repository is run. Raises ModelError where transformers is missing, or the description or the weights
    cannot be used.
    """
    family, library = FAMILIES[kind], _library(FAMILIES[kind].title)
    path = beside.find(DESCRIPTION)
    assert path is not None  # it said which kind
    where = f"{beside.name} ({family.title})"
    values = _shape_alone(read_object(path))
    try:
        described = getattr(library, family.config).from_dict(values)
        vision = getattr(described, family.section) if family.section else described
        shape = _shape(vision, family)
        if family.words:
            TextShape.of(getattr(described, family.words))
    except DinoError as error:
        raise ModelError(f"{path} does not describe a {family.title} that can be opened: {error}") from error
    except Exception as error:  # transformers checks descriptions with errors of its own and of others
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise ModelError(f"{path} does not describe a {family.title} that can be opened: {reason}") from error
    stored, sha256 = read_as_stored(beside.weights())
    whole = _filled(library, family, described, _floats(stored, where), where)
    whole.requires_grad_(False).eval()
    preparation, note = _prepared(family, beside)
    traits = Traits(family.title, preparation.mean, preparation.std)
    model = _assembled(family, whole, vision, shape, traits)
    model.resample = preparation.resample
    model.default_size = whole_size(preparation.size, shape.patch) if preparation.size else shape.image_size
    if family.words:
        model.text, model.project, unspoken = open_words(library, whole, described, beside)
        note = " ".join(filter(None, (note, unspoken)))
    title = f"{family.title} {shape.width}×{shape.depth}/{shape.patch}"
    parameters = sum(parameter.numel() for parameter in model.parameters())
    model.source = ModelSource(
        name,
        f"{title} from {beside.title}",
        beside.name,
        sha256,
        parameters,
        beside.owner,
        revision=beside.revision,
        note=note,
    )
    return model


def _shape_alone(values: Mapping) -> dict[str, Any]:
    """A description without what could name code to fetch, such as a kernel of the hub for attention."""
    return {
        key: _shape_alone(value) if isinstance(value, Mapping) else value
        for key, value in values.items()
        if key not in _NOT_SHAPE and not key.startswith("_")
    }


def _library(family: str) -> ModuleType:
    try:
        import transformers  # here: none of core's own networks needs it
    except (ImportError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise ModelError(
            f"{family} is opened with transformers, which cannot be imported ({reason}): {INSTALL}"
        ) from error
    return transformers


def _shape(vision: Any, family: Family) -> ViTConfig:
    """The encoder's shape within core's bounds. RequestError, and what an absent or odd field raises, where it has none."""
    patch, width = vision.patch_size, vision.hidden_size
    image = getattr(vision, "image_size", None)
    if isinstance(image, list | tuple):
        if len(set(image)) != 1:
            raise RequestError(f"image_size is {list(image)}; only squares can be opened.")
        image = image[0]
    if isinstance(patch, list | tuple) and len(set(patch)) == 1:
        patch = patch[0]
    if family.architecture.startswith("Siglip2"):
        image = round(vision.num_patches**0.5) * patch
    if not all(isinstance(one, int) and one > 0 for one in (patch, width, image)):
        raise RequestError(f"patch_size is {patch!r}, image_size {image!r}, hidden_size {width!r}; give whole numbers.")
    hidden = getattr(vision, "intermediate_size", None)
    return ViTConfig(
        width=width,
        depth=vision.num_hidden_layers,
        heads=vision.num_attention_heads,
        patch=patch,
        image_size=image // patch * patch,
        registers=family.more_tokens(vision),
        mlp_ratio=float(vision.mlp_ratio) if hidden is None else hidden / width,
        channels=vision.num_channels,
        pos_offset=0.0,
    )


def _floats(stored: object, where: str) -> dict[str, Tensor]:
    """The tensors of floating-point numbers in what a file held. ModelError where it holds others."""
    if not isinstance(stored, Mapping) or not all(isinstance(value, Tensor) for value in stored.values()):
        raise ModelError(f"{where}: its file holds something else than tensors by name; save the model's state_dict.")
    state = {name: value for name, value in stored.items() if not name.endswith(_COUNTED)}
    require_floats({name: value for name, value in state.items() if not name.endswith(_NUMBERS)})
    return state


def _filled(library: ModuleType, family: Family, described: Any, state: dict[str, Tensor], where: str) -> nn.Module:
    """The library's model with all those weights. ModelError where one is missing, of another shape, NaN or not known."""
    try:
        made = getattr(library, family.architecture)  # it is imported only now, with all that it needs
        with torch.device("meta"), _quiet(library):  # nothing is allocated until the file is seen to hold as much
            expected = sum(one.numel() for one in made(described, **dict(family.options)).parameters())
        held = sum(one.numel() for one in state.values())
        if expected > held:
            raise ModelError(
                f"{where} does not fit its weights: {DESCRIPTION} describes {expected:,} parameters, the file holds {held:,}."
            )
        with _quiet(library):
            whole, found = made.from_pretrained(
                None, config=described, state_dict=state, output_loading_info=True, dtype=torch.float32,
                attn_implementation="sdpa", ignore_mismatched_sizes=True, **dict(family.options),
            )  # fmt: skip
    except ModelError:
        raise
    except Exception as error:  # whatever a description that fits no weights makes the library run into
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise ModelError(f"{where} cannot be opened with transformers {library.__version__}: {reason}") from error
    problems = [
        *named("missing", found["missing_keys"]),
        *named("unexpected", {key for key in found["unexpected_keys"] if not key.startswith(family.left_out)}),
        *named("of another shape", {
            f"{key} {tuple(given)} instead of {tuple(wanted)}" for key, given, wanted in found["mismatched_keys"]
        }),
    ]  # fmt: skip
    if problems:
        raise ModelError(f"{where} does not fit its {DESCRIPTION}: {'; '.join(problems)}.")
    require_finite({key: value for key, value in whole.state_dict().items() if value.is_floating_point()}, where)
    return whole


def _prepared(family: Family, beside: Beside) -> tuple[Preparation, str]:
    """How pictures are prepared, and a note on what had to be assumed."""
    usual, path = family.usual, beside.find(NAME)
    if path is not None:
        return read_preparation(read_object(path), usual), ""
    if not family.norm:  # its network normalises pixels itself
        return usual, ""
    mean, std = list(usual.mean), list(usual.std)
    return usual, UNSAID_PREPARATION.format(name=NAME, family=family.title, mean=mean, std=std)


def _assembled(family: Family, whole: nn.Module, vision: Any, shape: ViTConfig, traits: Traits) -> AdaptedEncoder:
    encoder = whole.get_submodule(family.vision)
    layers = next((layers for name in family.blocks if (layers := _part(encoder, name)) is not None), None)
    pool = _part(encoder, family.pool) if family.pool else None
    if not isinstance(layers, nn.ModuleList):
        raise ModelError(f"This version of transformers has no {family.title} as is known here: {INSTALL} --upgrade")
    return AdaptedEncoder(
        shape,
        traits,
        family.front(encoder, vision),
        [AdaptedBlock(layer, shape.heads, family.attention) for layer in layers],
        encoder.get_submodule(family.norm) if family.norm else nn.Identity(),
        family.cls,
        pool,
    )


def _part(module: nn.Module, name: str) -> nn.Module | None:
    try:
        return module.get_submodule(name)
    except AttributeError:
        return None


@contextlib.contextmanager
def _quiet(library: ModuleType) -> Iterator[None]:
    """Without the library's bars and tables: what they would tell is raised as an error here."""
    logger, bars = logging.getLogger("transformers"), library.utils.logging
    level, shown = logger.level, bars.is_progress_bar_enabled()
    logger.setLevel(logging.CRITICAL)
    bars.disable_progress_bar()
    try:
        yield
    finally:
        logger.setLevel(level)
        if shown:
            bars.enable_progress_bar()
