"""Find and remove the lines of ruled and squared paper, and the dots of dotted paper."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image
from scipy import ndimage
from scipy.spatial import KDTree

from qd_pipeline.quickdraw.sketches.ground import Ground, Mask

MAX_THICKNESS = 9
"""Pixels from which a line is not thin, when the picture's longer side has some 500."""

DARK = 0.12
"""Share of the picture's contrast that a ruled line has to disturb."""

MIN_CONTRAST = 16
"""Grey levels below which nothing is a line."""

COVERED = 0.7
"""Share of the picture's width that a ruled line covers."""

MIN_LINES = 5
"""Lines from which a page is ruled."""

REGULAR = 0.15
"""Share of the distance between lines by which it changes."""

MAX_SLOPE = 0.08
"""Slope of the lines of a page that was laid askew."""

SLOPES = 65
"""Slopes tried."""

WORKING_SIDE = 1200
"""Pixels of the longer side of the picture in which lines are removed."""


DOT = 0.025
"""Largest dot of dotted paper, as a share of the picture's longer side."""

MIN_DOTS = 80
"""Dots from which paper is dotted."""

EVEN = 1.3
"""Ratio of the distances between dots, the 90th to the 10th percentile."""


class Rules(NamedTuple):
    """Parallel lines, in pixels of the mask in which they were found.

    Attributes:
        slope: Pixels down for each pixel to the right.
        lines: First and last row of each at the left side.
        upright: Whether the mask was transposed: x and y change places.
    """

    slope: float
    lines: list[tuple[int, int]]
    upright: bool


def find_rules(picture: Image.Image) -> list[Rules]:
    """Find evenly spaced lines across a picture that are about as dark, or light, as its ink.

    Args:
        picture: Its longer side some 500 pixels.

    Returns:
        None, one or both of the horizontal and the vertical lines.
    """
    grey = np.asarray(picture.convert("L"), np.float32)
    low, high = np.percentile(grey, [0.5, 99.5])
    for thin in (ndimage.black_tophat, ndimage.white_tophat):
        stands_out = thin(grey, MAX_THICKNESS)
        noise = float(np.median(stands_out))
        lines = stands_out > max(DARK * (high - low), MIN_CONTRAST) + 2 * noise
        across = [_rules(lines, upright=False), _rules(lines.T, upright=True)]
        if found := [rules for rules in across if rules is not None]:
            return found
    return []


def dots_of_paper(ink: Mask) -> Mask:
    """Find many small dots that are evenly spaced, beside which there is other ink.

    Args:
        ink: `bool (height, width)`.

    Returns:
        Where the dots are, with their blurred edges; nowhere if they are the drawing.
    """
    labels, _ = ndimage.label(ink, np.ones((3, 3)))
    boxes = ndimage.find_objects(labels)
    sizes = np.array([max(side.stop - side.start for side in box) for box in boxes])
    dots = np.flatnonzero(sizes <= DOT * max(ink.shape)) + 1
    nowhere = np.zeros_like(ink)
    if not MIN_DOTS <= len(dots) < len(boxes):
        return nowhere
    middles = np.array([[(side.start + side.stop) / 2 for side in boxes[dot - 1]] for dot in dots])
    nearest = KDTree(middles).query(middles, 2)[0][:, 1]
    low, high = np.percentile(nearest, [10, 90])
    if high > EVEN * low:
        return nowhere
    found: Mask = ndimage.binary_dilation(np.isin(labels, dots), iterations=2)
    return found


def without_dots(picture: Image.Image, dots: Mask, ground: Ground) -> Image.Image:
    """Paint dots over with the ground's colour.

    Args:
        picture: Mode RGB.
        dots: Where they are, of any size.
        ground: The page's.
    """
    picture = picture.copy()
    picture.thumbnail((WORKING_SIDE, WORKING_SIDE), Image.Resampling.BOX)
    under = ground.picture.resize(picture.size, Image.Resampling.BILINEAR)
    return Image.composite(under, picture, Image.fromarray(dots).resize(picture.size))


def without_rules(picture: Image.Image, found: list[Rules], scale: float) -> Image.Image:
    """Replace ruled lines by what is above and below them, so that strokes across them stay.

    Args:
        picture: Mode RGB.
        found: The lines.
        scale: Pixels of the picture for one of the mask.
    """
    shrink = min(1.0, WORKING_SIDE / max(picture.size))
    size = (round(picture.width * shrink), round(picture.height * shrink))
    pixels = np.asarray(picture.resize(size, Image.Resampling.BOX), np.float32)
    for rules in found:
        turned = pixels.swapaxes(0, 1) if rules.upright else pixels
        for first, last in rules.lines:
            turned = _without_line(turned, first, last, rules.slope, scale * shrink)
        pixels = turned.swapaxes(0, 1) if rules.upright else turned
    return Image.fromarray(pixels.round().astype(np.uint8))


def _rules(ink: Mask, *, upright: bool) -> Rules | None:
    width = ink.shape[1]
    y, x = np.nonzero(ink)
    if len(y) < MIN_LINES * COVERED * width:
        return None
    best: tuple[float, float, npt.NDArray[np.float64]] | None = None
    for slope in np.linspace(-MAX_SLOPE, MAX_SLOPE, SLOPES):
        shift = int(MAX_SLOPE * ink.shape[1]) + 1
        rows = np.rint(y - slope * x).astype(int) + shift
        share = np.bincount(rows, minlength=ink.shape[0] + 2 * shift) / width
        sharp = float((share**2).sum())
        if best is None or sharp > best[0]:
            best = sharp, float(slope), np.roll(share, -shift)
    assert best is not None  # noqa: S101 (there is at least one slope)
    _, slope, share = best
    dark = np.flatnonzero(share > COVERED / 2)
    groups = np.split(dark, np.flatnonzero(np.diff(dark) > 1) + 1)
    lines = [group for group in groups if len(group) and share[group].sum() > COVERED]
    if len(lines) < MIN_LINES:
        return None
    gaps = np.diff([group.mean() for group in lines])
    usual = float(np.median(gaps))
    regular = np.abs(gaps / usual - np.rint(gaps / usual)) < REGULAR
    thin = np.array([len(group) for group in lines]) < usual / 2
    if regular.mean() < 1 - REGULAR or not thin.all():
        return None
    return Rules(slope, [(int(group[0]), int(group[-1])) for group in lines], upright)


def _without_line(
    pixels: npt.NDArray[np.float32], first: int, last: int, slope: float, scale: float
) -> npt.NDArray[np.float32]:
    """Interpolate each column from just above a line to just below it."""
    height, width = pixels.shape[:2]
    columns = np.arange(width)
    # Half a pixel of the mask on both sides, for its rows were rounded.
    above = np.floor((first - 1) * scale + slope * columns).astype(int)
    below = np.ceil((last + 2) * scale + slope * columns).astype(int)
    depth = int((below - above).max())
    upper = pixels[above.clip(0, height - 1), columns]
    lower = pixels[below.clip(0, height - 1), columns]
    # Of a line at the picture's edge, only one side is seen.
    upper, lower = (
        np.where((above < 0)[:, None], lower, upper),
        np.where((below >= height)[:, None], upper, lower),
    )
    cleaned = pixels.copy()
    for step in range(1, depth):
        rows = above + step
        inside = (rows >= 0) & (rows < height) & (rows < below)
        share = (step / (below - above))[inside, None]
        cleaned[rows[inside], columns[inside]] = upper[inside] * (1 - share) + lower[inside] * share
    return cleaned
