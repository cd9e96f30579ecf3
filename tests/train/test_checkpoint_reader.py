"""Checkpoints that bring code: none of it runs."""

import pickle

import pytest
import torch
import torch.distributed.checkpoint as dcp

from core import DinoError
from train import checkpoint

RAN = []


class Harmful:
    """Leaves a trace where it is unpickled."""

    def __reduce__(self):
        return RAN.append, ("ran",)


@pytest.fixture
def parts():
    RAN.clear()
    network = torch.nn.Linear(3, 2)
    return network, [torch.optim.AdamW(network.parameters())]


def test_metadata_that_are_no_metadata_are_not_unpickled(tmp_path, parts):
    folder = checkpoint.save(tmp_path, 1, *parts, {"scale": torch.ones(1)}, keep=1)
    metadata = folder / checkpoint.METADATA
    known = pickle.loads(metadata.read_bytes())
    known.planner_data = Harmful()
    metadata.write_bytes(pickle.dumps(known))
    (folder / checkpoint.CHECKSUMS).unlink()  # as of a stranger's, who can write those, too
    with pytest.raises(DinoError, match="which no checkpoint needs"):
        checkpoint.load_networks(tmp_path, 1, parts[0])
    assert RAN == []


def test_values_that_are_no_plain_ones_are_not_unpickled(tmp_path, parts):
    network, optimisers = parts
    folder = checkpoint.save(tmp_path, 1, network, optimisers, {"scale": torch.ones(1), "more": 1}, keep=1)
    for file in folder.iterdir():
        file.unlink()
    weights, moments = dcp.state_dict.get_state_dict(network, optimisers)
    dcp.save({"networks": weights, "optimiser": moments, "extra": {"more": Harmful()}}, checkpoint_id=folder)
    with pytest.raises(DinoError):
        checkpoint.load(tmp_path, 1, network, optimisers, {"more": 1})
    assert RAN == []


def test_what_we_write_ourselves_is_read(tmp_path, parts):
    network, optimisers = parts
    extra = {"scale": torch.ones(1), "more": {"a": 1, "b": [2.0, "c"]}}
    checkpoint.save(tmp_path, 1, network, optimisers, extra, keep=1)
    before = network.weight.detach().clone()
    torch.nn.init.zeros_(network.weight)
    checkpoint.load(tmp_path, 1, network, optimisers, extra)
    assert torch.equal(network.weight, before)
