"""Downloads against a loopback hub that speaks the real protocol: what works, and what is said when it does not."""

import hashlib
import socket
import time

import pytest

from core import HubError
from core.hub import fetch
from tests.hub_server import COMMIT, Hub

WEIGHTS = bytes(range(256)) * 4000
NAME, FILE = "owner/model", "model.safetensors"


@pytest.fixture
def hub(tmp_path, monkeypatch):
    server = Hub({NAME: {FILE: WEIGHTS, "config.json": b"{}"}})
    monkeypatch.setenv("HF_ENDPOINT", server.url)
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "cache"))
    for name in ("HF_TOKEN", "HF_HUB_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    yield server
    server.shutdown()


def cached_files(tmp_path):
    return sorted(path.name for path in (tmp_path / "cache").rglob("*") if path.is_file())


def test_a_file_is_fetched_once_checked_and_then_needs_no_hub(hub, tmp_path):
    seen = []
    fetched = fetch(NAME, FILE, "main", lambda done, total: seen.append((done, total)))
    assert fetched.path.read_bytes() == WEIGHTS and fetched.revision == COMMIT
    assert fetched.sha256 == hashlib.sha256(WEIGHTS).hexdigest()
    assert seen[-1] == (len(WEIGHTS), len(WEIGHTS))
    hub.fault = "failing"
    count = len(hub.requests)
    assert fetch(NAME, FILE, "main") == fetch(NAME, FILE, COMMIT) == fetched
    assert len(hub.requests) == count


def test_the_cache_is_the_one_that_other_programs_use(hub):
    huggingface_hub = pytest.importorskip("huggingface_hub")
    path = fetch(NAME, FILE, "main").path
    found = huggingface_hub.try_to_load_from_cache(NAME, FILE, cache_dir=path.parents[3], revision="main")
    assert str(found) == str(path)


def test_a_file_changed_on_disk_is_refused_by_its_recorded_hash(hub):
    path = fetch(NAME, FILE, "main").path
    path.write_bytes(WEIGHTS[:-1] + b"x")
    with pytest.raises(HubError, match="its hash changed"):
        fetch(NAME, FILE, "main")


def test_a_truncated_download_leaves_nothing_and_the_next_try_goes_on(hub, tmp_path):
    hub.fault = "truncate"
    with pytest.raises(HubError, match="try again to go on from there"):
        fetch(NAME, FILE, "main")
    assert FILE not in cached_files(tmp_path)
    hub.fault = "none"
    assert fetch(NAME, FILE, "main").path.read_bytes() == WEIGHTS
    assert any("Range" in headers for _, _, headers in hub.requests)


def test_a_wrong_hash_is_refused_and_deleted(hub, tmp_path):
    hub.fault = "corrupt"
    with pytest.raises(HubError, match=r"damaged.*deleted; try again"):
        fetch(NAME, FILE, "main")
    assert cached_files(tmp_path) == []


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("gated", r"accept its terms at .*owner/model and set HF_TOKEN"),
        ("forbidden", "set HF_TOKEN"),
        ("private", "does not exist, or is private"),
        ("missing", "has no model.safetensors at revision main"),
        ("failing", "answered 500"),
    ],
)
def test_a_refusal_says_what_to_do(hub, fault, message, tmp_path):
    hub.fault = fault
    with pytest.raises(HubError, match=message):
        fetch(NAME, FILE, "main")
    assert cached_files(tmp_path) == []


def test_the_token_goes_to_the_hub(hub, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    fetch(NAME, "config.json", "main")
    assert hub.requests[0][2]["Authorization"] == "Bearer hf_secret"


@pytest.mark.slow
@pytest.mark.parametrize("fault", ["silent", "stall"])
def test_a_hub_that_falls_silent_is_given_up_within_five_seconds(hub, fault, tmp_path):
    hub.fault = fault
    started = time.monotonic()
    with pytest.raises(HubError, match="try again"):
        fetch(NAME, FILE, "main")
    assert time.monotonic() - started < 5
    assert FILE not in cached_files(tmp_path)


def test_a_slow_download_that_goes_on_is_not_given_up(hub):
    hub.delay = 0.05
    assert fetch(NAME, FILE, "main").path.read_bytes() == WEIGHTS


@pytest.mark.parametrize("endpoint", ["http://hub.invalid", "http://127.0.0.1:1"])
def test_an_unreachable_hub_says_so_within_five_seconds(hub, endpoint, monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", endpoint)
    started = time.monotonic()
    with pytest.raises(HubError, match=r"cannot be reached.*by hand"):
        fetch(NAME, FILE, "main")
    assert time.monotonic() - started < 5


@pytest.mark.slow
def test_a_name_that_never_resolves_is_given_up_within_five_seconds(hub, monkeypatch):
    """A resolver that hangs cannot be timed out, only left behind."""
    monkeypatch.setenv("HF_ENDPOINT", "http://hub.invalid")
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: time.sleep(20))
    started = time.monotonic()
    with pytest.raises(HubError, match="cannot be reached"):
        fetch(NAME, FILE, "main")
    assert time.monotonic() - started < 5


def test_offline_says_so_without_asking(hub, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(HubError, match="HF_HUB_OFFLINE is set"):
        fetch(NAME, FILE, "main")
    assert hub.requests == []
