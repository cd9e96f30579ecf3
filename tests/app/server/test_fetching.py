"""Files fetched from web addresses, against a network of the test's own."""

import asyncio

import gradio as gr
import httpx
import pytest
import safehttpx

from app.server.fetching import BoundedTransport

MOST = 1000


@pytest.fixture
def network(monkeypatch):
    """What hosts answer, by name; all of them count as public but `localhost`."""
    answers: dict[str, httpx.Response] = {}

    async def validate(host: str) -> str:
        if host == "localhost":
            raise ValueError("Hostname localhost failed validation")
        return "192.0.2.1"

    monkeypatch.setattr(safehttpx, "async_validate_url", validate)
    mock = httpx.MockTransport(lambda request: answers[request.url.host])
    monkeypatch.setattr(BoundedTransport, "_to", lambda self, address: mock)
    return answers


def fetched(host: str, most: int | None = MOST) -> bytes:
    async def get() -> bytes:
        async with httpx.AsyncClient(transport=BoundedTransport(lambda: most)) as client:
            return (await client.get(f"http://{host}/photo.png")).content

    return asyncio.run(get())


async def endless():
    while True:
        yield b"x" * 100


def test_what_is_small_enough_comes_whole(network):
    network["small"] = httpx.Response(200, content=b"x" * MOST)
    assert fetched("small") == b"x" * MOST
    network["large"] = httpx.Response(200, content=b"x" * 5 * MOST)
    assert len(fetched("large", most=None)) == 5 * MOST


def test_what_is_too_large_is_refused_by_its_length_or_on_the_way(network):
    network["stated"] = httpx.Response(200, content=b"x" * (MOST + 1))
    network["endless"] = httpx.Response(200, content=endless())
    for host in network:
        with pytest.raises(gr.Error, match="larger than the"):
            fetched(host)


def test_hosts_that_are_not_public_are_not_asked(network):
    with pytest.raises(ValueError, match="failed validation"):
        fetched("localhost")
