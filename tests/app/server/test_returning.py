from dataclasses import replace

import pytest

from app.server.returning import MOST_LEFT, MOST_OPEN, Returning
from app.server.session import Tray
from app.server.uploads import RETURN_S, Library, add_bytes
from core import RequestError
from tests.app.small import photograph


@pytest.fixture
def now() -> list[float]:
    return [0.0]


@pytest.fixture
def library(now) -> Library:
    return Library(clock=lambda: now[0])


@pytest.fixture
def returning(library, now) -> Returning:
    return Returning(library, clock=lambda: now[0])


@pytest.fixture
def tray(library) -> Tray:
    return add_bytes(library, Tray("ada"), photograph(), "mine.png")


def test_whoever_shows_the_secret_gets_the_tray_as_it_was_with_its_files(returning, library, tray):
    secret = returning.open(Tray("ada"))
    returning.update(tray)
    returning.leave("ada")
    assert returning.claim(secret, "ada again") == replace(tray, visitor="ada again")
    assert library.read("ada again", tray.pictures[0].digest) == photograph()


@pytest.mark.parametrize("wrong", ["", "ada", "x" * 43, "\ud800"])
def test_nobody_else_gets_it(returning, library, tray, wrong):
    secrets = {returning.open(replace(tray, visitor=name)) for name in ("ada", "bob")}
    assert len(secrets) == 2 and all(len(secret) == 43 for secret in secrets)
    assert returning.claim(wrong, "eve") is None
    with pytest.raises(RequestError, match="no longer here"):
        library.read("eve", tray.pictures[0].digest)


def test_after_its_time_a_secret_opens_nothing(returning, tray, now):
    secret = returning.open(tray)
    now[0] = 10 * RETURN_S
    assert returning.claim(secret, "eve"), "as long as the page is open there is no end"
    returning.leave("ada")
    now[0] += RETURN_S
    assert returning.claim(secret, "ada again") is None


def test_a_duplicated_tab_gets_a_copy_and_the_first_keeps_its_own(returning, library, tray):
    secret = returning.open(tray)
    copy = returning.claim(secret, "twin")
    library.drop("twin", copy.pictures[0].digest)
    assert library.read("ada", tray.pictures[0].digest)
    returning.leave("ada")
    assert returning.claim(secret, "ada again").pictures == tray.pictures


def test_pictures_whose_files_had_to_go_are_left_out(returning, library, tray):
    tray = tray.add("cheetah", "a sample's", sample=True)
    secret = returning.open(tray)
    library.leave("ada", grace=0)
    back = returning.claim(secret, "ada again")
    assert [picture.name for picture in back.pictures] == ["cheetah"] and back.selected == ("p1",)


def test_closed_pages_are_remembered_up_to_a_number(returning, now):
    first = returning.open(Tray("first"))
    returning.leave("first")
    for number in range(MOST_LEFT):
        now[0] += 0.1
        last = returning.open(Tray(f"{number}"))
        returning.leave(f"{number}")
    assert returning.claim(first, "eve") is None and returning.claim(last, "eve")


def test_pages_that_never_say_farewell_are_remembered_up_to_a_number(returning):
    first = returning.open(Tray("first"))
    secrets = [returning.open(Tray(f"{number}")) for number in range(MOST_OPEN)]
    assert returning.claim(first, "eve") is None and returning.claim(secrets[0], "eve")
