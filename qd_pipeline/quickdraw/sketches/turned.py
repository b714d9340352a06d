"""Strokes of ink that was turned before it was traced."""

from typing import Final

import numpy as np
from PIL import Image

from qd_pipeline.quickdraw.sketches.ground import Mask
from qd_pipeline.quickdraw.sketches.simplify import Points
from qd_pipeline.quickdraw.sketches.skeleton import strokes_of_ink

TURNS: Final = (-12, -6, 6, 12)
"""Degrees, counter-clockwise, by which a picture is turned for its tracings."""

_SIDE: Final = 160
"""Pixels of the longer side, where the ink has more: as wide as training paints, and a half."""

_COVERED: Final = 40
"""Of 255, from which a pixel is ink: lines one pixel wide stay whole when they are halved."""


def turned_strokes(mask: Mask) -> list[list[Points]]:
    """Trace ink as it lies when it is turned, by each of `TURNS`, and turn its strokes back.

    Args:
        mask: As `strokes_of_ink` takes it.

    Returns:
        For each turn what `strokes_of_ink` does, but in the pixels of a picture of another size and
        place. Turns at which no ink is left, where it was single pixels, are left out.

    >>> line = np.zeros((9, 100), bool)
    >>> line[4] = True
    >>> [[bool(np.ptp(stroke[:, 1]) < 3) for stroke in each] for each in turned_strokes(line)]
    [[True], [True], [True], [True]]
    """
    scale = min(1, _SIDE / max(mask.shape))
    height, width = (max(1, round(length * scale)) for length in mask.shape)
    picture = Image.fromarray(mask).convert("L").resize((width, height), Image.Resampling.BOX)
    tracings = []
    for degrees in TURNS:
        turned = picture.rotate(degrees, Image.Resampling.BILINEAR, expand=True)
        ink = np.asarray(turned) > _COVERED
        angle = np.deg2rad(degrees)
        back = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
        if ink.any():
            tracings.append([points @ back for points in strokes_of_ink(ink)])
    return tracings
