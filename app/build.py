"""The page put together, and served."""

import logging
import os
from argparse import Namespace
from pathlib import Path

import gradio as gr
from starlette.middleware import Middleware

from app.page import endpoints
from app.page import layout as page
from app.page.stage import page_head
from app.page.theme import theme, variables
from app.server.access import Access
from app.server.agents import mend
from app.server.engine import Engine
from app.server.serve import OwnHostOnly, free_port, is_loopback, plotly_route
from app.tour.steps import tour_script
from core import RequestError

log = logging.getLogger(__name__)

STATIC = Path(__file__).parent / "static"
MOST_WAITING = 300
"""Events in the queue; beyond these a server says that it is busy rather than let everybody wait."""
FILES_KEPT_S = 3600
"""Downloads are deleted after an hour; what visitors bring is deleted as soon as it is read."""


def build(engine: Engine, access: Access) -> gr.Blocks:
    """The page, not yet served. Nothing here waits for the model."""
    with gr.Blocks(title="Dinoscope", analytics_enabled=False, delete_cache=(900, FILES_KEPT_S)) as blocks:
        page.lay_out(engine, access, blocks)
        endpoints.lay_out(engine, access)
    # any number of light events at once; those that may wait for a model have a queue of their own
    blocks.queue(default_concurrency_limit=None, max_size=MOST_WAITING)
    return blocks


def launch(
    blocks: gr.Blocks,
    host: str,
    port: int,
    *,
    auth=None,
    max_upload_mb: float = 25,
    mcp: bool = False,
    wait: bool = True,
) -> str:
    """Serve the page, return its address; with `wait`, only when interrupted. `mcp`: serve the endpoints to agents, too."""
    port = free_port(host, port)
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    blocks.launch(
        server_name=host,
        server_port=port,
        auth=auth,
        mcp_server=mcp,
        max_file_size=int(max_upload_mb * 2**20),
        theme=theme(),
        css=variables(),
        css_paths=sorted(STATIC.glob("*.css")),
        head=f"{page_head()}{tour_script()}<script>{(STATIC / 'sliders.js').read_text('utf-8')}</script>",
        footer_links=[],
        run_history=False,
        ssr_mode=False,
        share=False,
        allowed_paths=[],
        enable_monitoring=False,
        quiet=True,
        prevent_thread_lock=True,
        app_kwargs={"middleware": [Middleware(OwnHostOnly)], "routes": [plotly_route()]},
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
    """What `python -m app` does once its command line is read."""
    access = Access(is_loopback(options.host), options.auth is not None, options.model)
    blocks = build(engine, access)
    launch(blocks, options.host, options.port, auth=options.auth, max_upload_mb=options.max_upload_mb, mcp=options.mcp)
