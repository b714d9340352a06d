"""Recognize outlines that tools draw and hands do not: round rectangles, and lines that cross."""

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from qd_pipeline.quickdraw.sketches.ground import Mask

RADII = 0.1, 0.45
"""Radii of a frame's round corners, as shares of its shorter side."""

EXACT = 0.75
"""Pixels by which an outline leaves its shape, on average."""

MIN_LINE = 0.5
"""Share of the drawing's shorter side along which a straight side of a frame is seen."""

RIGHT = 0.97
"""Share of its box that a rectangle fills."""

MIN_BOX = 0.5
"""Share of the box of all ink that such a rectangle takes."""

MIN_CROSSING = 0.005
"""Share of the ink that lies outside of a frame, and within it, which crosses the drawing."""

INSIDE = 0.9
"""Share of an ellipse within which its own line is not."""

MIN_CONTENT = 0.55
"""Share of an ellipse's shorter diameter over which a drawing in it extends. A face's eyes
extend less."""


def round_depths(filled: Mask) -> npt.NDArray[np.float64] | None:
    """Fit an upright rectangle with round corners to a shape.

    Returns:
        `(1, height, width)`, how far each pixel is within it; None if it is no such shape.
    """
    boxes = ndimage.find_objects(filled.astype(np.uint8))
    if not boxes:
        return None
    half = np.array([side.stop - side.start for side in boxes[0]]) / 2
    middle = np.array([side.stop + side.start - 1 for side in boxes[0]]) / 2
    # The corners lack that much of the box.
    radius = float(np.sqrt(max(0.0, 4 * half.prod() - filled.sum()) / (4 - np.pi)))
    if not RADII[0] <= radius / (2 * half.min()) <= RADII[1]:
        return None
    away = np.abs(np.indices(filled.shape) - middle[:, None, None])
    away += (radius - half)[:, None, None]
    depth = radius - np.hypot(*np.maximum(away, 0)) - np.minimum(away.max(0), 0)
    off = ((depth > 0) != filled).sum()
    return depth[None] if off < EXACT * 4 * half.sum() else None


def is_doubtful(ink: Mask) -> bool:
    """Test whether the ink may be a drawing and a frame: one that crosses it, or an ellipse."""
    rows, columns = np.nonzero(ink)
    if not len(rows):
        return False
    side = int(MIN_LINE * min(np.ptp(rows), np.ptp(columns))) | 1
    lines = _opened(ink, 1, side) | _opened(ink, side, 1)
    # Without the lines that go on beyond it.
    filled = _opened(ndimage.binary_fill_holes(lines), side // 2 | 1, side // 2 | 1)
    box = ndimage.find_objects(_largest(filled).astype(np.uint8))
    if (
        box
        and filled[box[0]].mean() > RIGHT
        and filled[box[0]].size > MIN_BOX * np.ptp(rows) * np.ptp(columns)
    ):
        inner = ndimage.binary_erosion(filled, iterations=3)
        least = MIN_CROSSING * ink.sum()
        beyond = ink & ~ndimage.binary_dilation(filled, iterations=3)
        if min((ink & inner & ~lines).sum(), beyond.sum()) > least:
            return True
    return _in_an_ellipse(ink)


def _in_an_ellipse(ink: Mask) -> bool:
    """Test whether the largest part of the ink is an upright ellipse with a drawing in it."""
    filled = ndimage.binary_fill_holes(_largest(ink))
    (box,) = ndimage.find_objects(filled.astype(np.uint8))
    y, x = ((np.arange(side.stop - side.start) + 0.5) for side in box)
    height, width = filled[box].shape
    away = np.hypot(2 * y[:, None] / height - 1, 2 * x / width - 1)
    if ((away <= 1) != filled[box]).sum() > EXACT * (height + width):
        return False
    rows, columns = np.nonzero(ink[box] & (away < INSIDE))
    content = max(np.ptp(rows), np.ptp(columns)) if len(rows) else 0
    return bool(content > MIN_CONTENT * min(height, width))


def _opened(mask: Mask, height: int, width: int) -> Mask:
    # Of grey pictures, since that is separable.
    opened = ndimage.grey_opening(mask.astype(np.uint8), (height, width), mode="constant")
    return np.asarray(opened, bool)


def _largest(mask: Mask) -> Mask:
    """Keep the connected part with the largest box."""
    labels, _ = ndimage.label(mask, np.ones((3, 3)))
    areas = [
        shape[0] * shape[1] for shape in (labels[b].shape for b in ndimage.find_objects(labels))
    ]
    largest: Mask = labels == 1 + int(np.argmax(areas)) if areas else mask
    return largest
