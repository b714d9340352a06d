"""Fit four straight sides to the outline of a shape."""

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from scipy.spatial import ConvexHull, QhullError
from skimage.measure import approximate_polygon

from qd_pipeline.quickdraw.sketches.ground import Mask

MIDDLE = 0.7
"""Share of a side that is not rounded, in its middle."""

COVERED = 0.6
"""Share of a side along which it must be seen."""

CONVEX = 0.95
"""Share of its convex hull that a frame, filled, covers."""

ROUGH = 0.08
"""Share of a frame's side by which round corners leave its four corners."""

STRAIGHT = 1.3
"""Pixels by which the outline of a frame leaves its sides, at the 80th percentile."""

SQUARE = np.deg2rad(0.8)
"""Angle by which a drawn frame's opposite sides are not parallel, or its corners not right."""

ROUND = 0.3
"""Largest radius of a round corner, as a share of a frame's side."""

Corners = npt.NDArray[np.float64]


def corners_of(filled: Mask, smallest: float) -> Corners | None:
    """Fit four straight sides to the outline of a shape.

    Returns:
        `float64 (4, 2)`, x and y of the corners, one after another; None if it is none such.
    """
    if filled.sum() < smallest:
        return None
    rows, columns = np.nonzero(filled & ~ndimage.binary_erosion(filled))
    outline = np.column_stack([columns, rows]).astype(np.float64)
    try:
        hull = ConvexHull(outline)
    except QhullError:
        return None
    if filled.sum() < CONVEX * hull.volume:
        return None
    ring = outline[hull.vertices]
    start = int(np.hypot(*(ring - ring.mean(0)).T).argmax())
    ring = np.concatenate([ring[start:], ring[: start + 1]])
    rough = approximate_polygon(ring, ROUGH * np.sqrt(hull.volume))[:-1]
    if len(rough) != 4:  # noqa: PLR2004 (corners of a frame)
        return None
    sides = [_side(outline, rough[k], rough[(k + 1) % 4]) for k in range(4)]
    fitted = [side for side in sides if side is not None]
    if len(fitted) < len(sides):
        return None
    corners = np.array([_crossing(fitted[k - 1], fitted[k]) for k in range(4)])
    return corners if np.isfinite(corners).all() else None


def _side(outline: Corners, begin: Corners, end: Corners) -> tuple[Corners, Corners] | None:
    """Fit a line to the outline between two corners, without what may be rounded."""
    along = end - begin
    length = float(np.hypot(*along))
    along = along / length
    across = np.array([-along[1], along[0]])
    share = (outline - begin) @ along / length
    away = (outline - begin) @ across
    near = (np.abs(share - 0.5) < MIDDLE / 2) & (np.abs(away) < ROUGH * length)
    # A line has at least a pixel for every column that it crosses, or for every row.
    if near.sum() < COVERED * MIDDLE * length / np.sqrt(2):
        return None
    points = outline[near]
    middle = points.mean(0)
    for _ in range(2):
        direction = np.linalg.svd(points - middle, full_matrices=False)[2][0]
        off = np.abs((points - middle) @ np.array([-direction[1], direction[0]]))
        if np.percentile(off, 80) > STRAIGHT:
            return None
        points = points[off <= max(STRAIGHT, np.median(off))]
        middle = points.mean(0)
    return middle, direction


def _crossing(one: tuple[Corners, Corners], other: tuple[Corners, Corners]) -> Corners:
    (p, u), (q, v) = one, other
    gap = q - p
    along = (gap[0] * v[1] - gap[1] * v[0]) / (u[0] * v[1] - u[1] * v[0] or np.nan)
    crossing: Corners = p + u * along
    return crossing


def depths_of(corners: Corners, shape: tuple[int, int]) -> npt.NDArray[np.float64]:
    """Measure how far each pixel is within each side, negative outside: `(4, height, width)`."""
    y, x = np.indices(shape)
    depths = np.empty((len(corners), *shape))
    for k, (begin, end) in enumerate(zip(corners, np.roll(corners, -1, axis=0), strict=True)):
        along = (end - begin) / np.hypot(*(end - begin))
        away = (x - begin[0]) * along[1] - (y - begin[1]) * along[0]
        inwards = (corners.mean(0) - begin) @ np.array([along[1], -along[0]])
        depths[k] = away * np.sign(inwards)
    return depths


def has_right_angles(corners: Corners) -> bool:
    """Measure whether opposite sides are parallel and corners right, as hands do not draw."""
    sides = np.roll(corners, -1, axis=0) - corners
    angles = np.arctan2(sides[:, 1], sides[:, 0])
    turns = (np.roll(angles, -1) - angles) % np.pi
    return bool((np.abs(turns - np.pi / 2) < SQUARE).all())
