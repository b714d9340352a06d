"""Ink turned a little, to be traced anew: answers should not depend on single pixels."""

from typing import Final

import numpy as np
from PIL import Image

from qd_pipeline.quickdraw.sketches.ground import Mask

TURNS: Final = (-12, -6, 6, 12)
"""Degrees, counter-clockwise, by which a picture is turned."""

_SIDE: Final = 160
"""Pixels of the longer side, where the ink has more: half of what is usual."""

_COVERED: Final = 40
"""Of 255, from which a pixel is ink: lines one pixel wide stay whole when the picture is halved."""


def turned(mask: Mask) -> list[Mask]:
    """Turn ink by each of `TURNS`.

    Args:
        mask: `bool (height, width)`, not empty of ink.

    Returns:
        The ink as it is, and turned, in pictures of other sizes. Turns at which no ink is left,
        where it was single pixels, are left out.

    >>> line = np.zeros((9, 100), bool)
    >>> line[4] = True
    >>> [int(ink.any(axis=1).sum()) for ink in turned(line)]
    [1, 23, 13, 13, 23]
    """
    scale = min(1, _SIDE / max(mask.shape))
    height, width = (max(1, round(length * scale)) for length in mask.shape)
    picture = Image.fromarray(mask).convert("L").resize((width, height), Image.Resampling.BOX)
    pictures = (picture.rotate(each, Image.Resampling.BILINEAR, expand=True) for each in TURNS)
    inks = [np.asarray(each) > _COVERED for each in pictures]
    return [mask, *(ink for ink in inks if ink.any())]
