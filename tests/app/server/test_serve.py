import asyncio
import socket

import pytest

from app.__main__ import arguments, start_engine
from app.server.serve import OwnHostOnly, free_port, is_loopback
from core import ImageError, RequestError
from core.pictures.image import LARGEST_PIXELS
from tests.app.small import photograph


def test_a_used_port_gives_way_to_the_next_one():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert port < free_port("127.0.0.1", port) < port + 20


def test_an_address_that_is_not_ours_says_so():
    with pytest.raises(RequestError, match="--host 'no such host' is not an address"):
        free_port("no such host", 7860)


@pytest.mark.parametrize(
    ("host", "ours"),
    [("127.0.0.1", True), ("127.9.9.9", True), ("::1", True), ("localhost", True), ("0.0.0.0", False),
     ("192.168.1.5", False), ("example.org", False)],
)  # fmt: skip
def test_loopback_is_what_only_this_machine_reaches(host, ours):
    assert is_loopback(host) is ours


async def fetch(path: str) -> tuple[dict, bytes]:
    page = b'<head><meta property="og:image"\n content="https://elsewhere.example/x.png" /><title>ours</title></head>'

    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(page))]})
        await send({"type": "http.response.body", "body": page[:30], "more_body": True})
        await send({"type": "http.response.body", "body": page[30:]})

    sent = []

    async def send(message):
        sent.append(message)

    await OwnHostOnly(app)({"type": "http", "path": path, "headers": []}, None, send)
    return dict(sent[0]["headers"]), b"".join(message["body"] for message in sent[1:])


def test_pages_name_no_other_host_and_files_stay_as_they_are():
    headers, page = asyncio.run(fetch("/"))
    assert page == b"<head><title>ours</title></head>"
    assert headers[b"content-length"] == b"%d" % len(page)
    assert b"default-src 'self'" in headers[b"content-security-policy"]
    headers, file = asyncio.run(fetch("/assets/x.js"))
    assert b"elsewhere" in file and b"content-security-policy" not in headers


def test_the_command_line():
    options = arguments(["--auth", "ada:sec:ret", "--port", "8000"])
    assert options.auth == ("ada", "sec:ret") and options.port == 8000 and options.host == "127.0.0.1"


def test_the_largest_picture_is_a_setting_and_at_first_what_core_reads():
    assert arguments([]).max_megapixels * 1_000_000 == LARGEST_PIXELS
    engine, warming = start_engine("no such model", largest=5)
    warming.join()
    with pytest.raises(ImageError, match="too large: 160×120"):
        engine.library.decode(photograph(), "photo.png")


@pytest.mark.parametrize(
    ("words", "message"),
    [(["--auth", "ada"], "a name and a password"), (["--port", "99999"], "from 1 to 65,535"),
     (["--max-upload-mb", "0"], "from 0.001 to 100,000"), (["--max-megapixels", "0"], "from 0.001 to 128"),
     (["--max-megapixels", "129"], "from 0.001 to 128"), (["--max-megapixels", "nan"], "from 0.001 to 128"),
     (["--mcp", "--auth", "ada:secret"], "do not go together")],
)  # fmt: skip
def test_a_wrong_command_line_says_what_is_allowed(words, message, capsys):
    with pytest.raises(SystemExit):
        arguments(words)
    assert message in capsys.readouterr().err
