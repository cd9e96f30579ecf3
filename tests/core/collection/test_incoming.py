"""Archives from strangers: nothing is written, nothing grows beyond bounds, and everything odd is named."""

import gzip
import io
import os
import tarfile
import zipfile

import pytest
from PIL import Image

from core.collection.incoming import Limits, arriving, expected, plain_name
from core.errors import ImageError
from core.pictures.names import as_text
from tests.app.small import photograph


def taken(*sources, limits=Limits()):
    """(name, bytes read) of what arrives, and what was refused."""
    refused = []
    return [(one.name, one.read()[0]) for one in arriving(sources, refused, limits)], refused


def zipped(path, files):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


def tarred(path, files, mode="w"):
    with tarfile.open(path, mode) as archive:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return path


@pytest.mark.parametrize(("pack", "ending"), [(zipped, "zip"), (tarred, "tar")])
def test_names_that_climb_out_are_only_names(tmp_path, pack, ending):
    names = {"../../etc/a.png": "etc/a.png", "/abs/b.png": "abs/b.png", "..\\..\\c.png": "c.png", "C:/d.png": "d.png"}
    path = pack(tmp_path / f"x.{ending}", dict.fromkeys(names, photograph()))
    before = sorted(tmp_path.rglob("*"))
    found, refused = taken(path)
    assert sorted(name for name, _ in found) == sorted(names.values())
    assert all(data == photograph() for _, data in found)
    assert (refused, sorted(tmp_path.rglob("*"))) == ([], before)


def test_a_path_where_nothing_is_says_so(tmp_path):
    (one,) = arriving(["typo"], [])
    with pytest.raises(ImageError, match="'typo' is not there"):
        one.read()
    os.mkfifo(tmp_path / "pipe.png")
    (one,) = arriving([tmp_path / "pipe.png"], [])
    with pytest.raises(ImageError, match="is a device or a pipe"):
        one.read()


@pytest.mark.parametrize(("pack", "ending"), [(None, ""), (zipped, "zip"), (tarred, "tar")])
def test_names_that_are_no_plain_text_are_kept_as_text(tmp_path, pack, ending):
    names = ["line\nend.png", "tab\t.png"] + (["caf\udce9/1.png"] if pack is not zipped else [])
    path = tmp_path / f"x{ending}"
    if pack:
        pack(path, dict.fromkeys(names, photograph()))
    else:
        for name in names:
            (path / name).parent.mkdir(parents=True, exist_ok=True)
            (path / name).write_bytes(photograph())
    found, refused = taken(path)
    assert sorted(name for name, _ in found) == sorted(map(as_text, names)) and refused == []


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
def test_every_kind_of_tar_is_read_whatever_it_is_called(tmp_path, mode):
    names = ["猫/鳴く.png", "قط.png", "<img src=x onerror=alert(1)>.png", "=1+1.png", "a" * 300 + ".png"]
    found, refused = taken(tarred(tmp_path / "packed", dict.fromkeys(names, photograph()), mode))
    assert [name for name, _ in found] == [plain_name(name) for name in names]
    assert refused == []


def test_links_devices_and_other_files_are_left_out_and_told(tmp_path):
    path = tmp_path / "x.tar"
    with tarfile.open(path, "w") as archive:
        for name, kind in (("link.png", tarfile.SYMTYPE), ("hard.png", tarfile.LNKTYPE), ("dev.png", tarfile.CHRTYPE)):
            member = tarfile.TarInfo(name)
            member.type, member.linkname = kind, "/etc/passwd"
            archive.addfile(member)
        for name in ("notes.txt", "inner.zip", ".hidden.png", "__MACOSX/._a.png"):
            archive.addfile(tarfile.TarInfo(name))
    found, refused = taken(path)
    assert found == []
    assert [sentence.split()[1] for sentence in refused[:3]] == ["link.png", "hard.png", "dev.png"]
    assert "4 other files in it were left out" in refused[3]
    packed = tmp_path / "x.zip"
    with zipfile.ZipFile(packed, "w") as archive:
        member = zipfile.ZipInfo("link.png")
        member.external_attr = 0o120777 << 16
        archive.writestr(member, "/etc/passwd")
    assert taken(packed) == ([], ["x.zip: link.png is a link, which is not followed; pack the picture itself."])


@pytest.mark.parametrize(("pack", "ending"), [(zipped, "zip"), (lambda p, f: tarred(p, f, "w:gz"), "tgz")])
def test_bombs_are_stopped_and_what_came_before_is_taken(tmp_path, pack, ending):
    files = {"a.png": photograph()} | {f"bomb{n}.png": bytes(2**20) for n in range(40)}
    path = pack(tmp_path / f"x.{ending}", files)
    found, refused = taken(path, limits=Limits(free_bytes=2**22, ratio=1))
    assert found[0] == ("a.png", photograph())
    assert sum(len(data) for _, data in found) < 2**23
    assert "unpacks to more than" in refused[0]
    found, refused = taken(path, limits=Limits(member_bytes=2**19))
    assert found == [("a.png", photograph())]
    assert len(refused) == 40


def test_a_header_that_announces_gigabytes_takes_no_memory(tmp_path):
    """`tarfile` reads long names whole, whatever length they claim."""
    member = tarfile.TarInfo("x")
    member.type, member.size = tarfile.XHDTYPE, 2**33
    path = tmp_path / "x.tar.gz"
    with gzip.open(path, "wb") as file:
        file.write(member.tobuf(tarfile.GNU_FORMAT) + bytes(2**20))
    found, refused = taken(path)
    assert found == []
    assert "announces a member that is larger than 256 MB" in refused[0]


def test_a_hundred_thousand_entries_are_listed(tmp_path):
    path = tmp_path / "x.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(100_000):
            archive.writestr(f"{number}.txt", b"")
        archive.writestr("a.png", photograph())
    found, refused = taken(path)
    assert [name for name, _ in found] == ["a.png"]
    assert "100,000 other files" in refused[0]
    assert expected([path]) == 1


def test_damage_is_told_and_never_fatal(tmp_path):
    whole = tarred(tmp_path / "x.tgz", {f"{n}.png": photograph(n) for n in range(4)}, "w:gz").read_bytes()
    (tmp_path / "x.tgz").write_bytes(whole[: len(whole) * 2 // 3])
    found, refused = taken(tmp_path / "x.tgz")
    assert 0 < len(found) < 4
    assert "damaged or cut short" in refused[0]
    (tmp_path / "y.zip").write_bytes(b"PK\x03\x04 and nothing of the sort")
    assert "damaged or cut short" in taken(tmp_path / "y.zip")[1][0]
    data = bytearray(zipped(tmp_path / "z.zip", {"a.png": photograph(1), "b.png": photograph(2)}).read_bytes())
    data[60] ^= 255
    (tmp_path / "z.zip").write_bytes(data)
    found, refused = taken(tmp_path / "z.zip")
    assert [name for name, _ in found] == ["b.png"]
    assert "a.png is damaged" in refused[0]


def test_folders_bytes_and_pictures(tmp_path):
    (tmp_path / "cats").mkdir()
    (tmp_path / "cats" / "a.png").write_bytes(photograph(1))
    name = os.fsdecode(b"odd\xff.png")  # no UTF-8
    (tmp_path / name).write_bytes(photograph(2))
    refused = []
    found = list(arriving([tmp_path, photograph(3), Image.new("RGB", (8, 8)), 7], refused))
    assert [(one.name, one.label) for one in found] == [
        ("cats/a.png", "cats"),
        ("odd\\xff.png", ""),
        ("picture 2", ""),
        ("picture 3", ""),
    ]
    assert "int" in refused[0]
    assert expected([tmp_path, b"x"]) == 3
    same, again = Image.new("RGB", (8, 8)), Image.new("RGB", (16, 4))
    digests = {next(arriving([one], [])).read()[1] for one in (same, Image.new("RGB", (8, 8)), again)}
    assert len(digests) == 2, "pixels and shape make the digest"
