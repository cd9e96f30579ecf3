"""What one visitor's long job leaves to another: over HTTP, against the served app."""

import threading
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from gradio_client import Client, handle_file

from app.page.wiring import LONG
from core.collection import adding
from tests.app.small import SIZE, photograph

COUNT = 12
PATIENCE_S = 300


@dataclass(frozen=True)
class Additions:
    """Those that run: each released `under_way` by its first batch, and shows it to the model again until `enough`."""

    under_way: threading.Semaphore
    enough: threading.Event


@pytest.fixture
def additions(monkeypatch) -> Iterator[Additions]:
    """Every addition from now on is one of a folder without end."""
    now, usual = Additions(threading.Semaphore(0), threading.Event()), adding._kept

    def kept(store, encoder, batch, *rest):
        now.under_way.release()
        while not now.enough.is_set():
            encoder.maps([(picture.pixels, picture.geometry) for picture in batch])
        return usual(store, encoder, batch, *rest)

    with monkeypatch.context() as patch:
        patch.setattr(adding, "_kept", kept)
        yield now
        now.enough.set()


@pytest.mark.parametrize("same", [True, False], ids=["the same collection", "another collection"])
def test_a_search_is_answered_while_others_add_for_long_and_the_additions_end_well(served, tmp_path, request, same):
    path, pictures = tmp_path / "asked.png", tmp_path / "many.zip"
    path.write_bytes(photograph(50))
    with zipfile.ZipFile(pictures, "w") as archive:
        for number in range(COUNT):
            archive.writestr(f"{number}.jpg", photograph(100 + number, kind="JPEG"))
    places, other = LONG["line"].total, Client(served[0], verbose=False)
    adding = [Client(served[0], verbose=False) for _ in range(places + 1)]  # a visitor has only some of the places
    mine = f"Mine, {same}"
    other.predict(collection=mine, images=[handle_file(str(path))], size=SIZE, api_name="/add_images")

    additions = request.getfixturevalue("additions")
    filled = [mine if same else f"Long 0, {same}", *(f"Long {number}, {same}" for number in range(1, places + 1))]
    sent = {"images": [handle_file(str(pictures))], "size": SIZE, "api_name": "/add_images"}
    jobs = [one.submit(collection=name, **sent) for one, name in zip(adding, filled, strict=True)]
    for _ in range(places):  # every place for long jobs is taken, and one waits
        assert additions.under_way.acquire(timeout=PATIENCE_S)
    asked = other.submit(collection=mine, image=handle_file(str(path)), k=1, api_name="/search")
    _, numbers = asked.result(timeout=PATIENCE_S)
    assert [result["name"] for result in numbers["results"]] == ["asked.png"]
    assert [job.result() for job in jobs if job.done()] == []

    additions.enough.set()
    there = [job.result(timeout=PATIENCE_S)["pictures"] for job in jobs]
    assert there == [COUNT + (name == mine) for name in filled]
