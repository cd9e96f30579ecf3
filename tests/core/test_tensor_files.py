"""Files of tensors: what is written comes back, and any byte that changed is noticed."""

import pytest
import torch
from safetensors.torch import save_file

from core.errors import DamagedError
from core.tensor_files import read_metadata, read_tensors, save_tensors, tensor_bytes

TENSORS = {
    "a": torch.arange(6.0).view(2, 3),
    "half": torch.ones(3, dtype=torch.float16),
    "none": torch.empty(0, 4),
    "one": torch.tensor(7),
    "said": torch.tensor([True, False]),
}


def test_what_is_written_comes_back(tmp_path):
    path = save_tensors(TENSORS, tmp_path / "a.safetensors", {"key": "value"})
    tensors, metadata = read_tensors(path)
    assert metadata["key"] == "value" and tensors.keys() == TENSORS.keys()
    assert all(torch.equal(tensors[name], tensor) for name, tensor in TENSORS.items())
    assert [file.name for file in tmp_path.iterdir()] == ["a.safetensors"]
    path.write_bytes(tensor_bytes(TENSORS, {"key": "value"}))
    assert read_tensors(path)[1] == metadata


def test_every_changed_byte_is_noticed(tmp_path):
    path = save_tensors(TENSORS, tmp_path / "a.safetensors", {"key": "value"})
    content = path.read_bytes()
    header = 8 + int.from_bytes(content[:8], "little")
    unnoticed = []
    for place in range(len(content)):
        path.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
        try:
            tensors, metadata = read_tensors(path)
        except DamagedError as error:
            assert "a.safetensors is damaged" in str(error)
            continue
        unnoticed.append(place)
        assert all(torch.equal(tensors[name], TENSORS[name]) for name in TENSORS) and metadata["key"] == "value"
    assert all(content[place : place + 1] == b" " and place < header for place in unnoticed), "only padding may be"


@pytest.mark.parametrize("length", [0, 1, 7, 8, 40, 200, -1])
def test_a_file_cut_short_is_noticed(tmp_path, length):
    path = save_tensors(TENSORS, tmp_path / "a.safetensors")
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(DamagedError, match=r"a\.safetensors is damaged"):
        read_tensors(path)


def test_files_of_others_are_read_as_they_are(tmp_path):
    save_file(TENSORS, tmp_path / "theirs.safetensors", {"format": "pt"})
    tensors, metadata = read_tensors(tmp_path / "theirs.safetensors")
    assert tensors.keys() == TENSORS.keys() and metadata == {"format": "pt"} == read_metadata(
        tmp_path / "theirs.safetensors"
    )
