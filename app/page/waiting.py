"""What a visitor is told while the model looks at their pictures, on whichever tab."""

from collections.abc import Iterator

import gradio as gr

from app.explore import handlers
from app.server.engine import Engine
from app.server.models import Loaded
from app.server.session import Settings, Tray
from core.templates import html


def busy(sentence: str) -> str:
    """The status line while something is computed."""
    return html('<span class="busy" role="status">{{ sentence }}</span>', sentence=sentence)


def waits(engine: Engine, tray: Tray, model: Loaded, settings: Settings) -> Iterator[dict]:
    """Compute the features that are lacking; before each part, updates of `status`, `stage` and `stop`."""
    for sentence in handlers.encode(engine, tray, model, settings, engine.stop_signal(tray.visitor)):
        yield {"status": busy(sentence), "stage": gr.HTML(busy=True), "stop": gr.update(visible=True)}
