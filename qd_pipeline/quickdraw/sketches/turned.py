"""Strokes of ink that was turned before it was traced."""

from typing import Final

import numpy as np
from PIL import Image

from qd_pipeline.quickdraw.sketches.ground import Mask
from qd_pipeline.quickdraw.sketches.simplify import Points
from qd_pipeline.quickdraw.sketches.skeleton import strokes_of_ink

TURNS: Final = (-12, -6, 6, 12)
"""Degrees by which a picture is turned for its tracings."""

_SIDE: Final = 160
"""Pixels of the longer side, where the ink has more: as wide as training paints, and a half."""

_COVERED: Final = 40
"""Of 255, from which a pixel is ink: lines one pixel wide stay whole when they are halved."""


def turned_strokes(mask: Mask, degrees: float) -> list[Points]:
    """Trace ink as it lies when it is turned, and turn its strokes back.

    Args:
        mask: As `strokes_of_ink` takes it.
        degrees: Counter-clockwise.

    Returns:
        As `strokes_of_ink` does, but in the pixels of a picture of another size and place; nothing
        where single pixels are all the ink, which a smaller picture does not show.

    >>> line = np.zeros((9, 100), bool)
    >>> line[4] = True
    >>> (stroke,) = turned_strokes(line, 12)
    >>> bool(np.ptp(stroke[:, 0]) > 95), bool(np.ptp(stroke[:, 1]) < 3)
    (True, True)
    """
    scale = min(1, _SIDE / max(mask.shape))
    height, width = (max(1, round(length * scale)) for length in mask.shape)
    picture = Image.fromarray(mask).convert("L").resize((width, height), Image.Resampling.BOX)
    turned = picture.rotate(degrees, Image.Resampling.BILINEAR, expand=True)
    angle = np.deg2rad(degrees)
    back = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    ink = np.asarray(turned) > _COVERED
    return [points @ back for points in strokes_of_ink(ink)] if ink.any() else []
