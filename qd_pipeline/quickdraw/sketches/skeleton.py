"""Vectorization of ink: skeletonize it, and trace the skeleton into strokes."""

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from skimage.morphology import skeletonize

from qd_pipeline.quickdraw.kernels import kernel
from qd_pipeline.quickdraw.sketches.ground import Mask
from qd_pipeline.quickdraw.sketches.simplify import Points

MAX_PEN_WIDTH = 0.06
"""Widest line of a pen, as a share of the drawing's longer side."""

SOLID = 2.0
"""Width, in pen widths, from which ink is a filled area, not a line or a crossing of lines."""

LOOK_BACK = 6
"""Pixels of a path over which its direction is measured."""


def strokes_of_ink(mask: Mask) -> list[Points]:
    """Return the strokes of ink: the paths along its skeleton.

    Args:
        mask: `bool (height, width)`, not empty of ink.

    Returns:
        `float64 (points, 2)` each, x and y in pixels; a dot is one point. At crossings a
        stroke goes straight on. A picture does not tell the order in which it was drawn:
        strokes come by their highest points, from the top, and begin at their upper ends.

    >>> strokes_of_ink(np.array([[1, 1, 1, 1], [0, 0, 0, 0], [0, 1, 0, 0]], bool))
    [array([[0., 0.],
           [1., 0.],
           [2., 0.],
           [3., 0.]]), array([[1., 2.]])]
    """
    skeleton = skeletonize(_hollowed(np.pad(mask, 1)))
    points, ends = _traced_paths(skeleton)
    paths = [_from_above(path) for path in np.split(points - 1, ends[:-1])]
    return sorted(paths, key=lambda path: (path[:, 1].min(), -len(path)))


def _from_above(path: Points) -> Points:
    """Turn a path to begin at its upper end, of two equally high ones at the left."""
    (first_x, first_y), (last_x, last_y) = path[0], path[-1]
    return path[::-1] if (last_y, last_x) < (first_y, first_x) else path


def _hollowed(mask: Mask) -> Mask:
    """Reduce each filled area to a contour as wide as the pen's lines."""
    depth = _depth(mask)
    pen = min(2 * float(np.median(_ridge(depth))), MAX_PEN_WIDTH * max(mask.shape))
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


@kernel
def _traced_paths(skeleton: Mask) -> tuple[Points, npt.NDArray[np.int64]]:
    """Trace every pixel of a skeleton once, from endpoints first, straight on at crossings.

    Args:
        skeleton: Without ink on its edge.

    Returns:
        The paths' points one after another, and the position in them where each path ends.
        A path that meets another begins or ends with a pixel of that.
    """
    height, width = skeleton.shape
    untraced = skeleton.copy()
    ink = skeleton.sum()
    points = np.empty((3 * ink, 2))
    ends = np.empty(ink, np.int64)
    count = 0
    paths = 0
    for endpoints_only in (True, False):
        for row in range(1, height - 1):
            for column in range(1, width - 1):
                if not untraced[row, column]:
                    continue
                neighbours = untraced[row - 1 : row + 2, column - 1 : column + 2].sum() - 1
                if endpoints_only and neighbours != 1:
                    continue
                start = count
                met_y, met_x = _traced_neighbour(skeleton, untraced, row, column, -9, -9)
                if met_y >= 0:
                    points[count] = met_x, met_y
                    count += 1
                y, x = row, column
                last_y, last_x = -9, -9
                before_y, before_x = met_y, met_x
                while y >= 0:
                    untraced[y, x] = False
                    points[count] = x, y
                    count += 1
                    before_y, before_x = last_y, last_x
                    last_y, last_x = y, x
                    back = max(start, count - LOOK_BACK)
                    y, x = _straight_on(untraced, y, x, y - points[back, 1], x - points[back, 0])
                met_y, met_x = _traced_neighbour(
                    skeleton, untraced, last_y, last_x, before_y, before_x
                )
                if met_y >= 0:
                    points[count] = met_x, met_y
                    count += 1
                ends[paths] = count
                paths += 1
    return points[:count], ends[:paths]


@kernel
def _straight_on(untraced: Mask, y: int, x: int, dy: float, dx: float) -> tuple[int, int]:
    """Return the untraced neighbour that is nearest to a direction, or (-1, -1)."""
    best = -np.inf
    best_y, best_x = -1, -1
    for j in range(y - 1, y + 2):
        for i in range(x - 1, x + 2):
            if not untraced[j, i]:
                continue
            along = ((j - y) * dy + (i - x) * dx) / np.hypot(j - y, i - x)
            if along > best:
                best = along
                best_y, best_x = j, i
    return best_y, best_x


@kernel
def _traced_neighbour(
    skeleton: Mask, untraced: Mask, y: int, x: int, before_y: int, before_x: int
) -> tuple[int, int]:
    """Return a traced neighbour that does not touch the pixel before, or (-1, -1)."""
    for j in range(y - 1, y + 2):
        for i in range(x - 1, x + 2):
            near = abs(j - before_y) <= 1 and abs(i - before_x) <= 1
            if skeleton[j, i] and not untraced[j, i] and not near and (j != y or i != x):
                return j, i
    return -1, -1
