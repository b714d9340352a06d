"""Find a sheet of paper that lies on something darker, in a photograph."""

import numpy as np
from PIL import Image
from scipy import ndimage
from skimage.filters import threshold_otsu
from skimage.morphology import convex_hull_image

from qd_pipeline.quickdraw.sketches.ground import PART_SIDE, PARTS, Mask, Pixels

FILLED = 0.7
"""Least share of its convex hull that a sheet of paper fills."""

MIN_AREA = 0.2
"""Least share of the picture that a sheet fills."""

EDGE = 3
"""Width of the edge that is left out, in pixels of a picture of `PARTS` × `PART_SIDE` pixels."""

DARKER = 0.8
"""Largest brightness of the ground close to the sheet's edge, as a share of the edge's."""

FRAMED = 0.25
"""Largest share of the picture's outline that a sheet may touch."""


def sheet_of_paper(pixels: Pixels) -> Mask:
    """Find a sheet of paper that lies on something darker.

    Args:
        pixels: `uint8 (height, width, 3)`.

    Returns:
        `bool (height, width)`, the sheet without its edge; true everywhere where there is none.
    """
    height, width = pixels.shape[:2]
    shrink = PARTS * PART_SIDE / max(height, width)
    size = (max(1, round(width * shrink)), max(1, round(height * shrink)))
    small = Image.fromarray(pixels).convert("L").resize(size, Image.Resampling.BOX)
    paper = _sheet(np.asarray(small))
    return np.asarray(Image.fromarray(paper).resize((width, height), Image.Resampling.NEAREST))


def _sheet(grey: Pixels) -> Mask:
    everywhere = np.ones(grey.shape, bool)
    if grey.min() == grey.max():
        return everywhere
    regions, _ = ndimage.label(ndimage.median_filter(grey, 3) > threshold_otsu(grey))
    largest = regions == np.bincount(regions[regions > 0], minlength=2).argmax()
    hull = convex_hull_image(largest)
    frame = np.concatenate([hull[0], hull[-1], hull[:, 0], hull[:, -1]])
    # Light lines leave most of their hull empty, and a light ground touches the outline.
    if largest.sum() < FILLED * hull.sum() or hull.mean() < MIN_AREA or frame.mean() > FRAMED:
        return everywhere
    inside: Mask = ndimage.binary_erosion(hull, iterations=EDGE, border_value=1)
    edge = hull & ~inside
    away = ndimage.distance_transform_edt(~hull)
    # Where brightness falls gradually there is no edge of a sheet; and beyond a line that was
    # drawn around something, the same paper goes on.
    rings = [(away > 0) & (away <= EDGE), (away > 3 * EDGE) & (away <= 5 * EDGE)]
    light = [np.median(grey[ring]) for ring in rings if ring.any()]
    if max(light) > DARKER * np.median(grey[edge]) or not inside.any():
        return everywhere
    return inside
