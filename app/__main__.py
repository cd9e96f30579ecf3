"""`python -m app`: serve Dinoscope on this machine."""

import argparse
import logging
import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

MOST_MEGAPIXELS = 128
"""As `core.load_image` reads; written out here, since to import it takes longer than to say --help."""


def arguments(words: list[str] | None = None) -> argparse.Namespace:
    """The command line, parsed. Exits with a message on a wrong one."""
    parser = argparse.ArgumentParser(
        prog="python -m app", description="Dinoscope: see what DINOv2's patch features know, on your own pictures."
    )
    parser.add_argument(
        "--host", default="127.0.0.1", help="address to listen on; 0.0.0.0 for all (default: %(default)s)"
    )
    parser.add_argument(
        "--port", type=int, default=7860, help="the next free one is taken where it is in use (%(default)s)"
    )
    parser.add_argument(
        "--model",
        default="embedded",
        help="embedded, untrained, dinov2-small (-base, -large, -giant, each also with -reg), "
        "hf:owner/name, or the path of a run folder or a file of weights (default: %(default)s)",
    )
    parser.add_argument(
        "--collections",
        metavar="DIR",
        type=Path,
        help="folder of the collections to search, shared by all visitors; made if it is not there "
        "(default: dinoscope/collections in the user's data folder)",
    )
    parser.add_argument("--auth", metavar="USER:PASSWORD", help="ask visitors for this name and password")
    parser.add_argument(
        "--trusted-host",
        metavar="NAME",
        action="append",
        default=[],
        help="a name under which a server of this machine may be asked too, as by a reverse proxy in front of it; "
        "may be given several times",
    )
    parser.add_argument(
        "--max-upload-mb",
        type=float,
        default=25,
        metavar="N",
        help="largest file a visitor may add (default: %(default)s)",
    )
    parser.add_argument(
        "--max-megapixels",
        type=float,
        default=MOST_MEGAPIXELS,
        metavar="N",
        help="largest picture a visitor may add, in millions of pixels (default, and at most: %(default)s)",
    )
    parser.add_argument(
        "--mcp", action="store_true", help="serve the endpoints to agents as well, by the Model Context Protocol"
    )
    options = parser.parse_args(words)
    if options.auth is not None:
        user, colon, password = options.auth.partition(":")
        if not (user and colon and password):
            parser.error("--auth is a name and a password with a colon between them, such as --auth ada:secret")
        options.auth = (user, password)
        if options.mcp:
            parser.error("--mcp and --auth do not go together: agents have no way to log in; serve them on 127.0.0.1")
    if not 0 < options.port < 65536:
        parser.error(f"--port is {options.port}; choose one from 1 to 65535")
    if options.max_upload_mb <= 0:
        parser.error(f"--max-upload-mb is {options.max_upload_mb:g}; it must be more than 0")
    if not 0 < options.max_megapixels <= MOST_MEGAPIXELS:
        parser.error(f"--max-megapixels is {options.max_megapixels:g}; choose more than 0, up to {MOST_MEGAPIXELS}")
    return options


def main(words: list[str] | None = None) -> int:
    """Serve until interrupted; the exit status."""
    options = arguments(words)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    for chatty in ("httpx", "httpcore", "httpx2", "httpcore2", "PIL"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"

    # side by side: the model is on its way while Gradio is imported and the page is put together
    with ThreadPoolExecutor(1, thread_name_prefix="first-view") as pool:
        beside = pool.submit(start_engine, options.model, options.collections, int(options.max_megapixels * 1e6))
        from app.server.quickstart import import_gradio

        import_gradio()
        from app.build import serve
        from core import DinoError

        engine, warming = beside.result()
        try:
            serve(options, engine)
        except DinoError as error:
            print(f"python -m app: {error}", file=sys.stderr)
            warming.join()  # torch aborts where the interpreter is taken down around one of its calculations
            return 2
    return 0


def start_engine(model: str, collections: Path | None = None, largest: int = MOST_MEGAPIXELS * 1_000_000):
    """An engine whose model is being loaded, and the thread in which it looks at the first pictures, before anyone
    asks."""
    from app.server.engine import Engine
    from app.server.shelf import Shelf

    engine = Engine(model, shelf=Shelf(collections), largest=largest)
    warming = threading.Thread(target=warm_up, args=[engine], name="first-view", daemon=True)
    warming.start()
    return engine, warming


def warm_up(engine) -> None:
    """Compute the view the page opens with. What goes wrong is shown to whoever opens the page."""
    from app.explore.handlers import show
    from app.explore.settings import Settings
    from app.server.trays import open_tray
    from core import DinoError

    try:
        loaded = engine.models.get(engine.models.default)
        show(engine, open_tray(engine, "first view"), loaded, Settings(size=loaded.default_size))
    except DinoError as error:
        logging.getLogger(__name__).warning("The first view: %s", error)


if __name__ == "__main__":
    sys.exit(main())
