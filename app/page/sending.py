"""Widgets by which visitors send files and numbers, where Gradio's own leave something behind or fail without a word."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.data_classes import FileData, ListFiles
from pydantic import ConfigDict, ValidationError

NO_FILE = "This is no file that was sent; pass files as gradio_client.handle_file('photo.jpg')."
NOT_HERE = "This file is not on the server, or not any more; send it again."


class _OneFile(FileData):
    """A file that was sent."""

    model_config = ConfigDict(title="FileData")

    @classmethod
    def model_validate(cls, obj: Any, **options) -> "_OneFile":
        with _told():
            return super().model_validate(obj, **options)


class _Files(ListFiles):
    """Files that were sent."""

    model_config = ConfigDict(title="ListFiles")

    @classmethod
    def model_validate(cls, obj: Any, **options) -> "_Files":
        with _told():
            return super().model_validate(obj, **options)


class SentFile(gr.File):
    """A file of a visitor's. For each, Gradio's own (6.31) leaves an empty file behind beside it, and where something
    else is sent it fails without a word."""

    is_template = True  # drawn as a file

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self.data_model = _Files if self.data_model is ListFiles else _OneFile

    def _process_single_file(self, f: FileData) -> str:  # type: ignore[override]
        if not Path(f.path).is_file():
            raise gr.Error(NOT_HERE, print_exception=False)
        return f.path


@contextlib.contextmanager
def _told() -> Iterator[None]:
    """Where something else than a file was sent: an error that says so."""
    try:
        yield
    except ValidationError:
        raise gr.Error(NO_FILE, print_exception=False) from None


class SendButton(gr.UploadButton):
    """A button that sends files; the same of it."""

    is_template = True  # drawn as an upload button

    def _process_single_file(self, f: FileData) -> str:  # type: ignore[override]
        return f.path


class SentNumber(gr.Number):
    """A number of a program's; what is none is refused in words."""

    is_template = True  # drawn as a number

    def preprocess(self, payload: float | None) -> float | int | None:
        try:
            return super().preprocess(None if payload is None else float(payload))
        except (TypeError, ValueError, OverflowError):
            raise gr.Error(f"{str(payload)[:60]!r} is no number ({self.label}).", print_exception=False) from None
