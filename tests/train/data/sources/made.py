"""Pictures, tables and shards as users of the hub and of webdataset write them."""

import io
import tarfile
from pathlib import Path

from PIL import Image


def encoded(value: int, form: str = "PNG") -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (8, 6), (value, 0, 0)).save(buffer, form)
    return buffer.getvalue()


def pictures(folder: Path, *names: str) -> dict[str, bytes]:
    """The bytes of new picture files, by their names below the folder."""
    found = {name: encoded(place) for place, name in enumerate(names)}
    for name, data in found.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return found


def shard(path: Path, members: dict[str, bytes]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w") as archive:
        for name, data in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return path
