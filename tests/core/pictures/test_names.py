"""Names that are no plain text are kept so that they can be had again."""

from hypothesis import given
from hypothesis import strategies as st

from core.pictures.names import as_text, from_text


@given(st.binary(max_size=20))
def test_any_name_comes_back_from_its_text(data):
    name = data.decode("utf-8", "surrogateescape")
    text = as_text(name)
    assert from_text(text) == name and text.encode("utf-8").decode().splitlines() in ([text], [])


def test_names_that_differ_differ_as_text():
    assert len({as_text(name) for name in ("caf\udce9", r"caf\udce9", r"caf\xe9", "café")}) == 4


def test_what_was_never_written_is_left_as_it_is():
    assert from_text(r"\Uffffffff \x41 \q C:\dir") == r"\Uffffffff \x41 \q C:\dir"
