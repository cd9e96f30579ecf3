"""Widgets by which visitors send files and numbers, where Gradio's own leave something behind or fail without a word."""

import gradio as gr
from gradio.data_classes import FileData


class SentFile(gr.File):
    """A file of a visitor's. For each, Gradio's own (6.31) leaves an empty file behind beside it."""

    is_template = True  # drawn as a file

    def _process_single_file(self, f: FileData) -> str:  # type: ignore[override]
        return f.path


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
