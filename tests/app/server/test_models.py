"""The models of the server: those that the page cannot show pictures to are refused when they are named."""

import pytest

import core
from app.server.models import Models
from core import ModelError
from core.records import runs


@pytest.mark.parametrize("channels", [1, 4])
def test_a_model_of_other_pictures_is_refused_when_it_is_loaded(tmp_path, channels):
    model = core.VisionTransformer(core.ViTConfig(width=32, depth=1, heads=2, image_size=70, channels=channels))
    runs.save_backbone(model, tmp_path / "run" / runs.BACKBONE)
    models = Models("embedded")
    for _ in range(2):
        with pytest.raises(
            ModelError, match=f"takes pictures of {channels} channels?; pictures are prepared here in RGB"
        ):
            models.get(str(tmp_path / "run"))
