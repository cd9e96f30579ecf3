"""Who gets a place for long work, in which order, and who is passed over."""

import asyncio
import threading
from types import SimpleNamespace

import pytest

from app.server.lines import Line
from app.server.presence import CALLER, GRACE_S, Caller, Presence
from app.server.turns import Places, Stopped
from core import RequestError


def here(*visitors: str) -> Presence:
    presence = Presence()
    for visitor in visitors:
        presence.opened(visitor)
    return presence


async def in_order(places: Places, asking: str | list[str], gone=lambda visitor: False) -> str:
    """The letters of `asking`, each a visitor's request, in the order in which they got their places."""
    served: list[str] = []

    async def one(visitor: str) -> None:
        try:
            async with places.place(visitor, lambda: gone(visitor)):
                served.append(visitor)
                await asyncio.sleep(0)
        except Stopped:
            served.append("-")

    await asyncio.gather(*(one(visitor) for visitor in asking))
    return "".join(served)


async def until_waiting(places: Places, count: int) -> None:
    while sum(map(len, places._lines.values())) < count:
        await asyncio.sleep(0)


@pytest.mark.parametrize(
    ("total", "each", "asking", "served"),
    [
        (1, 1, "aaaab", "abaaa"),
        (1, 1, "aaabbc", "abcaba"),
        (2, 1, "aaab", "abaa"),
        (4, 2, "aaaabc", "aabcaa"),
    ],
)
def test_places_go_round_the_visitors_however_often_one_asked_before(total, each, asking, served):
    assert asyncio.run(in_order(Places(total, each), asking)) == served


def test_who_has_left_is_passed_over():
    assert asyncio.run(in_order(Places(1, 1), "aabc", gone=lambda visitor: visitor == "a")) == "--bc"


def test_a_place_is_given_back_by_whoever_fails_or_gives_up():
    async def all_of_it() -> None:
        places = Places(1, 1)
        with pytest.raises(ZeroDivisionError):
            async with places.place("a"):
                raise ZeroDivisionError
        async with places.place("a"):
            waiting = asyncio.ensure_future(in_order(places, "b"))
            await until_waiting(places, 1)
            waiting.cancel()
            await asyncio.wait([waiting])
            assert not places._lines, "who has given up keeps nobody else out"
        assert await in_order(places, "c") == "c"
        assert not places._held and not places._lines

    asyncio.run(all_of_it())


@pytest.mark.parametrize(("own", "others"), [(2, 0), (0, 3)])
def test_more_than_can_wait_are_refused_in_words(own, others):
    async def all_of_it() -> None:
        places = Places(1, 1, most_waiting=3, each_waiting=2)
        async with places.place("holder"):
            names = ["a"] * own + [f"other {number}" for number in range(others)]
            waiting = [asyncio.ensure_future(in_order(places, [name])) for name in names]
            await until_waiting(places, len(names))
            with pytest.raises(RequestError, match=f"{own + others} requests wait already, {own} of them yours"):
                async with places.place("a"):
                    pass
        await asyncio.gather(*waiting)

    asyncio.run(all_of_it())


def test_work_runs_on_a_thread_and_knows_whom_it_is_for():
    caller = Caller("ada", here("ada"))
    seen = asyncio.run(Line("a", 1, 1).once(caller, lambda: (CALLER.get(), threading.current_thread())))
    assert seen[0] is caller and seen[1] is not threading.main_thread()
    assert CALLER.get().visitor == ""


def test_work_of_a_client_that_opens_no_connection_does_not_start(monkeypatch):
    now = SimpleNamespace(time=0.0)

    def clock() -> float:
        now.time += GRACE_S / 4
        return now.time

    with pytest.raises(Stopped):
        asyncio.run(Line("a", 1, 1).once(Caller("ada", Presence(clock)), pytest.fail))


def test_steps_end_with_the_client_and_close_what_they_began():
    presence, ended = here("ada"), []

    def steps():
        try:
            yield 1
            presence.closed("ada")
            presence._until.clear()
            yield 2
            yield 3
        finally:
            ended.append(True)

    async def all_of_it() -> list:
        return [value async for value in Line("a", 1, 1).steps(Caller("ada", presence), steps)]

    assert asyncio.run(all_of_it()) == [1, 2] and ended == [True]


def test_who_waits_for_long_is_told(monkeypatch):
    monkeypatch.setattr("app.server.lines.WORTH_SAYING_S", 0.01)
    caller = Caller("ada", here("ada"))

    async def all_of_it() -> list:
        line, free = Line("a", 1, 1), asyncio.Event()

        async def holds() -> None:
            async with line._place(caller):
                await free.wait()

        holding = asyncio.ensure_future(holds())
        await asyncio.sleep(0)
        seen = []
        async for value in line.steps(caller, lambda: (word for word in ["done"]), lambda: "waiting"):
            seen.append(value)
            free.set()
        await holding
        return seen

    assert asyncio.run(all_of_it()) == ["waiting", "done"]
