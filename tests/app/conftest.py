"""An engine with a small model, the app served with one, and a browser, which every test of the app may ask for."""

import socket
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Playwright, expect, sync_playwright

from app.server.engine import Engine
from app.server.models import Models
from app.server.quickstart import import_gradio
from app.server.shelf import Shelf
from tests.app.browsing import CHROMIUM, PATIENCE_MS
from tests.app.small import small_model

import_gradio()  # as the app does, or Gradio writes a stub beside every component of ours


@pytest.fixture
def engine(tmp_path) -> Engine:
    shelf = Shelf(tmp_path / "collections", tmp_path / "cache")
    return Engine("small", models=Models("small", load=small_model), shelf=shelf)


@pytest.fixture(scope="session")
def served(tmp_path_factory) -> Iterator[tuple[str, Engine]]:
    """The address of a running app with a small model, and its engine. Shared: tests use visitors of their own."""
    from app.build import build, launch
    from app.server.access import Access

    home = tmp_path_factory.mktemp("home")
    shelf = Shelf(home / "collections", home / "cache", shipped=())
    engine = Engine("small", models=Models("small", load=small_model), shelf=shelf)
    blocks = build(engine, Access(loopback=True, password=False, default="small"))
    address = launch(blocks, "127.0.0.1", unused_port(), max_upload_mb=0.5, wait=False)
    yield address, engine
    blocks.close(verbose=False)


@pytest.fixture(scope="module")
def playwright() -> Iterator[Playwright]:
    """Ended with each module: while it runs, no test of this thread can start an event loop of its own."""
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as started:
        yield started


@pytest.fixture(scope="module")
def browser(playwright) -> Iterator[Browser]:
    started = playwright.chromium.launch(**CHROMIUM)
    yield started
    started.close()


def unused_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
