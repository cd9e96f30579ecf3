"""Temporary files: whose they are, how long they stay, and what is left of them."""

import errno
import os

import pytest
from filelock import FileLock

from app.server import spool as module
from app.server.spool import DOWNLOADS_KEPT_S, SENT_KEPT_S, Spool, full_disk_told
from core import RequestError


@pytest.fixture
def spool(tmp_path):
    made = Spool(tmp_path, limit_mb=1)
    yield made
    made.end()


def file_in(spool: Spool, *, age: float = 0.0, size: int = 1, sent: bool = False):
    place = spool.fresh(sent)
    path = place / "photo.png"
    path.write_bytes(b"x" * size)
    was = os.stat(place).st_mtime - age
    os.utime(place, (was, was))
    return path


def test_the_folder_is_the_user_s_own_and_goes_with_the_server(tmp_path):
    spool = Spool(tmp_path / "made")
    assert spool.folder.stat().st_mode & 0o777 == 0o700
    file_in(spool)
    spool.end()
    assert not spool.folder.exists()


def test_two_servers_share_no_folder_and_one_that_lives_is_left_alone(tmp_path, spool, monkeypatch):
    monkeypatch.setattr(module, "_YOUNG_S", -1)
    other = Spool(tmp_path)
    assert other.folder != spool.folder
    other.begin()
    assert spool.folder.exists()
    other.end()


def test_what_a_killed_server_left_goes_at_the_next_start(tmp_path, spool, monkeypatch):
    left = tmp_path / "dinoscope-files-left"
    (left / "one").mkdir(parents=True)
    FileLock(left / ".lock").acquire().lock.release()
    spool.begin()
    assert left.exists()  # it may be a server that is just being started
    monkeypatch.setattr(module, "_YOUNG_S", -1)
    spool.begin()
    assert not left.exists()


@pytest.mark.parametrize(("sent", "kept"), [(True, SENT_KEPT_S), (False, DOWNLOADS_KEPT_S)])
def test_files_go_after_their_time_but_not_while_they_are_used(spool, sent, kept):
    young, old = file_in(spool, age=kept - 5, sent=sent), file_in(spool, age=kept + 5, sent=sent)
    with spool.holding([old]):
        spool.sweep()
        assert young.exists() and old.exists()
    spool.sweep()
    assert old.exists()  # its time counts from its last use
    os.utime(old.parent, (0, 0))
    spool.sweep()
    assert young.exists() and not old.parent.exists()


def test_a_file_that_is_in_use_from_now_on_is_kept_as_long_as_a_download(spool):
    clip = file_in(spool, sent=True)
    spool.keep(clip)
    os.utime(clip.parent, (os.stat(clip).st_mtime - SENT_KEPT_S - 5,) * 2)
    spool.sweep()
    assert clip.exists()


def test_beyond_the_limit_the_oldest_go_first_and_those_of_this_minute_stay(spool):
    half = 600_000
    oldest, old, new = (file_in(spool, age=age, size=half) for age in (300, 200, 0))
    spool.sweep()
    assert [path.exists() for path in (oldest, old, new)] == [False, False, True]
    another = file_in(spool, size=half)
    spool.sweep()
    assert new.exists() and another.exists()


def test_a_place_where_nothing_can_be_kept_is_named(tmp_path):
    blocked = tmp_path / "a file"
    blocked.write_text("")
    with pytest.raises(RequestError, match=r"Temporary files cannot be kept in .*a file.*GRADIO_TEMP_DIR"):
        Spool(blocked)


def test_a_full_disk_is_said_and_other_errors_are_not_hidden():
    with pytest.raises(RequestError, match="no room for more files"), full_disk_told():
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    with pytest.raises(FileNotFoundError), full_disk_told():
        raise FileNotFoundError(errno.ENOENT, "gone")
