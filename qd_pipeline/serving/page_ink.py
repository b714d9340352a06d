"""The ink of a picture, as the drawing page is given it and sends it back."""

import base64
import io
from typing import Any

import numpy as np
from PIL import Image

from qd_pipeline.errors import BadDrawing
from qd_pipeline.quickdraw.sketches.ground import Mask
from qd_pipeline.quickdraw.sketches.ink import INK_SIDE


def encode(ink: Mask) -> str:
    """Return ink as PNG of one bit a pixel, in Base64."""
    content = io.BytesIO()
    Image.fromarray(ink).save(content, "PNG")
    return base64.b64encode(content.getvalue()).decode()


def decode(content: Any) -> Mask:
    """Return the ink that `encode` encoded.

    Raises:
        BadDrawing: It is something else.
    """
    try:
        png = io.BytesIO(base64.b64decode(content))
        with Image.open(png, formats=["PNG"]) as picture:
            if picture.mode == "1" and max(picture.size) == INK_SIDE:
                # Pillow's own booleans are bytes of 255, with which compiled code goes astray.
                ink = np.asarray(picture.convert("L")) > 0
                if ink.any():
                    return ink
    except (TypeError, ValueError, OSError, SyntaxError, Image.DecompressionBombError):
        pass
    raise BadDrawing("ink", "is not what the page was given", "send what came with the strokes")
