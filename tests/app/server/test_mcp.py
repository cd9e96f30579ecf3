"""What an agent is offered, and what it is not."""

import asyncio
import base64
from collections.abc import Iterator

import pytest

from app.build import build, launch
from app.server.access import Access
from app.server.engine import Engine
from app.server.models import Models
from app.server.shelf import Shelf
from tests.app.conftest import unused_port
from tests.app.small import SIZE, photograph, small_model
from tests.app.test_endpoints import OFFERED

mcp = pytest.importorskip("mcp", reason="mcp is not installed: python -m pip install 'gradio[mcp]'")
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def address(tmp_path_factory) -> Iterator[str]:
    home = tmp_path_factory.mktemp("home")
    shelf = Shelf(home / "collections", home / "cache", shipped=())
    engine = Engine("small", models=Models("small", load=small_model), shelf=shelf)
    blocks = build(engine, Access(loopback=True, password=False, default="small"))
    yield launch(blocks, "127.0.0.1", unused_port(), mcp=True, wait=False)
    blocks.close(verbose=False)


def asked(address: str, question):
    """What `question(session)` gives."""
    from mcp.client.streamable_http import streamable_http_client

    async def talk():
        async with (
            streamable_http_client(f"{address}/gradio_api/mcp/") as (read, write, _),
            mcp.ClientSession(read, write) as session,
        ):
            await session.initialize()
            return await question(session)

    return asyncio.run(talk())


def uri(seed: int) -> str:
    return f"data:image/png;base64,{base64.b64encode(photograph(seed)).decode()}"


def test_agents_are_offered_the_endpoints_and_nothing_else(address):
    tools = {tool.name: tool for tool in asked(address, lambda session: session.list_tools()).tools}
    assert set(tools) == OFFERED
    assert set(tools["similarity"].inputSchema["properties"]) == {"image", "x", "y", "other", "size", "layer"}
    for name in ("atlas", "add_images"):
        images = tools[name].inputSchema["properties"]["images"]
        assert images["type"] == "array" and "$ref" not in str(images)
    assert "longer side in pixels" in tools["pca"].description


def test_an_agent_asks_and_is_answered_with_a_picture_and_numbers(address):
    result = asked(address, lambda session: session.call_tool("pca", {"image": uri(3), "size": SIZE}))
    assert not result.isError
    assert "image" in [part.type for part in result.content], result.content
    words = [part.text for part in result.content if part.type == "text"]
    assert any("'grid': [6, 8]" in text and "'model': 'small'" in text for text in words), words


def test_an_agent_sends_several_pictures_at_once(address):
    sent = {"images": [uri(3), uri(4), uri(5)], "method": "pca"}
    result = asked(address, lambda session: session.call_tool("atlas", sent))
    assert not result.isError and "image" in [part.type for part in result.content], result.content
    assert any("'points'" in part.text for part in result.content if part.type == "text")


@pytest.mark.parametrize("image", ["/etc/passwd", "file:///etc/passwd", "http://127.0.0.1:9/x.png"])
def test_an_agent_reaches_no_file_of_the_server_and_no_host_behind_it(address, image):
    result = asked(address, lambda session: session.call_tool("pca", {"image": image, "size": SIZE}))
    assert result.isError or not any(part.type == "image" for part in result.content)
