"""The address that visitors' files are sent to: every upload into a folder of its own, complete or not at all."""

import math
from collections.abc import Callable
from pathlib import Path

from gradio.route_utils import MultiPartException, upload_fn
from gradio.routes import file_upload_statuses
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from app.server.spool import Spool, full_disk_told
from core import RequestError

PATH = "/gradio_api/upload"


def upload_route(spool: Spool, largest: Callable[[], int | None]) -> Route:
    """In the place of Gradio's own, which names files by their contents and leaves those that were broken off.

    `largest` gives the most bytes of a file, None for any number.
    """

    async def receive(request: Request) -> Response:
        place: Path | None = None
        refused: Response
        try:
            with full_disk_told():
                place = spool.fresh(sent=True)
                with spool.holding([place]):  # a slow line may take longer than sent files are kept
                    return JSONResponse(await _received(request, place, largest()))
        except MultiPartException as error:
            too_large = "maximum allowed size" in error.message
            refused = PlainTextResponse(error.message, status_code=413 if too_large else 400)
        except RequestError as error:
            refused = PlainTextResponse(str(error), status_code=507)
        except ClientDisconnect:
            refused = Response(status_code=400)  # which nobody reads
        except BaseException:
            spool.drop(place)
            raise
        spool.drop(place)
        return refused

    return Route(PATH, receive, methods=["POST"])


async def _received(request: Request, place: Path, largest: int | None) -> list[str]:
    """Paths of the files that a request holds, now in `place`."""
    upload_id = request.query_params.get("upload_id")
    try:
        files, _, _ = await upload_fn(
            request,
            place,
            math.inf if largest is None else largest,
            upload_id,
            upload_progress=file_upload_statuses if upload_id else None,
        )
    except (KeyError, TypeError):  # the latter where `files` is a text
        raise HTTPException(400, "This is no form with files.") from None
    return [str(file) for file in files]
