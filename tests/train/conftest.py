"""Pictures to learn from, which every test of training may ask for."""

import pytest
from PIL import Image

from core.pictures.gallery import samples


@pytest.fixture(scope="session")
def photographs(tmp_path_factory):
    """The sample photographs, small, in a folder with one file that is none."""
    folder = tmp_path_factory.mktemp("photographs")
    for sample in samples():
        with Image.open(sample.path) as image:
            image.convert("RGB").resize((128, 96)).save(folder / f"{sample.name}.png")
    (folder / "broken.jpg").write_bytes(b"not a picture")
    return folder
