"""Files on their way to the server and back: over HTTP, as browsers, programs and those who break off send them."""

import contextlib
import errno
import http.client
import json
import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from gradio_client import Client, handle_file
from PIL import Image

from app.server.receive import PATH
from app.server.spool import NO_ROOM, Spool, spool
from tests.app.small import SIZE, photograph

AT_ONCE, TIMES = 8, 5
FORM = b'--b\r\nContent-Disposition: form-data; name="files"%s\r\n\r\nx\r\n--b--\r\n'


@pytest.fixture
def address(served) -> str:
    return served[0]


@pytest.fixture
def picture(tmp_path) -> Path:
    path = tmp_path / "asked.png"
    path.write_bytes(photograph(50))
    return path


def until(true) -> None:
    """Wait until `true()` is, a minute at most."""
    end = time.monotonic() + 60
    while not true():
        assert time.monotonic() < end
        time.sleep(0.01)


def places() -> set[Path]:
    return {path for path in spool().folder.iterdir() if path.name != ".lock"}


def send(address: str, data: bytes, name: str = "photo.png") -> httpx.Response:
    return httpx.post(address + PATH, files={"files": (name, data)})


def test_equal_files_sent_at_once_are_files_of_their_own(address):
    data = photograph(1)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        answers = list(pool.map(lambda _: send(address, data).json(), range(AT_ONCE)))
    paths = [Path(path) for (path,) in answers]
    assert len(set(paths)) == AT_ONCE
    assert all(path.read_bytes() == data and path.is_relative_to(spool().folder) for path in paths)


def test_equal_questions_asked_at_once_get_whole_answers(served, picture):
    clients = [Client(served[0], verbose=False, httpx_kwargs={"timeout": 120}) for _ in range(AT_ONCE)]
    sent = {"image": handle_file(str(picture)), "size": SIZE, "api_name": "/pca"}

    def ask(client: Client) -> set[tuple[bytes, str]]:
        answers = set()
        for _ in range(TIMES):
            painted, numbers = client.predict(**sent)
            with Image.open(painted) as image:
                answers.add((image.convert("RGB").tobytes(), json.dumps(numbers)))
        return answers

    with ThreadPoolExecutor(AT_ONCE) as pool:
        assert len(set().union(*pool.map(ask, clients))) == 1


def test_a_request_leaves_nothing_but_what_it_was_sent_and_its_answer(address, picture):
    client, before = Client(address, verbose=False), places()
    client.predict(image=handle_file(str(picture)), size=SIZE, api_name="/pca")
    left = [file.name for place in places() - before for file in [place, *place.rglob("*")] if file.is_file()]
    assert sorted(left) == ["asked.png", "image.png"]


def test_a_file_sent_once_can_be_asked_about_again(address, picture):
    (path,) = send(address, picture.read_bytes()).json()
    for size in (SIZE, 2 * SIZE):
        body = {"data": [{"path": path, "meta": {"_type": "gradio.FileData"}}, size, -1]}
        event = httpx.post(f"{address}/gradio_api/call/pca", json=body).json()["event_id"]
        assert "event: complete" in httpx.get(f"{address}/gradio_api/call/pca/{event}", timeout=60).text


def test_an_upload_that_is_broken_off_leaves_nothing(address):
    before, parts = places(), urlsplit(address)
    connection = http.client.HTTPConnection(parts.hostname, parts.port)
    connection.putrequest("POST", PATH)
    connection.putheader("Content-Type", "multipart/form-data; boundary=b")
    connection.putheader("Content-Length", "1000000")
    connection.endheaders()
    connection.send(b'--b\r\nContent-Disposition: form-data; name="files"; filename="half.png"\r\n\r\n' + b"x" * 5000)
    until(lambda: places() - before)
    connection.close()
    until(lambda: not places() - before)


def test_a_slow_upload_is_not_swept_away_meanwhile(address, monkeypatch):
    monkeypatch.setattr("app.server.spool.SENT_KEPT_S", -1.0)
    before, parts = places(), urlsplit(address)
    connection = http.client.HTTPConnection(parts.hostname, parts.port)
    connection.putrequest("POST", PATH)
    connection.putheader("Content-Type", "multipart/form-data; boundary=b")
    connection.putheader("Content-Length", str(len(FORM % b'; filename="slow.png"')))
    connection.endheaders()
    connection.send((FORM % b'; filename="slow.png"')[:-10])
    until(lambda: places() - before)
    spool().sweep()
    connection.send((FORM % b'; filename="slow.png"')[-10:])
    (path,) = json.loads(connection.getresponse().read())
    assert Path(path).read_bytes() == b"x"


@pytest.mark.parametrize(
    ("data", "headers", "status"),
    [
        (b"x", {"content-type": "multipart/form-data"}, 400),
        (b"nothing of the kind", {"content-type": "multipart/form-data; boundary=b"}, 400),
        (b"x", {"content-type": "application/json"}, 400),
        (FORM % b"", {"content-type": "multipart/form-data; boundary=b"}, 400),
    ],
)
def test_what_is_no_upload_is_refused_and_leaves_nothing(address, data, headers, status):
    before = places()
    assert httpx.post(address + PATH, content=data, headers=headers).status_code == status
    assert places() == before


def test_a_file_beyond_the_limit_is_refused_and_leaves_nothing(address):
    before = places()
    answer = send(address, b"x" * 600_000)
    assert answer.status_code == 413 and "maximum allowed size" in answer.text
    assert places() == before


@pytest.mark.parametrize("where", ["upload", "answer"])
def test_a_full_disk_is_said(address, picture, monkeypatch, where):
    (path,) = send(address, picture.read_bytes()).json()

    def full(*arguments, **options):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    if where == "upload":
        monkeypatch.setattr(Spool, "fresh", full)
        answer = send(address, picture.read_bytes())
        assert (answer.status_code, answer.text) == (507, NO_ROOM)
    else:
        monkeypatch.setattr("app.page.files.fresh_folder", full)
        body = {"data": [{"path": path, "meta": {"_type": "gradio.FileData"}}, SIZE, -1]}
        event = httpx.post(f"{address}/gradio_api/call/pca", json=body).json()["event_id"]
        assert NO_ROOM in httpx.get(f"{address}/gradio_api/call/pca/{event}", timeout=60).text


def test_nobody_waits_for_the_jobs_of_clients_that_have_left(served, picture):
    address, engine = served
    (path,) = send(address, picture.read_bytes()).json()
    passes = engine.forwards
    body = {"data": [{"path": path, "meta": {"_type": "gradio.FileData"}}, 14 * 40, -1]}
    for _ in range(40):  # each a client that asks and never listens
        httpx.post(f"{address}/gradio_api/call/pca", json=body | {"session_hash": None})
    Client(address, verbose=False).predict(image=handle_file(str(picture)), size=14 * 30, api_name="/pca")
    assert engine.forwards == passes + 1


def test_who_breaks_off_while_waiting_for_the_model_is_not_served(served, picture):
    address, engine = served
    (path,) = send(address, picture.read_bytes()).json()
    passes, lock = engine.forwards, engine.models.get("small").lock
    body = {"data": [{"path": path, "meta": {"_type": "gradio.FileData"}}, 14 * 20, -1]}
    with lock:
        event = httpx.post(f"{address}/gradio_api/call/pca", json=body).json()["event_id"]
        with (
            contextlib.suppress(httpx.ReadTimeout),
            httpx.stream("GET", f"{address}/gradio_api/call/pca/{event}", timeout=1) as stream,
        ):
            until(lambda: lock._waiting)
            next(stream.iter_raw(), None)
        until(lambda: not lock._waiting)
    assert engine.forwards == passes
