"""Who counts as still there, by a clock that the test turns."""

import asyncio
from types import SimpleNamespace

import pytest

from app.server.presence import AGAIN_S, GRACE_S, Connections, Presence


@pytest.fixture
def now():
    return SimpleNamespace(time=100.0)


@pytest.fixture
def presence(now):
    return Presence(lambda: now.time)


def test_who_asked_has_some_time_to_open_a_connection(presence, now):
    presence.arrived("ada")
    assert not presence.here("ada") and not presence.gone("ada")
    now.time += GRACE_S + 1
    assert presence.gone("ada")


def test_who_has_a_connection_is_there_for_as_long_as_it_lasts(presence, now):
    presence.opened("ada")
    presence.opened("ada")
    now.time += 1000
    presence.closed("ada")
    assert presence.here("ada")
    presence.closed("ada")
    assert not presence.here("ada") and not presence.gone("ada")
    now.time += AGAIN_S + 1
    assert presence.gone("ada")


def test_a_caller_without_a_name_is_always_there(presence):
    assert presence.here("") and not presence.gone("")


def test_visitors_of_long_ago_are_forgotten(presence, now):
    for number in range(1001):
        presence.arrived(f"visitor {number}")
    now.time += GRACE_S + 1
    presence.arrived("ada")
    assert len(presence._until) == 1


@pytest.mark.parametrize(
    ("path", "query", "visitor"),
    [
        ("/gradio_api/queue/data", b"session_hash=ada", "ada"),
        ("/gradio_api/heartbeat/ada", b"", "ada"),
        ("/gradio_api/call/pca/ada", b"", "ada"),
        ("/gradio_api/call/v2/pca/ada", b"", "ada"),
        ("/somewhere/gradio_api/queue/data", b"session_hash=ada", "ada"),
        ("/gradio_api/file=/gradio_api/call/pca/ada.png", b"", None),
        ("/config", b"session_hash=ada", None),
    ],
)
def test_connections_count_from_their_opening_to_their_end(presence, path, query, visitor):
    seen = []

    async def app(scope, receive, send):
        seen.append(dict(presence._open))
        raise ConnectionError

    scope = {"type": "http", "method": "GET", "path": path, "query_string": query}
    with pytest.raises(ConnectionError):
        asyncio.run(Connections(app, presence)(scope, None, None))
    assert seen == [{visitor: 1} if visitor else {}] and not presence._open
