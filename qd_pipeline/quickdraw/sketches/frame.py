"""Find a frame or a card of another colour within a page: four straight sides around a drawing."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from scipy.spatial import ConvexHull, QhullError
from skimage.measure import approximate_polygon

from qd_pipeline.quickdraw.sketches.drawn_shapes import round_depths
from qd_pipeline.quickdraw.sketches.ground import (
    MIN_CONTRAST,
    Ground,
    Mask,
    Pixels,
    contrast_to,
    flat_colour,
)

MIN_AREA = 0.08
"""Share of the page that a frame encloses."""

MIDDLE = 0.7
"""Share of a side that is not rounded, in its middle."""

COVERED = 0.6
"""Share of a side along which it must be seen."""

CLEAR = 0.6
"""Share of empty pixels beside a side from which the frame's line has ended."""

CORNER = 3
"""Pixels from two sides between which what is left of a round corner extends."""

ROUND = 0.3
"""Largest radius of a round corner, as a share of a frame's side."""

PENUMBRA = 1
"""Pixels within a frame's line in which it blurs into the page."""

MIN_AREA_OF_INK = 0.15
"""Share of the box of everything on the page that a frame encloses."""

SHADOW = 0.3
"""Contrast of the darkest shadow that a card throws."""

GAPS = (3, 8)
"""Half the pixels of a gap in a frame's line that are tried."""

CONVEX = 0.95
"""Share of its convex hull that a frame, filled, covers."""

ROUGH = 0.08
"""Share of a frame's side by which round corners leave its four corners."""

STRAIGHT = 1.3
"""Pixels by which the outline of a frame leaves its sides, at the 80th percentile."""

SQUARE = np.deg2rad(0.8)
"""Angle by which a drawn frame's opposite sides are not parallel, or its corners not right."""

MAX_THICKNESS = 0.15
"""Share of its shorter side that a frame's line takes."""

NEAR = 0.02
"""Share of a frame's side within which other ink touches it, as the legs of a table do."""

MIN_CONTENT = 0.35
"""Share of a frame's side over which the drawing in it extends."""

_SQUARE = np.ones((3, 3), bool)
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
    smallest = max(MIN_AREA * paper.sum(), MIN_AREA_OF_INK * ink_box)
    # Beside the frame itself may be its shadow; and its line may be dashed, also in a corner.
    dark = far & (contrast_to(pixels, ground) > SHADOW)
    for mask, gap in ((far, 0), (dark, 0), *((far, gap) for gap in GAPS)):
        grown = ndimage.binary_dilation(np.pad(mask, gap), _SQUARE, gap) if gap else mask
        for component in _components(grown, smallest):
            filled = ndimage.binary_fill_holes(component)
            if gap:
                inside = (slice(gap, -gap), slice(gap, -gap))
                filled = ndimage.binary_erosion(filled, _SQUARE, gap)[inside]
                component = component[inside]  # noqa: PLW2901 (without its margin)
            found = _framed_by(component, filled, mask, pixels, paper, ground, smallest)
            if found is not None:
                return found
    return None


def is_rectangle(far: Mask) -> bool:
    """Test whether all that stands out from the ground is one straight rectangle and its inside."""
    corners = _corners(ndimage.binary_fill_holes(far), 1)
    return corners is not None and _is_rectangle(corners)


def _framed_by(
    component: Mask,
    filled: Mask,
    far: Mask,
    pixels: Pixels,
    paper: Mask,
    ground: Ground,
    smallest: float,
) -> tuple[Mask, bool] | None:
    """Find the part within a connected component if that, filled, is a frame or a card."""
    depths = round_depths(filled) if filled.sum() >= smallest else None
    exact_sides = depths is not None
    if depths is None:
        corners = _corners(filled, smallest)
        if corners is None:
            return None
        depths = _depths(corners, far.shape)
        exact_sides = _is_rectangle(corners)
    depth = depths.min(0)
    side = 2 * float(depth.max())
    around = (depth < 0) & (depth > -max(4.0, NEAR * side))
    core = (depth > side / 10) & paper
    touched = far & around & ~ndimage.binary_dilation(component, iterations=2)
    if touched.any() or not core.any():
        return None
    colour = _commonest(pixels[core])
    inner = flat_colour(tuple(colour.tolist()))
    contrast = contrast_to(pixels, inner)
    exact = float(np.clip(4 * np.median(contrast[core]), MIN_CONTRAST / 4, MIN_CONTRAST))
    part = _within_line(contrast < exact, depths, paper)
    if part is None:
        return None
    rows, columns = np.nonzero(part & (contrast > MIN_CONTRAST))
    content = max(np.ptp(rows), np.ptp(columns)) / side if len(rows) else 0
    change = float(contrast_to(colour.reshape(1, 1, 3), ground).max())
    same_colour = ground.flat and change <= MIN_CONTRAST
    drawn = same_colour and (content < MIN_CONTENT or not exact_sides)
    return (part, same_colour) if content and not drawn else None


def _within_line(empty: Mask, depths: npt.NDArray[np.float64], paper: Mask) -> Mask | None:
    """Go inwards from each side until the frame's line ends.

    Args:
        empty: Where the ground of the part within shows.
        depths: Distance of each pixel from each side, or from all of them.
        paper: Where the page is.

    Returns:
        Where the part within is, without what remains in rounded corners; None if from some
        side no such part begins.
    """
    depth = depths.min(0)
    thickest = max(2, int(MAX_THICKNESS * 2 * depth.max()))
    margins = np.empty((len(depths), 1, 1))
    for k, nearest in enumerate(depths.argmin(0) == np.arange(len(depths))[:, None, None]):
        beside = nearest & paper & (depth >= 0) & (depth < thickest)
        step = depth[beside].astype(int)
        counts = np.bincount(step, minlength=thickest)
        clear = np.bincount(step, empty[beside], thickest) > CLEAR * counts
        clear[:-1] &= clear[1:]
        if not clear.any():
            return None
        margins[k] = clear.argmax()
    within = depths - margins - PENUMBRA
    part = (within >= 0).all(0) & paper
    return part & ~_round_corners(part & ~empty, within) if len(depths) > 1 else part


def _round_corners(ink: Mask, within: npt.NDArray[np.float64]) -> Mask:
    """Find what a frame with round corners leaves of itself: small arcs from side to side.

    Args:
        ink: What is seen within the frame's straight sides.
        within: Distance of each pixel from each of them, inwards.
    """
    labels, count = ndimage.label(ink, np.ones((3, 3)))
    places = np.arange(1, count + 1)
    near, far = (
        np.array([pick(each, labels, places) for each in within]).reshape(len(within), count)
        for pick in (ndimage.minimum, ndimage.maximum)
    )
    sides = (near < CORNER).sum(0)
    small = np.sort(far, axis=0)[1] < ROUND * within.max()
    return np.isin(labels, places[(sides > 1) & small])


def _components(far: Mask, smallest: float) -> Iterator[Mask]:
    """Yield connected components, from the one with the largest box on."""
    labels, _ = ndimage.label(far, np.ones((3, 3)))
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


def _depths(corners: Corners, shape: tuple[int, int]) -> npt.NDArray[np.float64]:
    """Measure how far each pixel is within each side, negative outside: `(4, height, width)`."""
    y, x = np.indices(shape)
    depths = np.empty((len(corners), *shape))
    for k, (begin, end) in enumerate(zip(corners, np.roll(corners, -1, axis=0), strict=True)):
        along = (end - begin) / np.hypot(*(end - begin))
        away = (x - begin[0]) * along[1] - (y - begin[1]) * along[0]
        inwards = (corners.mean(0) - begin) @ np.array([along[1], -along[0]])
        depths[k] = away * np.sign(inwards)
    return depths


def _commonest(colours: Pixels) -> Pixels:
    rough = colours >> 3
    codes = (rough[:, 0].astype(np.int32) << 16) | (rough[:, 1].astype(np.int32) << 8) | rough[:, 2]
    values, counts = np.unique(codes, return_counts=True)
    commonest = colours[codes == values[counts.argmax()]]
    colour: Pixels = np.median(commonest, axis=0).astype(np.uint8)
    return colour


def _is_rectangle(corners: Corners) -> bool:
    """Measure whether opposite sides are parallel and corners right, as hands do not draw."""
    sides = np.roll(corners, -1, axis=0) - corners
    angles = np.arctan2(sides[:, 1], sides[:, 0])
    turns = (np.roll(angles, -1) - angles) % np.pi
    return bool((np.abs(turns - np.pi / 2) < SQUARE).all())
