import pytest

from app.server.session import Tray
from app.server.uploads import GALLERY, Library, add_bytes, add_files
from core import ImageError, RequestError
from tests.app.small import photograph


def test_good_files_are_kept_and_each_bad_one_is_named(tmp_path):
    files = {"good.png": photograph(), "notes.png": b"not a picture", "empty.jpg": b"", "also good.png": photograph(1)}
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    library = Library()
    tray, problems = add_files(library, Tray("ada"), [tmp_path / name for name in files])
    assert [picture.name for picture in tray.pictures] == ["good.png", "also good.png"]
    assert len(problems) == 2
    assert "notes.png" in problems[0] and "empty.jpg" in problems[1]
    assert list(tmp_path.iterdir()) == []  # the temporary copies are gone


@pytest.mark.parametrize(
    "name", ["снимок.png", "写真.png", "صورة.png", "<img src=x onerror=alert(1)>.png", "a b'c\".png"]
)
def test_names_in_any_script_stay_as_they_are(name):
    tray = add_bytes(Library(), Tray("ada"), photograph(), name)
    assert tray.pictures[0].name == name


def test_nobody_reads_what_another_brought():
    library = Library()
    digest = library.add("ada", photograph(), "secret.png")
    shared = library.add(GALLERY, photograph(1), "sample")
    assert library.read("ada", digest) and library.read("bob", shared)
    with pytest.raises(RequestError, match="no longer here"):
        library.read("bob", digest)
    library.drop("bob", digest)  # neither may another delete it
    assert library.read("ada", digest)


def test_a_picture_that_was_just_added_is_not_decoded_again(monkeypatch):
    library = Library()
    tray = add_bytes(library, Tray("ada"), photograph(), "one.png")
    monkeypatch.setattr(library, "decode", None)
    picture = library.picture("ada", tray.pictures[0].digest)
    assert (picture.width, picture.height) == picture.image.size == (160, 120)
    with pytest.raises(RequestError, match="no longer here"):
        library.picture("bob", tray.pictures[0].digest)


def test_a_picture_of_more_pixels_than_are_taken_is_refused():
    with pytest.raises(ImageError, match=r"'large.png' is too large: 160×120 .*Up to 0.015 megapixels"):
        add_bytes(Library(largest=15_000), Tray("ada"), photograph(), "large.png")


def test_a_visitor_s_room_is_bounded_and_says_what_to_do():
    library = Library(visitor_mb=0.1)
    library.add("ada", b"x" * 60_000, "first.png")
    with pytest.raises(RequestError, match=r"'second\.png' .* does not fit.*Remove some"):
        library.add("ada", b"y" * 60_000, "second.png")
    library.add("bob", b"y" * 60_000, "second.png")  # another has room of their own


def test_what_does_not_fit_is_in_neither_tray_nor_library():
    library = Library(visitor_mb=0.001)
    with pytest.raises(RequestError):
        add_bytes(library, Tray("ada"), photograph(), "large.png")
    assert library.visitors() == []


def test_beyond_the_limit_those_who_left_first_are_forgotten_and_equal_files_count_once():
    library = Library(left_mb=0.1)
    library.add("ada", b"x" * 60_000, "a.png")
    library.share("ada", "eve")
    for visitor in ("ada", "eve"):
        library.leave(visitor)
    assert library.visitors() == ["ada", "eve"]
    library.add("bob", b"y" * 60_000, "b.png")
    assert len(library.visitors()) == 3  # open pages count for nothing
    library.leave("bob")
    assert library.visitors() == ["bob"]


def test_a_visitor_who_leaves_is_forgotten_unless_they_come_back():
    now = [0.0]
    library = Library(clock=lambda: now[0])
    digest = library.add("ada", photograph(), "a.png")
    library.leave("ada", grace=30)
    library.read("ada", digest)  # back within the grace
    now[0] += 31
    library.sweep()
    assert library.read("ada", digest)
    library.leave("ada", grace=30)
    now[0] += 20
    library.read("ada", digest)
    library.leave("ada", grace=30)  # the time counts from the second farewell
    now[0] += 20
    library.sweep()
    assert library.visitors() == ["ada"]
    now[0] += 11
    library.sweep()
    assert library.visitors() == []
    library.add("ada", photograph(), "a.png")
    library.leave("ada", grace=0)
    assert library.visitors() == []
    with pytest.raises(RequestError, match="no longer here"):
        library.read("ada", digest)


def test_something_else_than_a_picture_is_an_image_error():
    with pytest.raises(ImageError):
        add_bytes(Library(), Tray("ada"), b"%PDF-1.7 ...", "report.pdf")
