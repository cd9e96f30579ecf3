"""A model by name: shipped, untrained, published, a run folder, or a file.

Weights are read without running any code in them, and strictly: each missing or unexpected key is named.
"""

import hashlib
import logging
from dataclasses import replace
from pathlib import Path

import torch

from core.errors import HubError, ModelError, RequestError
from core.model.config import BACKBONES, ViTConfig
from core.model.device import find_device
from core.model.layers import Block
from core.model.vit import ModelSource, VisionTransformer
from core.records import runs
from core.weights import layouts
from core.weights.checks import named, require_finite
from core.weights.dinov3 import PERIODS
from core.weights.encoders.beside import Folder, OnHub
from core.weights.encoders.opening import opener_of
from core.weights.fetched import fetched_weights
from core.weights.hub import REPOSITORY, fetch
from core.weights.names import PUBLISHED, SATELLITE, licence, title
from core.weights.stored import FOLDER_NAMES, SUFFIXES, Weights, find_weights, read_weights
from core.weights.transfer import Progress

log = logging.getLogger(__name__)

SHIPPED = Path(__file__).parents[2] / "assets" / runs.BACKBONE
UNTRAINED_SEED = 0
WEB_DINO = "facebook/webssl-dino"
"""Beginning of repositories of Web-DINO, which resizes position embeddings as DINOv2 without registers does (the README of
facebookresearch/webssl)."""
TIMM = "timm:"
"""Before the name of a model of timm, whose weights the hub keeps under the owner timm."""


UNTRAINED_NOTE = (
    "This network is untrained: its weights are random. What its maps show is position, colour and texture, which "
    "any network passes on; nothing here has been learned."
)


SHIPPED_NOTE = (
    "The shipped model is tiny and learned for 2.5 hours on a processor: it sees textures and simple shapes. For "
    "DINOv2's own features click the model's name and choose dinov2-small."
)

SATELLITE_NOTE = (
    "It learned satellite pictures, normalised by their own mean and spread (0.430, 0.411, 0.296; 0.213, 0.156, 0.143). "
    "Pictures are prepared with ImageNet's here, so its features differ from the authors'."
)
ASSUMED_CONVENTION = (
    "Its description does not say how position embeddings are resized; this is done as transformers does. For a copy "
    "of a model that Meta published without registers, load it by its name (dinov2-small …) instead: at other picture "
    "sizes than its own, features differ slightly."
)
ASSUMED_SHAPE = (
    "No config.json lies beside the weights: their shapes tell the model's, and position embeddings are resized as in "
    "the models that Meta published."
)
NO_MASK_TOKEN = "The file has no mask token, which only training asks for; zeros stand in its place."
ASSUMED_HEADS = "The file does not say how many attention heads the model has; {heads} were assumed."


def load_model(
    name: str | Path, device: str | torch.device | None = None, progress: Progress | None = None
) -> VisionTransformer:
    """The model of that name in eval mode, float32, on `device` (CUDA where there is one), with its `.source`
    and its `.default_size`.

    `name` is `embedded` (shipped), `untrained` (a random ViT-S/14), `dinov2-{small,base,large,giant}` with or
    without `-reg`, `dinov3-{small,small-plus,base,large,huge-plus,7b}`, `hf:owner/name[@revision]`, `timm:name`, or a path: a run folder, a folder in the Hugging Face layout, a
    `.safetensors` file, or one of torch's (`.pth`), official or a training's. `owner/name[@revision]` is the hub's
    where it is no path. `progress` is called with (bytes done, bytes in all) of a download.
    Raises ModelError where the name or the weights are wrong, HubError where the hub does not give them, and
    RequestError where there is no such device.
    """
    name, place = str(name), find_device(device)
    if name == "embedded":
        model = _embedded()
    elif name == "untrained":
        model = _untrained()
    elif name in PUBLISHED:
        model = _published(name, progress)
    elif name.startswith("hf:"):
        model = _from_hub(name, progress)
    elif name.startswith(TIMM):
        model = _from_hub(name, progress, f"timm/{name.removeprefix(TIMM)}")
    elif _may_be_on_the_hub(name):
        try:
            model = _from_hub(name, progress)
        except HubError as error:
            raise HubError(f"There is no path {name!r} here; as a repository of the hub: {error}") from error
    else:
        model = _from_path(name, Path(name).expanduser())
    return model.to(place).eval()


def _may_be_on_the_hub(name: str) -> bool:
    path = Path(name)
    named = REPOSITORY.fullmatch(name.partition("@")[0]) and path.suffix not in SUFFIXES
    return bool(named) and not path.exists()


def _embedded() -> VisionTransformer:
    if SHIPPED.is_file():
        model = _from_file("embedded", SHIPPED, trained_by="this project", licence="Apache-2.0", note=SHIPPED_NOTE)
        assert model.source is not None
        model.source = replace(model.source, title=f"Dinoscope {_shape(model)}")
        return model
    log.warning("No trained checkpoint is shipped yet; `embedded` gives the untrained network instead.")
    model = _untrained()
    assert model.source is not None
    model.source = replace(model.source, note=f"No trained checkpoint is shipped yet. {UNTRAINED_NOTE}")
    return model


def _untrained() -> VisionTransformer:
    """A ViT-S/14 with seeded random weights: what the architecture shows before anything is learned.

    LayerScale is 1, not training's 1e-5, with which the blocks would add nothing and the map would be that of
    the patch embedding alone.
    """
    with torch.device("meta"):
        model = VisionTransformer(replace(BACKBONES["dinov2-small"], layer_scale=1.0))
    model.to_empty(device="cpu")
    for block in model.blocks:
        assert isinstance(block, Block)
        for norm in (block.norm1, block.norm2):
            norm.reset_parameters()
        for scale in (block.ls1, block.ls2):
            torch.nn.init.ones_(scale.gamma)
    model.norm.reset_parameters()
    model.initialise(torch.Generator().manual_seed(UNTRAINED_SEED))
    digest = hashlib.sha256()
    for tensor in model.state_dict().values():
        digest.update(tensor.numpy().data)
    model.source = ModelSource(
        name="untrained",
        title="Untrained ViT-S/14",
        where=f"random, seed {UNTRAINED_SEED}",
        sha256=digest.hexdigest(),
        parameters=_count(model),
        trained_by="nobody",
        licence="Apache-2.0",
        note=UNTRAINED_NOTE,
    )
    return model


def _published(name: str, progress: Progress | None) -> VisionTransformer:
    repository = PUBLISHED[name]
    file = fetched_weights(repository.name, repository.revision, progress)
    weights = read_weights(file.path)
    model = _build(weights, BACKBONES[name], str(file.path))
    model.source = ModelSource(
        name, title(name), repository.name, weights.sha256, _count(model), "Meta AI", licence(name), file.revision
    )
    return model


def _from_hub(name: str, progress: Progress | None, where: str = "") -> VisionTransformer:
    repository, _, revision = (where or name.removeprefix("hf:")).partition("@")
    if repository.count("/") != 1:
        raise ModelError(f"{name!r} names no repository; write hf:owner/name, or hf:owner/name@revision.")
    described = fetch(repository, "config.json", revision or "main", progress)
    if opened := opener_of(described.path):
        return opened(name, OnHub(repository, described.revision, progress))
    config, note, default_size = _hugging_face_config(described.path)
    for published, (owner_and_name, _) in PUBLISHED.items():
        if repository == owner_and_name:  # it was trained with the convention that its description leaves out
            config, note = BACKBONES[published], ""
    if repository.startswith(WEB_DINO):
        config, note = replace(config, pos_offset=0.1, pos_antialias=False), ""
    if repository in SATELLITE:
        note = SATELLITE_NOTE
    weights = read_weights(fetched_weights(repository, described.revision, progress).path)
    model = _build(weights, config, name, default_size)
    owner = repository.split("/")[0]
    model.source = ModelSource(
        name,
        repository,
        repository,
        weights.sha256,
        _count(model),
        owner,
        revision=described.revision,
        note=_together(note, _said_of(weights)),
    )
    return model


def _hugging_face_config(path: Path) -> tuple[ViTConfig, str, int]:
    """The shape that a `config.json` describes, a note on what had to be assumed, and the default size."""
    config, complete, default_size = layouts.read_hugging_face_config(path)
    return config, "" if complete or config.registers else ASSUMED_CONVENTION, default_size


def _from_path(name: str, path: Path) -> VisionTransformer:
    if not path.exists():
        known = ", ".join(["embedded", "untrained", *PUBLISHED])
        raise ModelError(
            f"There is no model {name!r}: it is neither a path that exists, nor hf:owner/name, nor {known}."
        )
    if path.is_file():
        return _from_file(name, path)
    weights = find_weights(path)
    if (path / runs.BACKBONE).is_file() or weights is None:
        return _from_file(name, _found_backbone(path))
    described = path / "config.json"
    if not described.is_file():
        return _from_file(name, weights, note=ASSUMED_SHAPE)
    if opened := opener_of(described):
        return opened(name, Folder(path))
    config, note, default_size = _hugging_face_config(described)
    return _from_file(name, weights, config, default_size, note=note)


def _found_backbone(folder: Path) -> Path:
    """The backbone of a run folder; ModelError, naming what lies there instead, where it has none."""
    try:
        return runs.find_backbone(folder)
    except ModelError as error:
        others = sorted(path.name for path in folder.glob("*") if path.suffix in SUFFIXES) if folder.is_dir() else []
        given = f" It holds {', '.join(others[:5])}; give one of these by its path." if others else ""
        raise ModelError(f"{error} {FOLDER_NAMES[0]}, as transformers names it, is not there either.{given}") from error


def _from_file(
    name: str,
    path: Path,
    config: ViTConfig | None = None,
    default_size: int | None = None,
    note: str = "",
    **credits: str,
) -> VisionTransformer:
    weights, step = read_weights(path), None
    if config is None and path.suffix == ".safetensors":
        config, step = runs.stored_config(path), runs.stored_step(path)
        if config is not None:
            default_size, note = runs.stored_size(path, config.patch), note.replace(ASSUMED_SHAPE, "")
    if config is None:
        config = _inferred(weights.state, path)
        default_size = config.image_size  # of others' models: what they learned on
        if config.width % layouts.HEAD_WIDTH and PERIODS not in weights.state:
            note = _together(note, ASSUMED_HEADS.format(heads=config.heads))
    model = _build(weights, config, str(path), default_size)
    title = f"{_shape(model)} from {path.parent.name}/{path.name}"
    if step is not None:
        title += f", step {step:,}"
        credits = {"trained_by": "Dinoscope"} | credits
    note = _together(note, _said_of(weights))
    model.source = ModelSource(name, title, str(path), weights.sha256, _count(model), note=note, **credits)
    return model


def _said_of(weights: Weights) -> str:
    """What is to be known of where the weights were found, and of what they lack."""
    return _together(weights.note, "" if "mask_token" in weights.state else NO_MASK_TOKEN)


def _together(*sentences: str) -> str:
    return " ".join(filter(None, sentences))


def _shape(model: VisionTransformer) -> str:
    return f"ViT {model.config.width}×{model.config.depth}/{model.config.patch}"


def _inferred(state: layouts.State, path: Path) -> ViTConfig:
    try:
        return layouts.infer_config(state)
    except (ModelError, RequestError) as error:
        raise ModelError(f"{path}: {error}") from error


def _build(weights: Weights, config: ViTConfig, where: str, default_size: int | None = None) -> VisionTransformer:
    """A model of that shape with those weights, strictly; without a default size, that of its shape.

    A mask token, which no feature depends on, may be missing. ModelError where anything else does not fit, or holds
    NaN or infinity.
    """
    with torch.device("meta"):
        model = VisionTransformer(config)
    expected, state = model.state_dict(), dict(weights.state)
    if config.positions == "rope":
        state.pop(PERIODS, None)  # the shape says them
    if state and "mask_token" not in state:
        log.info("%s: %s", where, NO_MASK_TOKEN)
        state["mask_token"] = torch.zeros(1, config.width)
    problems = [
        *named("missing", expected.keys() - state.keys()),
        *named("unexpected", state.keys() - expected.keys()),
        *named("of another shape", {
            f"{key} {tuple(state[key].shape)} instead of {tuple(expected[key].shape)}"
            for key in expected.keys() & state.keys() if state[key].shape != expected[key].shape
        }),
    ]  # fmt: skip
    if problems:
        raise ModelError(
            f"{where} does not fit a ViT of width {config.width} and depth {config.depth}: {'; '.join(problems)}."
        )
    state = {key: value.float() for key, value in state.items()}
    require_finite(state, where)
    model.load_state_dict(state, strict=True, assign=True)
    model.default_size = model.default_size if default_size is None else default_size
    return model.requires_grad_(True)


def _count(model: VisionTransformer) -> int:
    return sum(parameter.numel() for parameter in model.parameters())
