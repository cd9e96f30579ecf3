"""The list of what could not be read: a line for each image, whatever it is called and whoever finds it."""

import pytest

from core.pictures.names import as_text
from train.data.quarantine import Quarantine, Unreadable

NAMES = (
    "ä b.jpg",
    "caf\udce9.jpg",
    "tab\there.jpg",
    "line\nend.jpg",
    r"line\nend.jpg",
    "\u2028.jpg",
    "\x85.jpg",
    "全　角.jpg",
)


def test_any_name_is_listed_once_as_text_of_its_own(tmp_path):
    for _ in range(2):  # as a resumed run would
        quarantine = Quarantine(tmp_path)
        for name in (*NAMES, *NAMES):
            quarantine.add([Unreadable(name, "gone,\n\tor a name that is\udce9 none")])
        assert quarantine.count == len(NAMES)
    lines = (tmp_path / "unreadable.txt").read_text(encoding="utf-8").splitlines()
    assert [line.split("\t") for line in lines] == [
        [as_text(name), r"gone, or a name that is\udce9 none"] for name in NAMES
    ]


def test_usual_names_are_written_as_they_are():
    assert [as_text(name) for name in (NAMES[0], NAMES[-1])] == [NAMES[0], NAMES[-1]]


def test_ranks_share_the_list(tmp_path):
    first, second = Quarantine(tmp_path), Quarantine(tmp_path)
    first.add([Unreadable("a", "gone"), Unreadable("b", "gone")])
    second.add([Unreadable("b", "gone"), Unreadable("c", "gone")])
    assert (tmp_path / "unreadable.txt").read_text() == "a\tgone\nb\tgone\nc\tgone\n"
    assert first.count == second.count == 3


@pytest.mark.parametrize("end", [b"ta", b"caf\xc3"])
def test_a_list_that_a_kill_cut_short_is_gone_on_with(tmp_path, end):
    (tmp_path / "unreadable.txt").write_bytes(b"a\tgone\n" + end)
    assert Quarantine(tmp_path).count == 2
