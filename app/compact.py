"""What the browser computes cosines from, and how its bytes travel as text."""

import base64

from core.analysis.compact import ACCURACY, CompactFeatures, compact

__all__ = ["ACCURACY", "CompactFeatures", "base64_of", "compact"]


def base64_of(data: bytes) -> str:
    """ASCII text that the browser's `atob` turns back into `data`."""
    return base64.b64encode(data).decode("ascii")
