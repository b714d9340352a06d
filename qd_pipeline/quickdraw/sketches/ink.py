"""Find the ink in a picture of a drawing, whatever its light, colours and size.

Ink is what differs from the ground around it, so dark on light and light on dark are one case.
"""

from typing import NamedTuple

import numpy as np
from PIL import Image
from skimage.filters import apply_hysteresis_threshold

from qd_pipeline.errors import BadDrawing
from qd_pipeline.quickdraw.sketches.ground import MIN_CONTRAST, Contrast, Ground, Mask, contrast_to
from qd_pipeline.quickdraw.sketches.page import Page, first_page, pages
from qd_pipeline.quickdraw.sketches.ruling import (
    dots_of_paper,
    find_rules,
    without_dots,
    without_rules,
)
from qd_pipeline.quickdraw.sketches.stray_ink import doubts

COARSE_SIDE = 512
"""Pixels of the longer side at which ink is first looked for."""

INK_SIDE = 320
"""Pixels of the longer side to which the ink found is cropped and scaled."""

NOISE = 6.0
"""Times the median difference of neighbouring pixels below which nothing is ink."""

MAX_INK = 0.5
"""Share of the ink's box from which it is hardly a line drawing."""

MUCH_INK = "most of the picture was taken for ink"
RULES_LEFT_OUT = "the lines of ruled paper were left out"

DOTS_LEFT_OUT = "the dots of dotted paper were left out"

INK_PERCENTILE = 80
"""Where the contrast of a stroke's middle is found among that of all that is visible."""

EDGE, SURE = 0.45, 0.7
"""Shares of that contrast: ink ends at the first, and is ink if it anywhere has the second."""


class Ink(NamedTuple):
    """The ink of a picture, and what was left out to find it, a clause each."""

    mask: Mask
    warnings: tuple[str, ...]


def find_ink(picture: Image.Image) -> Ink:
    """Find the ink, cropped to it and scaled.

    Args:
        picture: Mode RGB, any size.

    Returns:
        `bool (height, width)`, of which the longer side is `INK_SIDE` pixels, and warnings.

    Raises:
        BadDrawing: Nothing stands out from the ground.
    """
    coarse = _coarse(picture)
    notes: tuple[str, ...] = ()
    if rules := find_rules(coarse):
        picture = without_rules(picture, rules, picture.width / coarse.width)
        coarse = _coarse(picture)
        notes = (RULES_LEFT_OUT,)
    # Before pages are searched, for the outermost dots look like a frame.
    whole = first_page(np.asarray(coarse))
    dots = dots_of_paper(_threshold(*_visible(coarse, whole)))
    if dots.any():
        picture = without_dots(picture, dots, whole.ground)
        coarse = _coarse(picture)
        notes = (*notes, DOTS_LEFT_OUT)
    page, visible, faintest = _seen(coarse)
    warnings = notes + (page.warnings or doubts(visible, page.paper))
    rows, columns = np.nonzero(visible)
    box = (
        max(0.0, (columns.min() - 1) / coarse.width),
        max(0.0, (rows.min() - 1) / coarse.height),
        min(1.0, (columns.max() + 2) / coarse.width),
        min(1.0, (rows.max() + 2) / coarse.height),
    )
    ink = _crop(picture, box, Image.Resampling.BICUBIC)
    under = _crop(page.ground.picture, box, Image.Resampling.BILINEAR, size=ink.size)
    paper = _crop(Image.fromarray(page.paper), box, Image.Resampling.NEAREST, size=ink.size)
    contrast = contrast_to(np.asarray(ink), Ground(under, flat=False)) * np.asarray(paper)
    mask = _threshold(contrast, faintest)
    if not mask.any():
        raise _no_ink()
    if mask.mean() > MAX_INK:
        warnings = (*warnings, MUCH_INK)
    return Ink(mask, warnings)


def _coarse(picture: Image.Image) -> Image.Image:
    coarse = picture.copy()
    coarse.thumbnail((COARSE_SIDE, COARSE_SIDE), Image.Resampling.BOX)
    return coarse


def _seen(coarse: Image.Image) -> tuple[Page, Mask, float]:
    """Look at a picture from afar.

    Returns:
        The page in it, the ink on the page, and the contrast below which nothing is ink.

    Raises:
        BadDrawing: Nothing stands out from the ground.
    """
    found = pages(coarse)
    # A frame in which there is nothing is the drawing.
    for page in (found[-1], found[0]):
        contrast, faintest = _visible(coarse, page)
        visible = _threshold(contrast, faintest)
        if visible.any():
            return page, visible, faintest
    raise _no_ink()


def _no_ink() -> BadDrawing:
    return BadDrawing(
        "the picture", "shows no ink", "give one with strokes that stand out from the ground"
    )


def _visible(coarse: Image.Image, page: Page) -> tuple[Contrast, float]:
    """Measure the contrast on the page, and that below which it is noise."""
    contrast = contrast_to(np.asarray(coarse), page.ground)
    steps = np.abs(np.diff(contrast[::2], append=contrast[::2, -1:]))[page.paper[::2]]
    faintest = max(MIN_CONTRAST, NOISE * float(np.median(steps))) if len(steps) else MIN_CONTRAST
    return contrast * page.paper, faintest


def _crop(
    picture: Image.Image,
    box: tuple[float, float, float, float],
    resampling: Image.Resampling,
    size: tuple[int, int] | None = None,
) -> Image.Image:
    """Cut a box, in shares of the sides, to a size, by default with a longer side of `INK_SIDE`."""
    left, top = box[0] * picture.width, box[1] * picture.height
    right, bottom = box[2] * picture.width, box[3] * picture.height
    if size is None:
        zoom = INK_SIDE / max(right - left, bottom - top)
        size = max(1, round((right - left) * zoom)), max(1, round((bottom - top) * zoom))
    return picture.resize(size, resampling, box=(left, top, right, bottom))


def _threshold(contrast: Contrast, faintest: float) -> Mask:
    visible = contrast[contrast > faintest]
    if not len(visible):
        return np.zeros(contrast.shape, bool)
    ink = float(np.percentile(visible, INK_PERCENTILE))
    mask: Mask = apply_hysteresis_threshold(contrast, ink * EDGE, ink * SURE)
    return mask
