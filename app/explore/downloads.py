"""Files a visitor takes away: pictures, numbers, cut-outs, a PCA basis, each with where it came from.

Every function returns the path of a new file in a folder of its own under `folder`, which the server empties in time.
"""

import io
import json
import re
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from safetensors.numpy import save

from app.explore.handlers import Screen
from app.explore.settings import Settings
from app.explore.view import basis_of, scores_of
from app.explore.views.foreground import SOFT_EDGE
from app.page.files import fresh_folder, provenance, write
from app.server.encode import Encoded
from app.server.models import Loaded
from core.analysis.foreground import cut_out, refine_mask
from core.analysis.render import onto_picture
from core.encoding import picture_bytes


def pictures(folder: Path, screen: Screen, settings: Settings, model: Loaded) -> Path:
    """A zip with the view of each picture, PNG, at the picture's own resolution where the longer side is below 4096."""
    encoded, painted = screen.encoded, screen.painted
    view = settings.shown.key
    files = {}
    for name, item, feature_map, layer in _each(encoded, painted.layers):
        height, width = item.image.height, item.image.width
        if painted.aligned == "picture":
            image = Image.fromarray(layer).resize((width, height), Image.Resampling.BICUBIC)
        else:
            smooth = settings.shown.smooth
            image = Image.fromarray(onto_picture(layer, feature_map.geometry, height, width, smooth=smooth))
        files[f"{name}-{view}.png"] = _png(image)
    return _zip(folder, f"dinoscope-{view}.zip", files)


def cut_outs(folder: Path, screen: Screen, settings: Settings, model: Loaded) -> Path:
    """The objects on a transparent ground, at that resolution: one PNG, or a zip of several."""
    found, options = scores_of(screen.painted), settings.options
    threshold = found.threshold if options.threshold is None else options.threshold
    files = {}
    for name, item, feature_map, scores in _each(screen.encoded, found):
        mask = refine_mask(scores, item.image, feature_map.geometry)
        files[f"{name}-cut-out.png"] = _png(cut_out(item.image, soft_mask(mask, threshold, options.invert)))
    if len(files) == 1:
        ((name, data),) = files.items()
        return write(folder, name, data)
    return _zip(folder, "dinoscope-cut-outs.zip", files)


def soft_mask(mask: np.ndarray, threshold: float, invert: bool) -> np.ndarray:
    """Scores [H, W] → opacity 0..1 [H, W]: a ramp of SOFT_EDGE about the threshold, so that edges are not jagged."""
    opacity = np.clip((mask - threshold) / SOFT_EDGE + 0.5, 0, 1)
    return 1 - opacity if invert else opacity


def npz(folder: Path, screen: Screen, settings: Settings, model: Loaded) -> Path:
    """Numbers and features as .npz; its key `provenance` is JSON."""
    stream = io.BytesIO()
    origin = np.array(json.dumps(provenance(screen.encoded, settings.as_dict(), model), ensure_ascii=False))
    arrays: dict[str, Any] = {"provenance": origin, **named_arrays(screen)}
    np.savez_compressed(stream, **arrays)
    return write(folder, "dinoscope.npz", stream.getvalue())


def safetensors(folder: Path, screen: Screen, settings: Settings, model: Loaded) -> Path:
    """Numbers and features as .safetensors; its metadata has `provenance`, JSON."""
    origin = json.dumps(provenance(screen.encoded, settings.as_dict(), model), ensure_ascii=False)
    return write(folder, "dinoscope.safetensors", save(named_arrays(screen), {"provenance": origin}))


def named_arrays(screen: Screen) -> dict[str, np.ndarray]:
    """`NAME.view` ([h, w] or [h, w, k]), `NAME.patches` [h, w, D] and `NAME.cls` [D] of every picture."""
    arrays = {}
    for name, _, feature_map, values in _each(screen.encoded, screen.painted.values):
        arrays[f"{name}.view"] = np.ascontiguousarray(values)
        arrays[f"{name}.patches"] = feature_map.patches.numpy()
        arrays[f"{name}.cls"] = feature_map.cls.numpy()
    return arrays


def basis(folder: Path, screen: Screen, settings: Settings, model: Loaded) -> Path:
    """The PCA basis of the view, to be applied to other pictures."""
    path = fresh_folder(folder) / "pca-basis.safetensors"
    basis_of(screen.painted).save(path)
    return path


def _each(encoded: Encoded, values: Iterable) -> Iterator[tuple]:
    """(file name without ending, item, feature map, value) of every picture."""
    return zip(_stems(encoded), encoded.items, encoded.maps, values, strict=True)


def _stems(encoded: Encoded) -> list[str]:
    """A file name for each picture: numbered, in any script, without what file systems refuse."""
    stems = [re.sub(r'[\x00-\x1f<>:"/\\|?*]+', "_", Path(name).stem)[:80] for name in encoded.names]
    return [f"{number}-{stem}" for number, stem in enumerate(stems, start=1)]


def _png(image: Image.Image) -> bytes:
    return picture_bytes(image, "PNG", compress_level=3)


def _zip(folder: Path, name: str, files: dict[str, bytes]) -> Path:
    path = fresh_folder(folder) / name
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for member, data in files.items():
            archive.writestr(member, data)
    return path
