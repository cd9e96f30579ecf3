"""Downloads against a loopback hub that speaks the real protocol: what works, and what is said when it does not."""

import hashlib
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import huggingface_hub
import pytest
from huggingface_hub import constants, file_download

from core import HubError
from core.weights.hub import fetch
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


def downloads(hub):
    """The headers of every request for content, in order."""
    return [headers for method, _, headers in hub.requests if method == "GET"]


def cached_files(tmp_path):
    """Names of what the cache holds, empty lock files aside."""
    return sorted(path.name for path in (tmp_path / "cache").glob("models--*/**/*") if path.is_file())


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
    path = fetch(NAME, FILE, "main").path
    found = huggingface_hub.try_to_load_from_cache(NAME, FILE, cache_dir=path.parents[3], revision="main")
    assert str(found) == str(path)
    theirs = huggingface_hub.hf_hub_download(NAME, "config.json", cache_dir=path.parents[3], endpoint=hub.url)
    asked = len(hub.requests)
    assert str(fetch(NAME, "config.json", "main").path) == theirs and len(hub.requests) == asked


@pytest.mark.parametrize("file", [FILE, "config.json"])
def test_a_file_changed_on_disk_is_refused_by_its_recorded_hash(hub, file):
    path = fetch(NAME, file, "main").path
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(HubError, match="its hash changed"):
        fetch(NAME, file, "main")


def test_a_blob_that_repositories_share_is_checked_by_its_name_in_this_one(hub, tmp_path):
    """The client may keep it under another hash, in a folder of its own, and link to it from there."""
    fetched = fetch(NAME, FILE, "main")
    blob = fetched.path.resolve()
    blob.rename(tmp_path / ("0" * 64))
    blob.symlink_to(tmp_path / ("0" * 64))
    assert fetch(NAME, FILE, "main") == fetched


def test_a_truncated_download_leaves_nothing_and_the_next_try_goes_on(hub, tmp_path):
    hub.fault = "truncate"
    with pytest.raises(HubError, match="try again to go on from there"):
        fetch(NAME, FILE, "main")
    assert cached_files(tmp_path) == [f"{hashlib.sha256(WEIGHTS).hexdigest()}.part"]
    hub.fault = "none"
    assert fetch(NAME, FILE, "main").path.read_bytes() == WEIGHTS
    assert downloads(hub)[-1]["Range"] == f"bytes={len(WEIGHTS) // 2}-"
    assert not any(name.endswith(".part") for name in cached_files(tmp_path))


def test_a_wrong_hash_is_refused_and_deleted(hub, tmp_path):
    hub.fault = "corrupt"
    with pytest.raises(HubError, match=r"damaged.*deleted; try again"):
        fetch(NAME, FILE, "main")
    assert cached_files(tmp_path) == []


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("gated", r"accept its terms at .*owner/model, then set HF_TOKEN to .* or run `hf auth login`\.$"),
        ("forbidden", r"set HF_TOKEN.*The token in use was refused.*the right to read gated repositories"),
        ("private", "does not exist, or is private"),
        ("missing", "has no model.safetensors at revision main"),
        ("unknown", "does not exist, or is private"),
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


def test_a_token_read_from_a_file_may_end_in_a_newline(hub, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", " hf_secret\n")
    fetch(NAME, "config.json", "main")
    assert hub.requests[0][2]["Authorization"] == "Bearer hf_secret"


def test_a_token_that_the_client_has_stored_goes_to_the_hub(hub, monkeypatch, tmp_path):
    (tmp_path / "token").write_text("hf_stored")
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "token"))
    fetch(NAME, "config.json", "main")
    assert hub.requests[0][2]["Authorization"] == "Bearer hf_stored"


@pytest.mark.parametrize("token", ["hf_secret\nX-Other: 1", "hf_secrét"])
def test_what_cannot_be_a_token_is_refused_without_being_shown(hub, monkeypatch, token):
    """The app shows the message to whoever visits the page."""
    monkeypatch.setenv("HF_TOKEN", token)
    with pytest.raises(HubError, match="HF_TOKEN") as error:
        fetch(NAME, FILE, "main")
    assert "secr" not in str(error.value) and hub.requests == []


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
def test_storage_whose_name_never_resolves_is_given_up_too(hub, monkeypatch):
    hub.storage = "http://storage.invalid"
    look_up = socket.getaddrinfo

    def hanging(host, *rest, **options):
        if "storage.invalid" in str(host):
            time.sleep(20)
        return look_up(host, *rest, **options)

    monkeypatch.setattr(socket, "getaddrinfo", hanging)
    started = time.monotonic()
    with pytest.raises(HubError, match=r"stopped after 0.0 of 1.0 MB .*try again"):
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


def test_offline_a_cached_file_needs_nothing(hub, monkeypatch):
    fetched = fetch(NAME, FILE, "main")
    asked = len(hub.requests)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert fetch(NAME, FILE, "main") == fetched and len(hub.requests) == asked


def test_a_renamed_model_is_followed_and_kept_under_its_commit(hub):
    hub.renamed["old/name"] = NAME
    fetched = fetch("old/name", FILE, "main")
    assert fetched.revision == COMMIT and fetched.path.read_bytes() == WEIGHTS


def test_a_sign_in_page_is_not_taken_for_a_model(hub, tmp_path):
    hub.fault = "portal"
    with pytest.raises(HubError, match=r"does not answer as a model hub .*HF_ENDPOINT"):
        fetch(NAME, FILE, "main")
    assert cached_files(tmp_path) == []


def test_the_token_stays_with_the_hub(hub, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    fetch(NAME, FILE, "main")
    assert hub.requests[0][2]["Authorization"] == "Bearer hf_secret"
    assert [headers["Authorization"] for headers in downloads(hub)] == [None]


def test_a_storage_that_refuses_is_not_taken_for_a_gated_model(hub):
    hub.fault = "expired"
    with pytest.raises(HubError, match=r"localhost answered 403; try again") as error:
        fetch(NAME, FILE, "main")
    assert "gated" not in str(error.value) and "/cdn/" not in str(error.value)


def test_a_hub_that_sends_no_hashes_is_not_believed(hub, tmp_path):
    """Nothing could tell then whether the right file came."""
    hub.hashes = False
    for file in (FILE, "config.json"):
        with pytest.raises(HubError, match=r"does not answer as a model hub does \(no hash\)"):
            fetch(NAME, file, "main")
    assert cached_files(tmp_path) == [] and downloads(hub) == []


def test_a_branch_whose_name_has_a_slash_is_asked_for_as_one(hub):
    fetch(NAME, FILE, "refs/pr/1")
    assert hub.requests[0][1] == f"/{NAME}/resolve/refs%2Fpr%2F1/{FILE}"


def test_two_who_ask_at_once_share_one_download(hub):
    hub.delay = 0.05
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(lambda _: fetch(NAME, FILE, "main"), range(2))
    assert first == second and first.path.read_bytes() == WEIGHTS
    assert len(downloads(hub)) == 1


def test_a_download_that_is_called_off_ends_and_is_gone_on_with(hub):
    class Enough(Exception):
        pass

    def transfers():
        return {thread for thread in threading.enumerate() if thread.name == "hub-transfer"} - others

    def call_off(done, total):
        assert transfers(), "or the end of the test says nothing"
        raise Enough

    others = set()
    others = transfers()  # what earlier tests have left behind, waiting for silent hubs
    hub.delay = 0.05
    with pytest.raises(Enough):
        fetch(NAME, FILE, "main", call_off)
    hub.delay = 0.0
    assert fetch(NAME, FILE, "main").path.read_bytes() == WEIGHTS
    assert "Range" in downloads(hub)[-1]
    deadline = time.monotonic() + 3
    while transfers() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not transfers()


def test_a_file_that_another_program_fetched_is_checked_by_the_name_it_was_stored_under(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    folder = tmp_path / "models--owner--model"
    digest = hashlib.sha256(WEIGHTS).hexdigest()
    for part in ("blobs", "refs", f"snapshots/{COMMIT}"):
        (folder / part).mkdir(parents=True)
    (folder / "blobs" / digest).write_bytes(WEIGHTS)
    (folder / "refs" / "main").write_text(COMMIT)
    (folder / "snapshots" / COMMIT / FILE).symlink_to(folder / "blobs" / digest)
    assert fetch(NAME, FILE, "main").sha256 == digest
    (folder / "blobs" / digest).write_bytes(b"something else")
    with pytest.raises(HubError, match="its hash changed"):
        fetch(NAME, FILE, "main")


def test_a_cache_without_links_holds_copies(hub, monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_SYMLINKS", True)
    monkeypatch.setattr(file_download, "_are_symlinks_supported_in_dir", {})
    fetched = fetch(NAME, FILE, "main")
    assert not fetched.path.is_symlink() and fetched.path.read_bytes() == WEIGHTS
    assert fetch(NAME, FILE, "main") == fetched


def test_a_cache_that_cannot_be_written_to_says_where_it_is(hub, tmp_path, monkeypatch):
    (tmp_path / "cache").write_text("a file where a folder should be")
    with pytest.raises(HubError, match=r"cannot be kept in .*HF_HOME"):
        fetch(NAME, FILE, "main")


@pytest.mark.parametrize(("name", "revision"), [("../..", "main"), ("owner", "main"), (NAME, "../../x"), (NAME, "")])
def test_names_that_lead_out_of_the_cache_are_refused(hub, name, revision):
    with pytest.raises(HubError, match="no name on the hub"):
        fetch(name, FILE, revision)
    assert hub.requests == []


def test_the_cache_is_where_the_environment_says(hub, tmp_path, monkeypatch):
    monkeypatch.delenv("HF_HUB_CACHE")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "home"))
    assert fetch(NAME, FILE, "main").path.is_relative_to(tmp_path / "home" / "hub" / "models--owner--model")
