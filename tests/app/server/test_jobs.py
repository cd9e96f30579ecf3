"""Long work: followed, cancelled, and its failure handed on."""

import pytest

from app.server.access import Access
from app.server.jobs import Job
from core import RequestError


def test_a_job_tells_how_far_it_is_and_ends_when_cancelled():
    def work(progress, cancelled):
        for done in range(1_000_000):
            progress(done, 10)
            if cancelled():
                return done
        return None

    job = Job("Counting", work)
    first = next(job.sentences())
    job.cancel()
    assert job.result() is not None
    assert first.startswith("Counting")
    assert list(job.sentences()) == []


def test_a_failure_is_raised_where_the_result_is_asked_for():
    job = Job("Failing", lambda progress, cancelled: [][0])
    with pytest.raises(IndexError):
        job.result()


def test_who_may_change_collections():
    home, open_to_all, behind = (Access(*given) for given in ((True, False), (False, False), (False, True)))
    home.check_writing({})
    behind.check_writing({"x-forwarded-for": "1.2.3.4"})
    for access, headers in ((open_to_all, {}), (home, {"x-forwarded-for": "1.2.3.4"})):
        with pytest.raises(RequestError, match="--auth"):
            access.check_writing(headers)
    for access in (open_to_all, behind):
        with pytest.raises(RequestError, match="upload the files"):
            access.check_own_folder({})
