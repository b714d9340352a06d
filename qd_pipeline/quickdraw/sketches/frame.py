"""Find a frame or a card of another colour within a page: four straight sides around a drawing."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from qd_pipeline.quickdraw.sketches.drawn_shapes import round_depths
from qd_pipeline.quickdraw.sketches.ground import (
    MIN_CONTRAST,
    Ground,
    Mask,
    Pixels,
    contrast_to,
    flat_colour,
)
from qd_pipeline.quickdraw.sketches.straight_sides import (
    ROUND,
    corners_of,
    depths_of,
    has_right_angles,
)

MIN_AREA = 0.08
"""Share of the page that a frame encloses."""

CLEAR = 0.6
"""Share of empty pixels beside a side from which the frame's line has ended."""

CORNER = 3
"""Pixels from two sides between which what is left of a round corner extends."""

PENUMBRA = 1
"""Pixels within a frame's line in which it blurs into the page."""

MIN_AREA_OF_INK = 0.15
"""Share of the box of everything on the page that a frame encloses."""

SHADOW = 0.3
"""Contrast of the darkest shadow that a card throws."""

GAPS = (3, 8)
"""Half the pixels of a gap in a frame's line that are tried."""

MAX_THICKNESS = 0.15
"""Share of its shorter side that a frame's line takes."""

NEAR = 0.02
"""Share of a frame's side within which other ink touches it, as the legs of a table do."""

MIN_CONTENT = 0.35
"""Share of a frame's side over which the drawing in it extends."""

_SQUARE = np.ones((3, 3), bool)


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
    """Test whether all that stands out from the ground is one exact rectangle and its inside."""
    filled = ndimage.binary_fill_holes(far)
    corners = corners_of(filled, 1)
    straight = corners is not None and has_right_angles(corners)
    return straight or round_depths(filled) is not None


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
        corners = corners_of(filled, smallest)
        if corners is None:
            return None
        depths = depths_of(corners, far.shape)
        exact_sides = has_right_angles(corners)
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


def _commonest(colours: Pixels) -> Pixels:
    rough = colours >> 3
    codes = (rough[:, 0].astype(np.int32) << 16) | (rough[:, 1].astype(np.int32) << 8) | rough[:, 2]
    values, counts = np.unique(codes, return_counts=True)
    commonest = colours[codes == values[counts.argmax()]]
    colour: Pixels = np.median(commonest, axis=0).astype(np.uint8)
    return colour
