"""From ink to strokes: thin it to a skeleton, and walk along that."""

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from skimage.morphology import skeletonize

from qd_pipeline.quickdraw.kernels import kernel
from qd_pipeline.quickdraw.sketches.ground import Mask
from qd_pipeline.quickdraw.sketches.simplify import Points

THICKEST_PEN = 0.06
"""Widest line of a pen, as a share of the drawing's longer side."""

SOLID = 2.0
"""Times the pen's width from which ink is an area, not a line or a crossing of lines."""

LOOK_BACK = 6
"""Pixels of a walk that tell which way is straight on."""


def strokes_of_ink(mask: Mask) -> list[Points]:
    """Thin ink to lines one pixel wide, and give those as strokes.

    Args:
        mask: `bool (height, width)`, not empty of ink.

    Returns:
        `float64 (points, 2)` each, x and y in pixels; a dot is one point. At crossings a
        stroke goes straight on.

    >>> strokes_of_ink(np.array([[1, 1, 1, 1], [0, 0, 0, 0], [0, 1, 0, 0]], bool))
    [array([[0., 0.],
           [1., 0.],
           [2., 0.],
           [3., 0.]]), array([[1., 2.]])]
    """
    skeleton = skeletonize(_hollowed(np.pad(mask, 1)))
    points, ends = _walks(skeleton)
    return np.split(points - 1, ends[:-1])


def _hollowed(mask: Mask) -> Mask:
    """Leave of each painted area a contour as wide as the pen's lines."""
    depth = ndimage.distance_transform_edt(mask)
    ridge = mask & (depth == ndimage.maximum_filter(depth, 3))
    pen = min(2 * float(np.median(depth[ridge])), THICKEST_PEN * max(mask.shape))
    # Distances are counted from the nearest pixel without ink, not from the ink's edge.
    radius = SOLID * pen / 2 + 1
    solid = depth > radius
    if not solid.any():
        return mask
    area = ndimage.distance_transform_edt(~solid) <= radius
    hollowed: Mask = mask & ~(area & (depth > pen))
    return hollowed


@kernel
def _walks(skeleton: Mask) -> tuple[Points, npt.NDArray[np.int64]]:
    """Walk over every pixel of a skeleton once, from free ends first, straight on at crossings.

    Args:
        skeleton: Without ink on its edge.

    Returns:
        The walks' points one after another, and the position in them where each walk ends.
        A walk that meets another begins or ends with a pixel of that.
    """
    height, width = skeleton.shape
    left = skeleton.copy()
    ink = skeleton.sum()
    points = np.empty((3 * ink, 2))
    ends = np.empty(ink, np.int64)
    count = 0
    walks = 0
    for free_ends_only in (True, False):
        for row in range(1, height - 1):
            for column in range(1, width - 1):
                if not left[row, column]:
                    continue
                neighbours = left[row - 1 : row + 2, column - 1 : column + 2].sum() - 1
                if free_ends_only and neighbours != 1:
                    continue
                start = count
                met_y, met_x = _walked(skeleton, left, row, column, -9, -9)
                if met_y >= 0:
                    points[count] = met_x, met_y
                    count += 1
                y, x = row, column
                last_y, last_x = -9, -9
                before_y, before_x = met_y, met_x
                while y >= 0:
                    left[y, x] = False
                    points[count] = x, y
                    count += 1
                    before_y, before_x = last_y, last_x
                    last_y, last_x = y, x
                    back = max(start, count - LOOK_BACK)
                    y, x = _straight_on(left, y, x, y - points[back, 1], x - points[back, 0])
                met_y, met_x = _walked(skeleton, left, last_y, last_x, before_y, before_x)
                if met_y >= 0:
                    points[count] = met_x, met_y
                    count += 1
                ends[walks] = count
                walks += 1
    return points[:count], ends[:walks]


@kernel
def _straight_on(left: Mask, y: int, x: int, dy: float, dx: float) -> tuple[int, int]:
    """Return the neighbour still left that is nearest to a direction, or (-1, -1)."""
    best = -np.inf
    best_y, best_x = -1, -1
    for j in range(y - 1, y + 2):
        for i in range(x - 1, x + 2):
            if not left[j, i]:
                continue
            along = ((j - y) * dy + (i - x) * dx) / np.hypot(j - y, i - x)
            if along > best:
                best = along
                best_y, best_x = j, i
    return best_y, best_x


@kernel
def _walked(
    skeleton: Mask, left: Mask, y: int, x: int, before_y: int, before_x: int
) -> tuple[int, int]:
    """Return a neighbour walked over that does not touch the pixel before, or (-1, -1)."""
    for j in range(y - 1, y + 2):
        for i in range(x - 1, x + 2):
            near = abs(j - before_y) <= 1 and abs(i - before_x) <= 1
            if skeleton[j, i] and not left[j, i] and not near and (j != y or i != x):
                return j, i
    return -1, -1
