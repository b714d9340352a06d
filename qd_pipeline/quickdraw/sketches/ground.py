"""The colour of the empty page: flat as in paint programs, or uneven as in photographs."""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import Image
from scipy import ndimage

Mask: TypeAlias = npt.NDArray[np.bool_]
Contrast: TypeAlias = npt.NDArray[np.float32]
Pixels: TypeAlias = npt.NDArray[np.uint8]

MIN_CONTRAST = 0.08
"""Contrast below which nothing is ink; 1 is between full light and none."""

PARTS = 16
"""Parts along a photograph's longer side in which its ground is measured."""

PART_SIDE = 8
"""Pixels of such a part's side, of which the median is taken."""

MAX_CHANGE = 0.12 * 255
"""Difference of light between a part and those around it from which it is all ink."""

MAX_CORNER = 0.1
"""Share of the picture's longer side that a dark corner takes at most along its shorter side."""

MAX_WEDGE = 0.45
"""The same of the shorter side, where the corner is a triangle."""

WEDGE_ERROR = 0.08
"""Share of its box by which a triangle is not one."""

SOLID = 0.4
"""Least share of its box that a dark corner fills; a line across a corner fills less."""

MIN_GROUND = 0.2
"""Share of the page that its ground takes; a frame's line takes less."""

BLURRED = 3
"""Pixels at the page's side that a line beside it may blur."""

EDGE_CHANGE = 0.4 * 255
"""Difference of light that no shadow makes from one part to the next, but a scan's edge."""

OUTER, INNER = 0.5, 0.7
"""Shares of an outline that have its colour: at the page's side, and within a border. Two lines
of ruled paper are half of an outline."""

MAX_BORDER = 0.1
"""Share of the page's shorter side that a border takes at most."""


@dataclass(frozen=True)
class Ground:
    """The colour of the empty page, as a picture that is stretched over the whole one."""

    picture: Image.Image
    flat: bool


def flat_ground(pixels: Pixels, paper: Mask) -> Ground | None:
    """Measure the ground along the page's outline, within a border if there is one.

    Args:
        pixels: `uint8 (height, width, 3)`.
        paper: Where the page is.

    Returns:
        The colour of more than half of the outline, or, where a little further in the outline
        has another colour, that one; None if the outline has many colours, as in photographs.
    """
    padded = np.pad(paper, 1)
    depth = ndimage.distance_transform_cdt(padded, "chessboard")[1:-1, 1:-1]
    widest = int(MAX_BORDER * min(np.ptp(rows) + 1 for rows in np.nonzero(paper)))
    outer: Pixels | None = None
    for inset in range(1, max(BLURRED, widest) + 1):
        inner = _outline_colour(pixels, depth == inset, OUTER if outer is None else INNER)
        if outer is None:
            outer = inner
            if outer is None and inset == BLURRED:
                return None
        elif (
            inner is not None
            and float(_distance(inner, outer)) > MIN_CONTRAST
            and (_distance(pixels[paper], inner) < MIN_CONTRAST).mean() > MIN_GROUND
        ):
            outer = inner
            break
    if outer is None:
        return None
    return flat_colour(tuple(outer.tolist()))


def local_ground(pixels: Pixels, paper: Mask) -> Ground:
    """Measure the ground of a photograph as the median of each part.

    Beside the paper, the ground is that of its nearest place. A part that differs from all
    around it is ink, and takes their ground.
    """
    height, width = paper.shape
    part = max(height, width) / PARTS
    rows, columns = (max(1, round(side / part)) for side in (height, width))
    size = (columns * PART_SIDE, rows * PART_SIDE)
    small = np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.BOX))
    place = np.asarray(Image.fromarray(paper).resize(size, Image.Resampling.NEAREST))
    if not place.any():
        place = np.ones_like(place)
    nearest = ndimage.distance_transform_edt(~place, return_distances=False, return_indices=True)
    parts = small[tuple(nearest)].reshape(rows, PART_SIDE, columns, PART_SIDE, 3)
    medians = np.median(parts, axis=(1, 3))
    around = ndimage.median_filter(medians, size=(5, 5, 1), mode="nearest")
    all_ink = np.abs(medians - around).max(2, keepdims=True) > MAX_CHANGE
    ground = np.where(all_ink, around, medians)
    # Mirrored, what lies further in outnumbers a strip along an edge.
    inwards = ndimage.median_filter(medians, size=(3, 3, 1), mode="mirror")
    strip = np.abs(medians - inwards).max(2, keepdims=True) > EDGE_CHANGE
    ground = np.where(strip, inwards, ground).astype(np.uint8)
    return Ground(Image.fromarray(ground), flat=False)


def contrast_to(pixels: Pixels, ground: Ground) -> Contrast:
    """Measure each pixel's distance from the ground.

    Returns:
        `float32 (height, width)`, 0 to 1 and a little more.
    """
    height, width = pixels.shape[:2]
    if ground.flat:
        return _distance(pixels, np.asarray(ground.picture)[0, 0])
    under = ground.picture.resize((width, height), Image.Resampling.BILINEAR)
    return _distance(pixels, np.asarray(under))


def _distance(colours: Pixels, light: Pixels) -> Contrast:
    light = light.astype(np.float32)
    away = colours.astype(np.float32) - light
    # As products, since numpy is slow at means over a short last axis.
    contrast: Contrast = np.sqrt(np.einsum("...k,...k->...", away, away) / 3)
    contrast /= np.maximum(light, 255 - light) @ np.full(3, 1 / 3, np.float32)
    return contrast


def _outline_colour(pixels: Pixels, outline: Mask, share: float) -> Pixels | None:
    colours = pixels[outline].astype(np.int16)
    if not len(colours):
        return None
    colour = np.median(colours, axis=0)
    flat = (np.abs(colours - colour).max(1) <= 1).mean() > share
    return np.asarray(colour, np.uint8) if flat else None


def in_corners(mask: Mask, corners: Mask) -> Mask:
    """Find solid ink in a page's corners.

    Args:
        mask: Where the page's ground does not show.
        corners: A few pixels in each corner.

    Returns:
        The connected components of the mask that have a pixel in a corner, and are thin or a
        triangle.
    """
    labels, _ = ndimage.label(mask, np.ones((3, 3)))
    found = np.zeros_like(mask)
    boxes = ndimage.find_objects(labels)
    for label in np.unique(labels[corners & mask]):
        box = boxes[label - 1]
        shape = labels[box] == label
        thin = min(shape.shape)
        small = thin <= MAX_CORNER * max(mask.shape)
        wedge = thin <= MAX_WEDGE * min(mask.shape) and _is_triangle(shape)
        if shape.mean() >= SOLID and (small or wedge):
            found |= labels == label
    return found


def _is_triangle(shape: Mask) -> bool:
    """Test whether a shape is half of its box, with its right angle in a corner of that."""
    for turns in range(4):
        turned = np.rot90(shape, turns)
        rows, columns = (np.arange(side) + 0.5 for side in turned.shape)
        triangle = rows[:, None] / len(rows) + columns / len(columns) <= 1
        if (turned != triangle).mean() < WEDGE_ERROR:
            return True
    return False


def flat_colour(colour: tuple[int, ...]) -> Ground:
    """Return a ground of one colour, given as red, green and blue."""
    return Ground(Image.new("RGB", (1, 1), colour), flat=True)
