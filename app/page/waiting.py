"""Progress while the model looks at a visitor's pictures, on whichever tab."""

from collections.abc import Iterator

import gradio as gr

from app.page.wiring import busy
from app.server.encode import encode
from app.server.engine import Engine
from app.server.models import Loaded
from app.server.session import FeatureSettings, Tray


def waits(engine: Engine, tray: Tray, model: Loaded, settings: FeatureSettings) -> Iterator[dict]:
    """Compute the features that are lacking; before each part, updates of `status`, `stage` and `stop`."""
    for sentence in encode(engine, tray, model, settings, engine.stop_signal(tray.visitor)):
        yield {"status": busy(sentence), "stage": gr.HTML(busy=True), "stop": gr.update(visible=True)}
