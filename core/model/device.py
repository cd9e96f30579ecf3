"""The device a model goes to when nobody says."""

import torch


def default_device() -> torch.device:
    """CUDA where there is a card, otherwise the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")
