"""Who is answered, and who counts as a stranger: requests as proxies, other sites and this machine's own browser send them."""

import asyncio

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from app.server import gate
from app.server.access import Access
from app.server.gate import MOST_S, STRANGER, WRONG_S, Gate, came_through_proxy, host_of, password_check

OWN = Access(loopback=True, password=False)


def answering(address: str = "http://127.0.0.1:7860", client: str = "127.0.0.1", **options) -> TestClient:
    """A server behind the gate, which says whether whoever asks is at home."""

    def home(request: Request) -> PlainTextResponse:
        return PlainTextResponse("home" if OWN.at_home(dict(request.headers)) else "stranger")

    routes = [Route(path, home, methods=["GET", "POST"]) for path in ("/", "/gradio_api/cancel", "/openapi.json")]
    app = Starlette(routes=routes, middleware=[Middleware(Gate, **{"loopback": True, **options})])
    return TestClient(app, base_url=address, client=(client, 5000))


@pytest.mark.parametrize(
    "address", ["http://127.0.0.1:7860", "http://localhost:7860", "http://127.0.0.2", "http://[::1]:7860"]
)
def test_this_machine_is_at_home_under_each_of_its_names(address):
    assert answering(address).get("/").text == "home"
    assert answering(address).post("/", headers={"origin": address}).text == "home"


@pytest.mark.parametrize("address", ["http://evil.example:7860", "http://192.168.1.5", "http://127.0.0.1.evil.example"])
def test_a_name_that_was_turned_to_this_address_gets_nothing(address):
    answer = answering(address).get("/")
    assert answer.status_code == 421 and "--trusted-host" in answer.text


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://localhost.evil.example"])
def test_pages_of_other_sites_may_not_ask(origin):
    assert answering().post("/", headers={"origin": origin}).status_code == 403


@pytest.mark.parametrize(
    "header",
    [
        "Via",
        "Forwarded",
        "X-Forwarded-For",
        "X-Forwarded-Host",
        "CF-Connecting-IP",
        "CF-Ray",
        "X-Real-IP",
        "True-Client-IP",
    ],
)
def test_what_came_through_a_proxy_is_a_stranger_s(header):
    assert answering().get("/", headers={header: "203.0.113.7"}).text == "stranger"
    assert came_through_proxy({header.lower(): ""})


def test_a_stranger_cannot_take_off_the_mark_nor_give_it_to_others():
    assert answering().get("/", headers={STRANGER: ""}).text == "home"
    assert answering().get("/", headers={STRANGER: "", "Via": "1.1 proxy"}).text == "stranger"
    assert answering(client="192.168.1.7").get("/").text == "stranger"


def test_a_proxy_that_adds_nothing_is_known_by_its_protocol():
    marks = []

    async def app(scope, receive, send):
        marks.append((STRANGER.encode(), b"1") in scope["headers"])

    for version in ("1.0", "1.1"):
        scope = {"type": "http", "path": "/", "headers": [(b"host", b"127.0.0.1")], "http_version": version}
        asyncio.run(Gate(app, loopback=True)(scope, None, None))
    assert marks == [True, False]


def test_a_trusted_name_is_answered_and_never_at_home():
    trusted = answering("http://dino.example", trusted=["Dino.example"])
    assert trusted.post("/", headers={"origin": "https://dino.example"}).text == "stranger"
    assert trusted.post("/", headers={"origin": "https://evil.example"}).status_code == 403


def test_a_server_for_all_answers_to_any_name_and_has_no_home():
    open_to_all = answering("http://anything.example", loopback=False)
    assert open_to_all.post("/", headers={"origin": "https://elsewhere.example"}).text == "stranger"


@pytest.mark.parametrize("path", ["/gradio_api/cancel", "/openapi.json", "/openapi.json/"])
def test_what_gradio_leaves_open_asks_for_the_password_too(path):
    for known, status in ((False, 401), (True, 200)):
        client = answering(logged_in=lambda request, known=known: known)
        assert client.post(path, follow_redirects=True).status_code == status
        assert client.get("/").status_code == 200


def test_hosts_are_read_from_addresses():
    assert [host_of(text) for text in ("A.b:1", "[::1]", "[::1]:80", "", "x/y:z")] == ["a.b", "::1", "::1", "", "x"]


@pytest.fixture
def slept(monkeypatch) -> list[float]:
    """The seconds that whoever gives a password is kept waiting, nobody really being so."""
    seconds: list[float] = []

    async def noted(wanted):
        seconds.append(wanted)
        await asyncio.sleep(0)

    monkeypatch.setattr(gate, "sleep", noted)
    return seconds


def test_wrong_passwords_wait_longer_and_longer(slept):
    async def tries():
        check = password_check("ada", "sécret")
        given = [("ada", "a"), ("eve", "sécret"), ("ada", "\ud800"), ("ada", "sécret"), ("ada", "sécret")]
        return [await check(user, password) for user, password in given]

    assert asyncio.run(tries()) == [False, False, False, True, True]
    assert slept == [WRONG_S, 2 * WRONG_S, 4 * WRONG_S]


def test_guesses_at_once_wait_for_each_other_and_never_too_long(slept):
    async def storm():
        check = password_check("ada", "secret")
        return await asyncio.gather(*(check("ada", str(guess)) for guess in range(9)))

    assert not any(asyncio.run(storm()))
    assert slept == [min(WRONG_S * 2**n, MOST_S) for n in range(8)] and slept[-1] == MOST_S
