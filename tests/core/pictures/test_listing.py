"""What files, folders and lists mean."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.pictures.listing import find_pictures, natural_key


@pytest.fixture
def tree(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in (
        "a/img10.jpg",
        "a/img2.JPG",
        "a/notes.txt",
        "a/.hidden.png",
        "a/.thumbs/x.png",
        "a/b/c.webp",
        "d.png",
        "__MACOSX/a/._img2.JPG",
        "a/__MACOSX/y.png",
        "a/b/@eaDir/c.webp/SYNOPHOTO_THUMB_M.jpg",
    ):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x" * len(name))
    return tmp_path


def names(*arguments):
    pictures, problems = find_pictures(arguments)
    assert problems == []
    return [picture.name for picture in pictures]


def test_folders_are_searched_in_natural_order(tree):
    assert names("a") == names(str(tree / "a")) == ["b/c.webp", "img2.JPG", "img10.jpg"]
    assert names(".") == ["a/b/c.webp", "a/img2.JPG", "a/img10.jpg", "d.png"]


def test_files_mirror_the_path_they_were_given_by(tree):
    assert names("d.png", "a/img2.JPG", "./a/b/../img10.jpg") == ["d.png", "a/img2.JPG", "a/b/img10.jpg"]
    absolute = str(tree / "d.png")
    assert names(absolute) == [absolute.lstrip("/")]


def test_a_picture_is_found_once_with_its_size_and_time(tree):
    pictures, _ = find_pictures(["d.png", ".", str(tree / "d.png")])
    (found,) = [picture for picture in pictures if picture.path.name == "d.png"]
    assert found.path == tree / "d.png"
    assert (found.bytes, found.modified) == (5, (tree / "d.png").stat().st_mtime_ns)


def test_lists(tree):
    (tree / "list.txt").write_text("\ufeff# chosen\n\n  # not this\n d.png \na/b\n", encoding="utf-8")
    assert names("@list.txt") == ["d.png", "c.webp"]


def test_what_a_list_names_is_relative_to_the_list(tree, monkeypatch):
    (tree / "a/list.txt").write_text("img2.JPG\n../d.png\nb\n")
    monkeypatch.chdir(tree / "a/b")
    pictures, problems = find_pictures([f"@{tree}/a/list.txt"])
    assert problems == [] and [one.path for one in pictures] == [
        tree / "a/img2.JPG",
        tree / "d.png",
        tree / "a/b/c.webp",
    ]
    assert [one.name for one in pictures] == ["img2.JPG", "d.png", "c.webp"]


def test_folders_without_pictures_are_named(tree):
    (tree / "empty").mkdir()
    pictures, problems = find_pictures(["empty", "d.png"])
    assert len(pictures) == 1
    assert "'empty' has no pictures in it" in problems[0]


def test_missing_files_are_kept_to_be_reported(tree):
    pictures, problems = find_pictures(["gone.jpg"])
    assert [(picture.name, picture.bytes) for picture in pictures] == [("gone.jpg", 0)]
    assert problems == []


def test_links_are_followed_but_not_in_circles(tree):
    (tree / "a/up").symlink_to(tree / "a")
    (tree / "linked").symlink_to(tree / "a/b")
    (tree / "a/linked.png").symlink_to(tree / "d.png")
    (tree / "a/itself").symlink_to("itself")
    assert names("a") == ["b/c.webp", "img2.JPG", "img10.jpg", "linked.png"]
    assert names("linked") == ["c.webp"]


def test_a_link_to_the_folder_above_is_followed_once(tree):
    (tree / "a/b/above").symlink_to(tree)
    assert names("a/b") == ["above/a/img2.JPG", "above/a/img10.jpg", "above/d.png", "c.webp"]


def test_a_folder_goes_by_its_own_name_whatever_link_comes_before(tree):
    (tree / "a/0").symlink_to(tree / "a/b")
    assert names("a") == ["b/c.webp", "img2.JPG", "img10.jpg"]


def test_a_folder_elsewhere_goes_by_the_first_link_to_it(tree):
    for link in ("2", "10", "1"):
        (tree / "a/b" / link).symlink_to(tree / "outside")
    (tree / "outside").mkdir()
    (tree / "d.png").rename(tree / "outside/d.png")
    assert names("a/b") == ["1/d.png", "c.webp"]


def test_a_link_to_a_picture_that_is_gone_is_kept_to_be_reported(tree):
    (tree / "a/b/gone.png").symlink_to(tree / "nowhere.png")
    assert names("a/b") == ["c.webp", "gone.png"]


def test_a_pipe_is_no_picture(tree):
    os.mkfifo(tree / "a/b/pipe.png")
    assert names("a/b") == ["c.webp"]


def test_folders_that_cannot_be_read_are_named(tree, monkeypatch):
    scandir = os.scandir

    def forbidden(path):
        if str(path).endswith("b"):
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", forbidden)
    pictures, problems = find_pictures(["a"])
    assert [one.name for one in pictures] == ["img2.JPG", "img10.jpg"]
    assert problems == [f"The folder '{tree}/a/b' cannot be read (Permission denied); check its permissions."]


def test_names_that_are_no_text(tree):
    path = os.fsencode(tree / "a") + b"/\xff.png"
    with open(path, "wb"):
        pass
    pictures, _ = find_pictures(["a"])
    labels = [picture.label for picture in pictures]
    assert any(label.endswith("/\\xff.png") for label in labels)
    assert all(label.encode("utf-8") for label in labels)


@given(st.lists(st.text(alphabet="a1٣²./B0 ", min_size=1), min_size=2, max_size=6))
def test_any_names_can_be_sorted(paths):
    sorted(paths, key=natural_key)
