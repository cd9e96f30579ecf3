"""`python -m app`: serve Dinoscope on this machine."""

import argparse
import logging
import math
import os
import sys
import threading
from collections.abc import Callable
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
        "--port",
        type=number(int, 1, 65_535),
        default=7860,
        metavar="N",
        help="the next free one is taken where it is in use (%(default)s)",
    )
    parser.add_argument(
        "--model",
        default="embedded",
        help="embedded, untrained, dinov2-small (-base, -large, -giant, each also with -reg), "
        "dinov3-small (-small-plus, -base, -large, -huge-plus, -7b), hf:owner/name, timm:name, or the path of a run folder or a file of weights (default: %(default)s)",
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
        type=number(float, 0.001, 100_000),
        default=25,
        metavar="N",
        help="largest file a visitor may add (default: %(default)s)",
    )
    parser.add_argument(
        "--max-megapixels",
        type=number(float, 0.001, MOST_MEGAPIXELS),
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
    return options


def number(kind: type[int] | type[float], least: float, most: float) -> Callable[[str], float]:
    """A reader of a flag's number that refuses those outside its bounds.

    `core.bounds` does so elsewhere; here its import, and torch's with it, would hold up all that starts side by side.
    """

    def read(text: str) -> float:
        try:
            value = kind(text)
        except ValueError:
            value = math.nan
        if not least <= value <= most:
            whole = "whole " if kind is int else ""
            raise argparse.ArgumentTypeError(f"{text!r} will not do; give a {whole}number from {least:,} to {most:,}")
        return value

    return read


def main(words: list[str] | None = None) -> int:
    """Serve until interrupted; the exit status, as `core.command` has it."""
    try:
        return start(arguments(words))
    except KeyboardInterrupt:
        return 130


def start(options: argparse.Namespace) -> int:
    """Put everything together, and serve until interrupted; the exit status."""
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
        from core.command import run_command

        def work(started) -> None:
            engine, warming = started
            try:
                serve(options, engine)
            except DinoError:
                warming.join()  # torch aborts where the interpreter is taken down around one of its calculations
                raise

        return run_command("python -m app", beside.result, work)


def start_engine(model: str, collections: Path | None = None, largest: int = MOST_MEGAPIXELS * 1_000_000):
    """An engine whose model is being loaded, and the thread in which it looks at the first pictures, before anyone
    asks. RequestError where the collections can lie nowhere."""
    from app.server.engine import Engine
    from app.server.shelf import Shelf
    from core.files import Output, require_output

    if collections is not None and not collections.is_dir():  # one that may only be read can still be searched
        require_output(collections, Output.FOLDER, "--collections")
    engine = Engine(model, shelf=Shelf(collections), largest=largest)
    warming = threading.Thread(target=warm_up, args=[engine], name="first-view", daemon=True)
    warming.start()
    return engine, warming


def warm_up(engine) -> None:
    """Compute the view the page opens with. What goes wrong is shown to whoever opens the page.

    Nothing that imports Gradio may be imported here: the main thread is about to, and each would wait for the other.
    """
    from app.explore.handlers import show
    from app.explore.settings import opening_settings
    from app.server.trays import open_tray
    from core import DinoError

    try:
        loaded = engine.models.get(engine.models.default)
        show(engine, open_tray(engine, "first view"), loaded, opening_settings(loaded))
    except DinoError as error:
        logging.getLogger(__name__).warning("The first view: %s", error)


if __name__ == "__main__":
    sys.exit(main())
