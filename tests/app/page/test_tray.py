"""What is said of files that were dropped on the tray."""

import gradio as gr

from app.page.tray import bring
from app.server.session import LARGEST_TRAY, Tray
from app.server.uploads import Library
from tests.app.small import photograph


def test_many_files_at_once_give_one_message(tmp_path, monkeypatch):
    warned = []
    monkeypatch.setattr(gr, "Warning", lambda text, **_: warned.append(text))
    files = [tmp_path / f"{number:03}.png" for number in range(60)]
    for number, path in enumerate(files):
        path.write_bytes(photograph(number) if number else b"no picture")
    tray = bring(Library(), Tray("ada"), [str(path) for path in files])
    assert len(tray.pictures) == LARGEST_TRAY and len(warned) == 1
    assert warned[0].startswith(f"{60 - LARGEST_TRAY} of 60 files were not added. ") and "000.png" in warned[0]
    assert f"The tray holds {LARGEST_TRAY} pictures" in warned[0] and "025.png" in warned[0]
    assert warned[0].endswith("And 33 more.") and len(warned[0]) < 400


def test_a_single_file_is_told_of_by_itself(tmp_path, monkeypatch):
    warned = []
    monkeypatch.setattr(gr, "Warning", lambda text, **_: warned.append(text))
    (tmp_path / "notes.png").write_bytes(b"no picture")
    bring(Library(), Tray("ada"), [str(tmp_path / "notes.png")])
    assert len(warned) == 1 and warned[0].startswith("'notes.png'")
