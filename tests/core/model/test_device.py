import pytest
import torch

from core import RequestError, load_model
from core.model.device import default_device, devices, find_device


def test_devices_that_are_there():
    assert find_device(None) == default_device()
    for name in [*devices(), torch.device("cpu")]:
        assert find_device(name) == torch.device(name)
    assert find_device("cpu:0").type == "cpu"


@pytest.mark.parametrize("name", ["cuda:99", "meta", "card", "", "cpu:x", "cuda:-1"])
def test_others_are_refused_with_those_there_are(name):
    with pytest.raises(RequestError, match=r"There is no device .* here; choose from cpu"):
        find_device(name)


def test_a_model_is_not_read_for_a_device_that_is_not_there():
    with pytest.raises(RequestError, match="no device 'cuda:99'"):
        load_model("nobody", "cuda:99")
