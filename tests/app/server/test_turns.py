import threading
import time

from app.server.turns import FairLock


def test_turns_come_in_the_order_of_asking():
    lock, order = FairLock(), []
    lock.acquire()

    def wait(name: str) -> None:
        with lock:
            order.append(name)

    threads = []
    for name in "abcd":
        threads.append(threading.Thread(target=wait, args=[name]))
        threads[-1].start()
        while len(lock._waiting) < len(threads):
            time.sleep(0.001)
    lock.release()
    lock.acquire()  # as a long job does between its parts
    order.append("again")
    lock.release()
    for thread in threads:
        thread.join(5)
    assert order == ["a", "b", "c", "d", "again"]


def test_who_gives_up_is_skipped():
    lock = FairLock()
    lock.acquire()
    assert not lock.acquire(timeout=0.01)
    assert not lock.acquire_unless(lambda: True, 0.01)
    lock.release()
    assert lock.acquire(timeout=0.01)


def test_it_is_never_held_twice():
    lock, inside, worst = FairLock(), [], []

    def work() -> None:
        for _ in range(50):
            with lock:
                inside.append(1)
                worst.append(len(inside))
                inside.pop()

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert set(worst) == {1} and len(worst) == 400
