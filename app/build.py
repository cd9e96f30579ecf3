"""The page put together, and served."""

import logging
import os
from argparse import Namespace
from collections.abc import Sequence

import gradio as gr
from starlette.middleware import Middleware
from starlette.requests import Request

from app.compare.tab import TAB as COMPARE
from app.emergence.tab import TAB as EMERGENCE
from app.explore import views
from app.explore.events import TAB as EXPLORE
from app.map.events import TAB as MAP
from app.match.events import TAB as MATCH
from app.page import bar, model_panel, modules, payloads, tray
from app.page.address import PageAddress
from app.page.shared import Shared, Tab, share
from app.page.theme import theme, variables
from app.page.wiring import visitor
from app.page.words import help_texts
from app.search.events import TAB as SEARCH
from app.server.access import NAMED, Access
from app.server.agents import mend
from app.server.engine import Engine
from app.server.fetching import bound
from app.server.gate import Gate, password_check
from app.server.presence import Connections
from app.server.receive import upload_route
from app.server.serve import OwnHostOnly, free_port, is_loopback, plotly_route
from app.server.spool import spool
from app.server.trays import open_tray
from app.tour.steps import tour_script
from app.video.tab import TAB as VIDEO
from core import RequestError

log = logging.getLogger(__name__)

TABS = (EXPLORE, MATCH, SEARCH, MAP, EMERGENCE, COMPARE, VIDEO)
"""In the page's order."""
SEEN_FIRST = ("page/page.js", "page/address.js", "page/tray.js", "explore/stage.js")
"""Modules that every visitor waits for."""


def build(engine: Engine, access: Access, tabs: Sequence[Tab] = TABS) -> gr.Blocks:
    """The page, not yet served. Nothing here waits for the model."""
    spool()  # before the first component, which keeps in mind where files go
    with gr.Blocks(title="Dinoscope", analytics_enabled=False) as blocks:
        _lay_out(engine, access, blocks, tabs)
        with gr.Column(visible=False):
            for tab in tabs:
                if tab.endpoints:
                    tab.endpoints(engine, access)
    # any number of light events at once; those that may wait for a model have lines of their own (`app.server.lines`)
    blocks.queue(default_concurrency_limit=None)
    return blocks


def launch(
    blocks: gr.Blocks,
    host: str,
    port: int,
    *,
    auth: tuple[str, str] | None = None,
    trusted: Sequence[str] = (),
    max_upload_mb: float = 25,
    mcp: bool = False,
    wait: bool = True,
) -> str:
    """Serve the page, return its address; with `wait`, only when interrupted. `mcp`: serve the endpoints to agents, too."""
    port = free_port(host, port)

    def logged_in(request: Request) -> bool:
        kinds = ("access-token", "access-token-unsecure")
        tokens = [request.cookies.get(f"{kind}-{blocks.app.cookie_id}") for kind in kinds]
        return any(token in blocks.app.tokens for token in tokens if token)

    gate = Middleware(Gate, loopback=is_loopback(host), trusted=trusted, logged_in=logged_in if auth else None)
    middleware = [gate, Middleware(Connections), Middleware(OwnHostOnly)]
    bound(lambda: blocks.max_file_size)
    routes = [upload_route(spool(), lambda: blocks.max_file_size), plotly_route(), modules.route()]
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    blocks.launch(
        server_name=host,
        server_port=port,
        auth=password_check(*auth) if auth else None,  # type: ignore[arg-type]  # Gradio awaits coroutines, too
        mcp_server=mcp,
        max_file_size=int(max_upload_mb * 2**20),
        theme=theme(),
        css=variables(),
        css_paths=modules.styles(),
        head=_head(),
        footer_links=[],
        run_history=False,
        ssr_mode=False,
        share=False,
        allowed_paths=[],
        enable_monitoring=False,
        quiet=True,
        prevent_thread_lock=True,
        app_kwargs={"middleware": middleware, "routes": routes},
    )
    shown = f"[{host}]" if ":" in host else {"0.0.0.0": "127.0.0.1"}.get(host, host)
    url = f"http://{shown}:{port}"
    print(f"Dinoscope is at {url}", flush=True)
    if mcp and not blocks.mcp_server:
        raise RequestError(f"--mcp cannot be served ({blocks.mcp_error}); python -m pip install 'gradio[mcp]'")
    if mcp:
        mend(blocks.mcp_server_obj)
    if wait:
        blocks.block_thread()
    return url


def serve(options: Namespace, engine: Engine) -> None:
    """The app served as the command line asks."""
    access = Access(is_loopback(options.host), options.auth is not None, options.model)
    blocks = build(engine, access)
    launch(
        blocks,
        options.host,
        options.port,
        auth=options.auth,
        trusted=options.trusted_host,
        max_upload_mb=options.max_upload_mb,
        mcp=options.mcp,
    )


def _head() -> str:
    """The scripts of the whole page, and word of those that the first tab is about to ask for."""
    whole = ("page/page.js", "page/names.js", "page/sliders.js", "page/folding.js", "page/presenting.js")
    scripts = [*map(modules.script, whole), tour_script()]
    return "".join([modules.preloads(*SEEN_FIRST), *scripts])


def _lay_out(engine: Engine, access: Access, blocks: gr.Blocks, tabs: Sequence[Tab]) -> None:
    """The bar, the tray at the left, the tabs, and what leads from one to another."""
    top = bar.lay_out(list(dict.fromkeys([access.default, *NAMED])), access, _help())
    with gr.Row(elem_id="page"):
        with gr.Column(scale=1, min_width=200, elem_id="side"):
            pictures = tray.lay_out(payloads.tray_items(engine, open_tray(engine, "")))
        shared = share(engine, access, top, pictures, [tab.name for tab in tabs])
        with gr.Column(scale=7, min_width=320, elem_id="main"):
            _lay_out_tabs(shared, tabs)
    model_panel.wire(shared)
    tray.wire(engine, pictures, shared.tray, shared.renew)
    PageAddress(shared, [_address(tab) for tab in tabs]).wire(blocks)

    def leave(request: gr.Request) -> None:
        engine.leave(visitor(request))

    blocks.unload(leave)


def _lay_out_tabs(shared: Shared, tabs: Sequence[Tab]) -> None:
    with gr.Tabs(elem_id="tabs", overflow_behavior="wrap"):
        for one in tabs:
            with gr.Tab(one.name, id=_address(one), elem_id=f"tab-{_address(one)}") as button:
                one.add(shared)
            shared.follow(one.name, button)


def _address(tab: Tab) -> str:
    return tab.name.lower()


def _help() -> tuple[str, str]:
    endpoints = [view.key for view in views.VIEWS if view.endpoint] + ["similarity"]
    return help_texts(len(views.VIEWS), endpoints)
