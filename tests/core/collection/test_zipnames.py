"""Names in a zip are read in the letters they were packed with, whatever the packing machine left out to say."""

import struct
import zipfile
import zlib
from pathlib import Path

import pytest

from core.collection.incoming import arriving, expected
from core.collection.zipnames import guessed, member_names
from tests.app.small import photograph

PACKED = {
    "cp932": ["写真/ねこ.png", "テスト画像.jpg", "表示ソフト.png", "犬.png", "IMGテスト.jpg", "渋谷・夜景.jpg"],
    "gbk": ["照片/小猫.png", "新建文件夹/动物.jpg", "图片.png", "鹦鹉.png", "红绿灯（一）.png", "微信图片_2023.jpg"],
    "big5": ["照片/小貓.png", "新增資料夾/動物.jpg", "鸚鵡與狗.png"],
    "cp949": ["새 폴더/고양이 사진.jpg", "사진/고양이와 강아지.jpg"],
    "cp866": ["Новая папка/кошка.png", "Ёж.jpg", "Мама и папа 2023.jpg"],
    "cp1251": ["Животные/кошка.png", "кот.png"],
    "cp437": ["Übergröße/Käse.png", "niño.png", "Ångström.jpg"],
    "cp1252": ["été.jpg", "Noël à Paris.jpg"],
    "utf-8": ["Käse.png", "e\u0301te\u0301.png", "猫.png", "кот.png", "ねこ.png", "고양이.png", "😀.png", "Łódź.png"],
}


def packed(path: Path, names: list[bytes], *, flagged: bool = False, extra: bytes = b"") -> Path:
    """A zip whose names are those bytes, written as other programs do: `zipfile` itself always says UTF-8."""
    with zipfile.ZipFile(path, "w") as archive:
        for number, name in enumerate(names):
            member = _Named(name, flagged)
            member.extra = extra
            archive.writestr(member, photograph(number))
    return path


class _Named(zipfile.ZipInfo):
    def __init__(self, raw: bytes, flagged: bool):
        super().__init__(raw.hex())
        self.raw, self.flagged = raw, flagged

    def _encodeFilenameFlags(self):
        return self.raw, self.flag_bits | 0x800 * self.flagged


def taken(path: Path) -> tuple[dict[str, bytes | object], list[str]]:
    refused: list[str] = []
    return {one.name: one.read()[0] for one in arriving([path], refused)}, refused


@pytest.mark.parametrize("encoding", PACKED)
def test_names_are_read_as_they_were_packed(tmp_path, encoding):
    names = PACKED[encoding]
    path = packed(tmp_path / "x.zip", [name.encode(encoding) for name in names])
    found, refused = taken(path)
    assert found == {name: photograph(number) for number, name in enumerate(names)}
    assert refused == [] and expected([path]) == len(names)


@pytest.mark.parametrize("encoding", PACKED)
def test_one_name_alone_is_enough(encoding):
    for name in PACKED[encoding]:
        assert guessed(name.encode(encoding)) == encoding, name


def test_a_trail_byte_that_looks_like_a_backslash_is_no_folder(tmp_path):
    path = packed(tmp_path / "x.zip", ["ソース/表.png".encode("cp932")])
    (incoming,) = arriving([path], [])
    assert (incoming.name, incoming.label) == ("ソース/表.png", "ソース")


def test_what_the_zip_says_is_believed(tmp_path):
    raw = "猫.png".encode("gbk")
    field = struct.pack("<BI", 1, zlib.crc32(raw)) + "猫.png".encode()
    stale = struct.pack("<BI", 1, zlib.crc32(b"another")) + b"dog.png"
    for content in (field, stale):
        extra = struct.pack("<HH", 0x7075, len(content)) + content
        (found,) = taken(packed(tmp_path / "x.zip", [raw], extra=extra))[0]
        assert found == "猫.png"
    field = struct.pack("<BI", 1, zlib.crc32(b"cat.png")) + "猫.png".encode()
    extra = struct.pack("<HH", 0xCAFE, 0) + struct.pack("<HH", 0x7075, len(field)) + field
    assert list(taken(packed(tmp_path / "x.zip", [b"cat.png"], extra=extra))[0]) == ["猫.png"]
    assert list(taken(packed(tmp_path / "x.zip", ["\u00e8.png".encode()], flagged=True))[0]) == ["\u00e8.png"]


def test_names_that_are_no_utf8_although_they_say_so_are_told(tmp_path):
    found, refused = taken(packed(tmp_path / "x.zip", [b"\xff\xfe.png"], flagged=True))
    assert found == {} and "x.zip is damaged or cut short" in refused[0]


def test_bytes_that_are_nothing_keep_their_difference(tmp_path):
    path = packed(tmp_path / "x.zip", [b"\xff\xfe\xfd.png", b"\xff\xfe\xfc.png", b"cat\x80.png\0.exe"])
    found, refused = taken(path)
    assert len(found) == 3 and refused == []


def test_many_names_are_read_from_a_sample_of_them(tmp_path, monkeypatch):
    monkeypatch.setattr("core.collection.zipnames.SAMPLED", 3)
    names = [f"照片{number}.png" for number in range(50)]
    members = []
    for name in names:
        member = zipfile.ZipInfo("x")
        member.orig_filename = name.encode("gbk").decode("cp437")
        members.append(member)
    assert member_names(members) == names
