"""Pictures → the bytes of a file, and bytes → the text by which a page or a drawing holds them."""

import base64
import io

import numpy as np
from PIL import Image


def picture_bytes(image: Image.Image | np.ndarray, kind: str, **options: int) -> bytes:
    """A picture, PIL's or uint8 [H, W] or [H, W, 3 or 4], as the bytes of a JPEG, PNG or WEBP file.

    `options` are Pillow's for that kind, such as quality.
    """
    file = io.BytesIO()
    (Image.fromarray(image) if isinstance(image, np.ndarray) else image).save(file, kind, **options)
    return file.getvalue()


def base64_of(data: bytes) -> str:
    """ASCII text that the browser's `atob` turns back into `data`."""
    return base64.b64encode(data).decode("ascii")


def data_address(media: str, data: bytes) -> str:
    """A `data:` address that holds a file of that media type.

    >>> data_address("image/webp", b"dino")
    'data:image/webp;base64,ZGlubw=='
    """
    return f"data:{media};base64,{base64_of(data)}"


def picture_address(image: Image.Image | np.ndarray, kind: str, **options: int) -> str:
    """`picture_bytes` as a `data:` address."""
    return data_address(f"image/{kind.lower()}", picture_bytes(image, kind, **options))
