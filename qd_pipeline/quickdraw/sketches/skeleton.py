"""Vectorization of ink: skeletonize it, and trace the skeleton into strokes."""

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from skimage.morphology import skeletonize

from qd_pipeline.quickdraw.kernels import kernel
from qd_pipeline.quickdraw.sketches.ground import Mask
from qd_pipeline.quickdraw.sketches.simplify import Points
from qd_pipeline.quickdraw.sketches.skeleton_strokes import strokes_of_skeleton

MAX_PEN_WIDTH = 0.06
"""Widest line of a pen, as a share of the drawing's longer side."""

THINNEST = 2.0
"""Width that is measured of a line one pixel wide, in pixels."""

SOLID = 2.0
"""Width, in pen widths, from which ink is a filled area, not a line or a crossing of lines."""


def strokes_of_ink(mask: Mask) -> list[Points]:
    """Return the strokes of ink, as they run along its skeleton.

    Args:
        mask: `bool (height, width)`, not empty of ink.

    Returns:
        `float64 (points, 2)` each, x and y in pixels; a dot is one point. At crossings a
        stroke goes straight on. A picture does not tell the order in which it was drawn:
        strokes come by their highest points, from the top, and begin at their upper ends.

    >>> tee = np.array([[1, 1, 1, 1, 1], [0, 0, 1, 0, 0], [0, 0, 1, 0, 0], [0, 0, 1, 0, 0]], bool)
    >>> [stroke[[0, -1]].tolist() for stroke in strokes_of_ink(tee)]
    [[[0.0, 0.0], [4.0, 0.0]], [[2.0, 0.0], [2.0, 3.0]]]
    """
    padded = np.pad(mask, 1)
    depth = _depth(padded)
    pen = _pen_width(depth, max(mask.shape))
    points, ends = strokes_of_skeleton(skeletonize(_hollowed(padded, depth, pen)), pen)
    paths = [_from_above(path) for path in np.split(points - 1, ends[:-1])]
    return sorted(paths, key=lambda path: (path[:, 1].min(), -len(path)))


def _from_above(path: Points) -> Points:
    """Turn a path to begin at its upper end, of two equally high ones at the left."""
    (first_x, first_y), (last_x, last_y) = path[0], path[-1]
    return path[::-1] if (last_y, last_x) < (first_y, first_x) else path


def pen_width(mask: Mask) -> float:
    """Return the usual width of the lines of ink, in pixels, at most `MAX_PEN_WIDTH`."""
    return _pen_width(_depth(np.pad(mask, 1)), max(mask.shape))


def _pen_width(depth: npt.NDArray[np.float64], side: int) -> float:
    return min(2 * float(np.median(_ridge(depth))), max(MAX_PEN_WIDTH * side, THINNEST))


def _hollowed(mask: Mask, depth: npt.NDArray[np.float64], pen: float) -> Mask:
    """Reduce each filled area to a contour as wide as the pen's lines."""
    # Distances are counted from the nearest pixel without ink, not from the ink's edge.
    radius = SOLID * pen / 2 + 1
    if depth.max() <= radius:
        return mask
    solid = depth > radius
    area = ndimage.distance_transform_edt(~solid) <= radius
    hollowed: Mask = mask & ~(area & (depth > pen))
    return hollowed


@kernel
def _depth(mask: Mask) -> npt.NDArray[np.float64]:
    """Measure each pixel's distance to the nearest one without ink, 0 where there is none.

    It is scipy's `distance_transform_edt`, which takes eight times as long on thin lines.

    Args:
        mask: Without ink on its edge.
    """
    height, width = mask.shape
    vertical = np.zeros((height, width), np.int64)
    for y in range(1, height):
        for x in range(width):
            if mask[y, x]:
                vertical[y, x] = vertical[y - 1, x] + 1
    for y in range(height - 2, -1, -1):
        for x in range(width):
            vertical[y, x] = min(vertical[y, x], vertical[y + 1, x] + 1)
    depth = np.zeros((height, width))
    for y in range(height):
        for x in range(width):
            nearest = vertical[y, x] ** 2
            beside = 1
            while beside**2 < nearest:  # the edge has no ink, so that x ± beside is inside
                for there in (vertical[y, x - beside], vertical[y, x + beside]):
                    nearest = min(nearest, there**2 + beside**2)
                beside += 1
            depth[y, x] = np.sqrt(nearest)
    return depth


@kernel
def _ridge(depth: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the depths that none of their eight neighbours exceeds, of ink.

    Args:
        depth: As `_depth` returns it.
    """
    height, width = depth.shape
    found = np.empty(depth.size)
    count = 0
    for y in range(1, height - 1):
        for x in range(1, width - 1):
            here = depth[y, x]
            if here == 0:
                continue
            highest = 0.0
            for j in range(y - 1, y + 2):
                for i in range(x - 1, x + 2):
                    highest = max(highest, depth[j, i])
            if here == highest:
                found[count] = here
                count += 1
    return found[:count]
