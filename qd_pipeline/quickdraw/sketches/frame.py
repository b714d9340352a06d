"""Find a frame or a card of another colour within a page: four straight sides around a drawing."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
from PIL import Image
from scipy import ndimage
from scipy.spatial import ConvexHull, QhullError
from skimage.measure import approximate_polygon

from qd_pipeline.quickdraw.sketches.ground import FAINTEST, Ground, Mask, Pixels, contrast_to

SMALLEST = 0.08
"""Share of the page that a frame encloses."""

PENUMBRA = 2
"""Pixels within a frame's line in which it blurs into the page."""

SMALLEST_OF_INK = 0.15
"""Share of the box of everything on the page that a frame encloses."""

GAP = 3
"""Half the pixels of a gap in a frame's line."""

CONVEX = 0.95
"""Share of its convex hull that a frame, filled, covers."""

STRAIGHT = 1.3
"""Pixels by which the outline of a frame leaves its sides, at the 80th percentile."""

SQUARE = np.deg2rad(0.8)
"""Angle by which a drawn frame's opposite sides are not parallel, or its corners not right."""

THICKEST = 0.15
"""Share of its shorter side that a frame's line takes."""

NEAR = 0.02
"""Share of a frame's side within which other ink touches it, as the legs of a table do."""

LEAST_CONTENT = 0.25
"""Share of a frame's side over which the drawing in it extends."""

Corners = npt.NDArray[np.float64]


def framed_part(pixels: Pixels, far: Mask, paper: Mask, ground: Ground) -> tuple[Mask, bool] | None:
    """Find the largest frame or card with a drawing in it.

    Args:
        pixels: `uint8 (height, width, 3)`.
        far: Where the page's ground does not show.
        paper: Where the page is.
        ground: The page's ground.

    Returns:
        Where the part within is, and whether its ground is the page's, so that it may be a
        drawn rectangle; None if there is no frame.
    """
    everything = ndimage.find_objects(far.astype(np.uint8))
    if not everything:
        return None
    ink_box = np.prod([each.stop - each.start for each in everything[0]])
    smallest = max(SMALLEST * paper.sum(), SMALLEST_OF_INK * ink_box)
    for component in _components(far, smallest):
        filled = ndimage.binary_fill_holes(component)
        corners = _corners(filled, smallest)
        if corners is None:
            continue
        depth = _depth(corners, far.shape)
        inner = _inside(pixels, depth, paper)
        if inner is None:
            continue
        part, colour, content = inner
        same_colour = (
            bool(contrast_to(np.full((1, 1, 3), colour), ground).max() <= FAINTEST)
            if ground.flat
            else False
        )
        if same_colour and (content < LEAST_CONTENT or not _is_rectangle(corners)):
            continue
        around = (
            (depth < 0)
            & (depth > -max(4, NEAR * depth.max() * 2))
            & ~ndimage.binary_dilation(component, iterations=2)
        )
        if (far & around).any():
            continue
        return part, same_colour
    return None


def _components(far: Mask, smallest: float) -> Iterator[Mask]:
    """Yield connected parts, gaps closed, from the one with the largest box on."""
    padded = np.pad(far, GAP + 1)
    closed = ndimage.binary_closing(padded, np.ones((3, 3)), iterations=GAP)
    closed = (closed | padded)[GAP + 1 : -GAP - 1, GAP + 1 : -GAP - 1]
    labels, _ = ndimage.label(closed, np.ones((3, 3)))
    boxes = ndimage.find_objects(labels)
    areas = [np.prod([each.stop - each.start for each in box]) for box in boxes]
    for place in np.argsort(areas)[::-1][:4]:
        if areas[place] >= smallest:
            yield labels == place + 1


def _corners(filled: Mask, smallest: float) -> Corners | None:
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
    rough = approximate_polygon(ring, 0.05 * np.sqrt(hull.volume))[:-1]
    if len(rough) != 4:  # noqa: PLR2004 (corners of a frame)
        return None
    sides = [_side(outline, rough[k], rough[(k + 1) % 4]) for k in range(4)]
    if any(side is None for side in sides):
        return None
    return np.array([_crossing(sides[k - 1], sides[k]) for k in range(4)])


def _side(outline: Corners, begin: Corners, end: Corners) -> tuple[Corners, Corners] | None:
    """Fit a line to the outline between two corners, without what may be rounded."""
    along = end - begin
    length = float(np.hypot(*along))
    along = along / length
    across = np.array([-along[1], along[0]])
    share = (outline - begin) @ along / length
    away = (outline - begin) @ across
    near = (share > 0.15) & (share < 0.85) & (np.abs(away) < 0.06 * length)
    if near.sum() < 0.6 * 0.7 * length / np.sqrt(2):
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
    along = (gap[0] * v[1] - gap[1] * v[0]) / (u[0] * v[1] - u[1] * v[0])
    crossing: Corners = p + u * along
    return crossing


def _depth(corners: Corners, shape: tuple[int, int]) -> npt.NDArray[np.float64]:
    """Measure how far within the sides each pixel is; outside of them it is negative."""
    y, x = np.indices(shape)
    depth = np.full(shape, np.inf)
    for begin, end in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        along = (end - begin) / np.hypot(*(end - begin))
        away = (x - begin[0]) * along[1] - (y - begin[1]) * along[0]
        inwards = (corners.mean(0) - begin) @ np.array([along[1], -along[0]])
        depth = np.minimum(depth, away * np.sign(inwards))
    return depth


def _inside(
    pixels: Pixels, depth: npt.NDArray[np.float64], paper: Mask
) -> tuple[Mask, Pixels, float] | None:
    """Go inwards until the frame's line ends.

    Returns:
        Where the part within is, its ground's colour, and the share of its side over which
        something else extends; None if there is no part of one ground.
    """
    side = 2 * depth.max()
    core = (depth > 0.1 * side) & paper
    if not core.any():
        return None
    colour = _commonest(pixels[core])
    contrast = contrast_to(
        pixels, Ground(Image.new("RGB", (1, 1), tuple(colour.tolist())), flat=True)
    )
    for margin in range(int(THICKEST * side) + 1):
        outline = (depth >= margin) & (depth < margin + 1) & paper
        if (contrast[outline] < FAINTEST).mean() > 0.6:
            break
    else:
        return None
    part = (depth >= margin + PENUMBRA) & paper
    rows, columns = np.nonzero(part & (contrast > FAINTEST))
    if not len(rows):
        return None
    content = max(np.ptp(rows), np.ptp(columns)) / side
    return part, colour, float(content)


def _commonest(colours: Pixels) -> Pixels:
    rough = colours >> 3
    codes = (rough[:, 0].astype(np.int32) << 16) | (rough[:, 1].astype(np.int32) << 8) | rough[:, 2]
    values, counts = np.unique(codes, return_counts=True)
    return np.median(colours[codes == values[counts.argmax()]], axis=0).astype(np.uint8)


def _is_rectangle(corners: Corners) -> bool:
    """Measure whether opposite sides are parallel and corners right, as hands do not draw."""
    sides = np.roll(corners, -1, axis=0) - corners
    angles = np.arctan2(sides[:, 1], sides[:, 0])
    turns = (np.roll(angles, -1) - angles) % np.pi
    return bool((np.abs(turns - np.pi / 2) < SQUARE).all())
