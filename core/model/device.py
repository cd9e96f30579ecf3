"""The device that a model computes on."""

import torch

from core.errors import RequestError


def default_device() -> torch.device:
    """CUDA where there is a card, otherwise the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def find_device(name: str | torch.device | None) -> torch.device:
    """The device of that name, the default one for None. RequestError where this machine has no such device."""
    if name is None:
        return default_device()
    there = devices()
    try:
        device = torch.device(name)
    except (RuntimeError, TypeError):
        device = None
    if device is None or (str(device) not in there and device != torch.device("cpu", 0)):
        raise RequestError(f"There is no device {str(name)!r} here; choose from {', '.join(there)}.")
    return device


def devices() -> list[str]:
    """The names of the devices of this machine: those of each kind, and the kind alone, which means its first."""
    found = ["cpu"]
    if torch.cuda.is_available():
        found += ["cuda", *(f"cuda:{number}" for number in range(torch.cuda.device_count()))]
    if torch.backends.mps.is_available():
        found += ["mps", "mps:0"]
    if torch.xpu.is_available():
        found += ["xpu", *(f"xpu:{number}" for number in range(torch.xpu.device_count()))]
    return found
