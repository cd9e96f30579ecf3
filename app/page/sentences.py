"""Sentences with numbers and names in them."""

import re
from html import escape

from app.server.jobs import duration
from app.server.models import Loaded
from core.templates import html
from core.weights.load import ModelSource
from core.wording import counted


def status(model: Loaded, size: int) -> str:
    """Resolution, device and the last forward pass, for the bar."""
    return f"{size} px · {model.device} · last forward {duration(model.last_ms)}"


def chip(source: ModelSource) -> str:
    """The model's title, size and trainer, on one line."""
    millions = source.parameters / 1e6
    size = f"{millions:.0f}" if millions >= 10 else f"{millions:.1f}"
    return f"{source.title} · {size} M parameters · trained by {source.trained_by}"


def banner(note: str) -> str:
    """A note about a model as HTML: on a phone one line of it, and all of it for whoever opens it."""
    return html("<details><summary>{{ note }}</summary></details>", note=note)


def loading(name: str, fetched: tuple[int, int], seconds: float) -> str:
    """Progress of the loading of a model: the share downloaded and the time left, where these are known."""
    done, total = fetched
    if not total:
        return f"Loading {plain(name)} … {seconds:.0f} s"
    remaining = f", about {duration(1000 * seconds * (total - done) / done)} left" if done else ""
    return f"Loading {plain(name)} … {done / 2**20:.0f} of {total / 2**20:.0f} MB{remaining}"


def plain(text: str) -> str:
    """Text as Markdown that means nothing but itself: names of files may hold anything."""
    # Markdown first: a # with a backslash before it would end the entity that it is part of
    return escape(re.sub(r"([\\`*_{}\[\]#|~])", r"\\\1", text), quote=False)


def lapse(seconds: float) -> str:
    """A long time as people say it: 6 minutes, 3 hours, 2 days."""
    for name, size in (("day", 86_400), ("hour", 3600), ("minute", 60)):
        count = round(seconds / size)
        if seconds >= size:
            return counted(count, name)
    return counted(round(seconds), "second")
