"""Models for other programs: the Hugging Face layout, the authors' own, and ONNX.

`python -m core.exchange --model NAME --to huggingface --out FOLDER`
`python -m core.exchange --model NAME --to official --out FILE.pth`
`python -m core.exchange --model NAME --to onnx --out FILE.onnx [--size 518 518]`
`python -m core.exchange --model NAME --push OWNER/NAME [--private]`
"""

import json
import logging
import os
import shutil
import sys
import tempfile
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import torch
import tyro
from PIL import Image
from torch import Tensor, nn

from core import publish
from core.bounds import Bounds, require_bounds
from core.command import run_command
from core.errors import ExportError, RequestError
from core.features import IMAGENET_MEAN, IMAGENET_STD
from core.files import Output, replacing, require_output
from core.model.adapted import require_own
from core.model.vit import VisionTransformer
from core.pictures.geometry import LARGEST_SIZE
from core.quiet import quiet
from core.tensor_files import save_tensors
from core.weights import layouts
from core.weights.load import load_model
from core.wording import counted

PROGRAM = "python -m core.exchange"
log = logging.getLogger(__name__)

ONNX_BYTES = 2**31
"""The size of the largest protobuf file."""
TOLERANCE = 1e-3
"""Largest difference from torch, relative to the outputs' spread, with which an ONNX file is kept."""


def to_hugging_face(model: VisionTransformer, folder: Path) -> Path:
    """A folder that transformers' `from_pretrained` opens: `config.json`, `model.safetensors`, and for a model of RGB
    pictures `preprocessor_config.json`, which AutoImageProcessor reads.

    The `default_size` rides along in `config.json`, for `core.load_model`.

    Outputs there equal ours at every size for models with registers, and for DINOv3's. transformers (looked at in 5.23) resizes
    position embeddings without the offset of 0.1 that models without registers are published with; of those,
    outputs agree at the model's own picture size only, which is logged. Raises RequestError where `folder` holds
    something, ExportError for a shape that transformers cannot describe, ModelError for another library's encoder.
    """
    require_output(folder, Output.NEW_FOLDER)
    require_own(model, "exported")
    difference = layouts.difference_there(model.config)
    if difference:
        log.warning("%s", difference)
    described = layouts.config_to_hugging_face(model.config) | {"default_size": model.default_size}
    partial = folder.with_name(f"{folder.name}.part")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    state = {name: tensor.detach().cpu() for name, tensor in model.state_dict().items()}
    save_tensors(layouts.to_hugging_face(state, model.config), partial / "model.safetensors", {"format": "pt"})
    (partial / "config.json").write_text(json.dumps(described, indent=2) + "\n")
    if model.config.channels == 3:
        preparation = json.dumps(_preparation(model.default_size), indent=2) + "\n"
        (partial / "preprocessor_config.json").write_text(preparation)
    else:
        log.warning(
            "No image processor of transformers knows pictures of %s.", counted(model.config.channels, "channel")
        )
    if folder.exists():
        folder.rmdir()
    os.replace(partial, folder)
    return folder


def to_official(model: VisionTransformer, path: Path) -> Path:
    """A `.pth` file of the weights as the authors' programs (facebookresearch/dinov2 or dinov3) load them, strictly.

    Nothing in it says the shape: these programs are told it by the name of their function. RequestError for a path that
    cannot be written.
    """
    require_output(path, Output.FILE)
    state = {name: tensor.detach().cpu() for name, tensor in model.state_dict().items()}
    with replacing(path) as partial:
        torch.save(layouts.to_official(state, model.config), partial)
    return path


def _preparation(size: int) -> dict:
    """A `preprocessor_config.json`: the shorter side at the model's own size, bicubic, and the square in the middle.

    With the processor that the published models name. `core.extract` shows the whole picture instead; of squares, both
    make the same.
    """
    return {
        "image_processor_type": "BitImageProcessor",
        "do_convert_rgb": True,
        "do_resize": True,
        "size": {"shortest_edge": size},
        "resample": int(Image.Resampling.BICUBIC),
        "do_center_crop": True,
        "crop_size": {"height": size, "width": size},
        "do_rescale": True,
        "rescale_factor": 1 / 255,
        "do_normalize": True,
        "image_mean": list(IMAGENET_MEAN),
        "image_std": list(IMAGENET_STD),
    }


class _Fixed(nn.Module):
    """A model for one picture size: pixels [B, 3, H, W] → cls [B, D], patches [B, N, D]."""

    position: Tensor

    def __init__(self, model: VisionTransformer, height: int, width: int):
        super().__init__()
        self.model = model
        if model.config.positions == "learned":
            rows, columns = height // model.config.patch, width // model.config.patch
            self.register_buffer("position", model.position_embedding(rows, columns).detach())
            model.fixed_positions = lambda rows, columns: self.position

    def forward(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        tokens = self.model(pixels)
        return tokens.cls, tokens.patches


def to_onnx(model: VisionTransformer, path: Path, size: tuple[int, int] | None = None) -> Path:
    """An ONNX file for pictures of `size` (height, width): `pixels` [B, 3, H, W] → `cls` [B, D], `patches` [B, N, D].

    Without a size, for squares of the model's `default_size`. Positions are baked in for it; the batch may
    be of any size. The file is kept only if onnxruntime computes with it what torch does. Raises RequestError for a size that is no multiple of the
    patch and a path that cannot be written, ModelError for another library's encoder, ExportError where the packages are missing, the model exceeds ONNX's 2 GiB or the outputs differ.
    """
    require_output(path, Output.FILE)
    require_own(model, "exported to ONNX")
    height, width = size or (model.default_size, model.default_size)
    if height % model.config.patch or width % model.config.patch or min(height, width) < model.config.patch:
        raise RequestError(f"size {height}×{width}: both sides must be multiples of the patch, {model.config.patch}.")
    try:
        import onnx  # noqa: F401  torch's exporter needs it, and says so less clearly
        import onnxruntime
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise ExportError(
            f"ONNX export needs {error.name}: python -m pip install onnx onnxscript onnxruntime"
        ) from error
    weight = 4 * sum(parameter.numel() for parameter in model.parameters())
    if weight >= ONNX_BYTES:
        raise ExportError(f"The model weighs {weight / 2**30:.1f} GiB, an ONNX file holds 2; export a smaller model.")
    fixed = _Fixed(_detached_copy(model), height, width).eval()
    example = torch.randn(2, model.config.channels, height, width, generator=torch.Generator().manual_seed(0))
    batch = torch.export.Dim("batch", min=1, max=4096)
    with replacing(path) as partial:
        with warnings.catch_warnings(), quiet("torch.onnx"):  # it warns of torchvision, which nothing here needs
            warnings.simplefilter("ignore")
            torch.onnx.export(
                fixed, (example,), partial, input_names=["pixels"], output_names=["cls", "patches"],
                dynamic_shapes={"pixels": {0: batch}}, dynamo=True, external_data=False, verbose=False,
            )  # fmt: skip
        _compare(fixed, onnxruntime.InferenceSession(partial, providers=["CPUExecutionProvider"]), example)
    return path


def _detached_copy(model: VisionTransformer) -> VisionTransformer:
    copied = VisionTransformer(model.config)
    copied.load_state_dict({name: tensor.detach().float().cpu() for name, tensor in model.state_dict().items()})
    return copied.requires_grad_(False).eval()


@torch.inference_mode()
def _compare(fixed: nn.Module, session, example: Tensor) -> None:
    """ExportError unless onnxruntime gives torch's outputs, for the example's batch and for a single picture."""
    for pixels in (example, example[:1]):
        outputs = session.run(None, {"pixels": pixels.numpy()})
        for name, ours, theirs in zip(("cls", "patches"), fixed(pixels), outputs, strict=True):
            difference = (ours - torch.from_numpy(theirs)).abs().max() / ours.std().clamp(min=1e-6)
            if not difference < TOLERANCE:
                raise ExportError(
                    f"The ONNX model's {name} differ from torch's by {difference:.1e} of their spread "
                    f"(allowed: {TOLERANCE:g}); the file was not kept. Try another version of onnxruntime."
                )


@dataclass(frozen=True, kw_only=True)
class Exchange:
    """Export a model for other programs, or push it to the model hub."""

    model: str
    """A name or path, as core.load_model takes it."""
    to: Literal["huggingface", "official", "onnx"] = "huggingface"
    """huggingface writes a folder for transformers, official a .pth file for Meta's own programs, onnx a file for any
    ONNX runtime."""
    out: Path | None = None
    """The folder or file to write; may be left out with --push."""
    size: Annotated[tuple[int, int] | None, Bounds(1, LARGEST_SIZE)] = None
    """Height and width in pixels of the pictures an ONNX model will take; a square of the model's own size where they
    are not given."""
    push: str | None = None
    """owner/name of the repository to put the folder into, with a model card; it is made where it is not there. The
    access token is HF_TOKEN, or what `hf auth login` stored."""
    private: bool = False
    """Nobody else may see the repository."""
    license: str | None = None
    """For the model card, as the hub names it (apache-2.0); the model's own where it is known."""
    datasets: tuple[str, ...] = ()
    """For the model card, the hub's names of what the model learned from."""

    def __post_init__(self):
        require_bounds(self, "--")


def exchange(options: Exchange) -> None:
    """Write and push what the options say. RequestError, before the model is loaded, where that cannot be done."""
    out, push = options.out, options.push
    if out is None and push is None:
        raise RequestError("There is nowhere to export to; give --out, --push, or both.")
    if options.to != "huggingface" and push is not None:
        raise RequestError(f"--push takes the folder for transformers; leave out --to {options.to}.")
    if out is not None:
        require_output(out, Output.NEW_FOLDER if options.to == "huggingface" else Output.FILE)
    if push is not None:
        publish.check(push)
    loaded = load_model(options.model, device="cpu")
    if options.to != "huggingface":
        assert out is not None  # it is with --push, which was refused above
        print(f"Wrote {to_onnx(loaded, out, options.size) if options.to == 'onnx' else to_official(loaded, out)}")
        return
    with tempfile.TemporaryDirectory() as scratch:
        folder = to_hugging_face(loaded, out or Path(scratch) / "model")
        if out is not None:
            print(f"Wrote {folder}")
        if push is not None:
            card = publish.card(loaded, push, options.license, options.datasets)
            (folder / "README.md").write_text(card, encoding="utf-8")
            print(f"Pushed to {publish.push(folder, push, options.private)}")


def main(words: Sequence[str]) -> int:
    """Run the command with a command line; the exit status."""
    return run_command(PROGRAM, lambda: tyro.cli(Exchange, prog=PROGRAM, args=words), exchange)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
