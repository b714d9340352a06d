"""Doubt ink that may be none of the drawing: lines along the sides, marks beside it, patterns.

Such ink is drawn, and reported in a warning. Of 1,380 real drawings of all categories, painted and
photographed by `benchmarks.renderings`, 1.3 % are doubted without a reason.
"""

import numpy as np
from scipy import ndimage
from skimage.measure import regionprops

from qd_pipeline.quickdraw.sketches.ground import Mask

SIDES = ((1, 0.12, 0.9), (1, 0.25, 0.97), (2, 0.12, 0.6), (3, 0.2, 0.7))
"""Lines along sides of the picture: along how many sides, how near, and how much they cover of
each, as shares of the picture."""

MANY_LINES = 4
"""Separate straight lines from which they are a pattern."""

LONG, SLENDER = 0.25, 12.0
"""Least length of such a line, as a share of the picture's shorter side, and in widths."""

MANY_PARTS = 25
"""Separate parts from which they are grain or a pattern."""

APART = 0.1
"""Distance of a mark from the drawing, as a share of all the ink's extent."""

NEAR_SIDE = 0.1
"""Distance of a mark from the picture's side, as a share of the picture's shorter side."""

SMALL, FLAT = 0.25, 0.12
"""Extent of a mark, or of its shorter side as in a line of text, as shares of all the ink's."""

MAX_ELSEWHERE = 1
"""Other parts of a drawing that are apart from it, away from the sides; of rain there are more."""

MAYBE_LINES = (
    "lines along the picture's sides or across it, perhaps none of the drawing, were taken for ink"
)
MAYBE_MARKS = "small marks beside the drawing, perhaps none of it, were taken for ink"


def doubts(ink: Mask, paper: Mask) -> tuple[str, ...]:
    """Find ink that may be none of the drawing.

    Args:
        ink: `bool (height, width)`.
        paper: Where the page is.

    Returns:
        A clause that says what was taken for ink, or nothing.
    """
    (page,) = ndimage.find_objects(paper.astype(np.uint8))
    ink = ink[page]
    parts, count = ndimage.label(ink, np.ones((3, 3)))
    if _along_sides(ink) or _are_lines(parts):
        return (MAYBE_LINES,)
    return (MAYBE_MARKS,) if count >= MANY_PARTS or _has_marks(ink) else ()


def _along_sides(ink: Mask) -> bool:
    for sides, near, cover in SIDES:
        turned = (np.rot90(ink, turns) for turns in range(4))
        covers = sorted(each[:, : 1 + int(near * each.shape[1])].any(1).mean() for each in turned)
        if covers[-sides] >= cover:
            return True
    return False


def _are_lines(parts: Mask) -> bool:
    least = LONG * min(parts.shape)
    lengths = ((part.axis_major_length, part.axis_minor_length) for part in regionprops(parts))
    slender = [length for length, width in lengths if length >= max(least, SLENDER * width)]
    return len(slender) >= MANY_LINES


def _has_marks(ink: Mask) -> bool:
    (drawing,) = ndimage.find_objects(ink.astype(np.uint8))
    extent = max(side.stop - side.start for side in drawing)
    grown = ndimage.maximum_filter(ink.astype(np.uint8), int(APART * extent) | 1)
    clusters, _ = ndimage.label(grown, np.ones((3, 3)))
    parts = []
    for box in ndimage.find_objects(clusters * ink):
        short, long = sorted(side.stop - side.start for side in box)
        margins = (
            min(side.start, whole - side.stop) for side, whole in zip(box, ink.shape, strict=True)
        )
        beside = min(margins) <= NEAR_SIDE * min(ink.shape)
        small = long <= SMALL * extent or short <= FLAT * extent
        parts.append((short * long, beside, small))
    parts.remove(max(parts))
    elsewhere = sum(not beside for _, beside, _ in parts)
    return elsewhere <= MAX_ELSEWHERE and any(beside and small for _, beside, small in parts)
