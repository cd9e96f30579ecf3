"""Files that are sent as web addresses, as agents do: fetched from public hosts alone, up to the largest upload."""

from collections.abc import AsyncIterator, Callable

import gradio as gr
import httpx
import safehttpx
from gradio import processing_utils


def bound(largest: Callable[[], int | None]) -> None:
    """Let Gradio (6.31) fetch no more than `largest()` bytes, None for any number; its own reads all into memory."""
    processing_utils.async_transport = BoundedTransport(largest)  # type: ignore[assignment]


class BoundedTransport(httpx.AsyncBaseTransport):
    """Requests to a host that is checked to be public, whose answers end with an error once they are too long."""

    def __init__(self, largest: Callable[[], int | None]):
        self.largest = largest

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        address = await safehttpx.async_validate_url(request.url.host)
        answer = await self._to(address).handle_async_request(request)
        most = self.largest()
        if most is None:
            return answer
        stated = answer.headers.get("content-length", "")
        if stated.isdigit() and int(stated) > most:
            await answer.aclose()
            raise _too_large(most)
        assert isinstance(answer.stream, httpx.AsyncByteStream)
        return httpx.Response(
            answer.status_code,
            headers=answer.headers,
            stream=_Bounded(answer.stream, most),
            extensions=answer.extensions,
        )

    def _to(self, address: str) -> httpx.AsyncBaseTransport:
        return safehttpx.AsyncSecureTransport(address)


class _Bounded(httpx.AsyncByteStream):
    def __init__(self, stream: httpx.AsyncByteStream, most: int):
        self.stream, self.most = stream, most

    async def __aiter__(self) -> AsyncIterator[bytes]:
        seen = 0
        async for chunk in self.stream:
            seen += len(chunk)
            if seen > self.most:
                raise _too_large(self.most)
            yield chunk

    async def aclose(self) -> None:
        await self.stream.aclose()


def _too_large(most: int) -> gr.Error:
    return gr.Error(
        f"What is at this address is larger than the {most / 2**20:g} MB that a file may have.", print_exception=False
    )
