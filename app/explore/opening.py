"""The view that a page opens with: the same for everyone, so that it comes with the page, before anything was asked."""

from dataclasses import dataclass, field
from typing import Any

from app.explore.handlers import show
from app.explore.payloads import stage_props
from app.explore.settings import opening_settings
from app.server.engine import Engine
from app.server.session import NOTHING_SENT, Sent
from app.server.trays import open_tray


@dataclass(frozen=True)
class Opening:
    """The stage's first props, and the keys by which they are not sent again."""

    props: dict[str, Any] = field(default_factory=dict)
    sent: Sent = NOTHING_SENT


def opening(engine: Engine) -> Opening:
    """The first view, where it was computed already (`app.__main__.warm_up`); nothing is waited for."""
    model = engine.models.ready(engine.models.default)
    if model is None:
        return Opening()
    tray, settings = open_tray(engine, ""), opening_settings(model)
    if engine.missing(model, engine.items(tray), settings.layer(model.depth), settings.size):
        return Opening()
    screen = show(engine, tray, model, settings)
    return Opening(stage_props(engine, screen, settings), screen.sent)
