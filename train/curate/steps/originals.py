"""The images that a curation is about, read again from where they lie."""

import functools
from pathlib import Path

from PIL import Image

from core import DinoError, load_image
from core.encoding import data_address, picture_bytes
from core.wording import counted
from train.curate.folder import CurationError, required_record
from train.curate.steps.embed import open_given
from train.data.sources import Encoded, Source


class Originals:
    """The sources of each set, opened when they are first needed."""

    def __init__(self, root: Path):
        self._paths = {name: one["paths"] for name, one in required_record(root, "embed")["sets"].items()}
        self._images = {name: one["images"] for name, one in required_record(root, "embed")["sets"].items()}
        self.source = functools.lru_cache(maxsize=None)(self._open)

    def read(self, name: str, row: int) -> Encoded:
        """The image in a row of a set, as stored. CurationError where the set is not what it was, ImageError where
        the image cannot be read any more."""
        return self.source(name).read(row)

    def _open(self, name: str) -> Source:
        paths = [Path(path) for path in self._paths[name]]
        if not paths:
            raise CurationError(f"The vectors of {name} were made elsewhere; its images are not known here.")
        source = open_given(paths).source
        if len(source) != self._images[name]:
            raise CurationError(
                f"{', '.join(map(str, paths))} held {counted(self._images[name], 'image')} when they were embedded, "
                f"{len(source)} now; put them back, or curate anew."
            )
        return source


def small_copy(originals: Originals, name: str, row: int, side: int) -> bytes | None:
    """A WebP of an image, its longer side so many pixels at most; None where it cannot be read any more."""
    try:
        image = load_image(originals.read(name, row).data)
    except (DinoError, OSError):
        return None
    image.thumbnail((side, side), Image.Resampling.LANCZOS)
    return picture_bytes(image, "WEBP", quality=80)


def thumbnail(originals: Originals, name: str, row: int, side: int) -> str | None:
    """The same as a `data:` address."""
    data = small_copy(originals, name, row, side)
    return None if data is None else data_address("image/webp", data)
