"""Bitmaps of ink: a picture's drawing as the dataset's bitmaps show drawings."""

from math import ceil

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from qd_pipeline.quickdraw.cairo.fixed import EXTENT, LINE
from qd_pipeline.quickdraw.sketches.ground import Mask
from qd_pipeline.quickdraw.sketches.simplify import SIDE
from qd_pipeline.quickdraw.sketches.skeleton import pen_width


def rasterize_ink(mask: Mask, side: int) -> NDArray[np.uint8]:
    """Draw ink as `rasterize` draws its strokes: as large, in the middle, with lines as wide.

    What no line shows stays: filled areas, and lines that run into each other. Lines wider than
    the rasterizer's, 16 of 256, are left as they are.

    Args:
        mask: `bool (height, width)`, not empty of ink.
        side: Width and height of the bitmap in pixels.

    Returns:
        uint8 (side, side), ink 255 on ground 0.

    >>> line = np.zeros((320, 320), bool)
    >>> line[150:160] = True
    >>> rasterize_ink(line, 8)[3:5]
    array([[27, 50, 50, 50, 50, 50, 50, 27],
           [27, 50, 50, 50, 50, 50, 50, 27]], dtype=uint8)
    """
    pen = pen_width(mask)
    rows, columns = np.nonzero(mask)
    box = np.array([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1])
    unit = max((box[2:] - box[:2]).max() - pen, 1) / SIDE
    wider = max(LINE / 2 * unit - pen / 2, 0)
    edge = ceil(wider) + 1
    drawn = ndimage.distance_transform_edt(~np.pad(mask, edge)) <= wider
    middle = (box[:2] + box[2:]) / 2 + edge
    half = EXTENT / 2 * unit
    frame = np.rint([*(middle - half), *(middle + half)]).astype(int).tolist()
    picture = Image.fromarray(drawn).convert("L").crop(frame)
    return np.asarray(picture.resize((side, side), Image.Resampling.BOX))
