"""Find the page that a drawing is on: inside borders, frames, scan edges and dark tables.

A picture is searched from the outside inwards. Each round estimates the ground of the page found
so far, drops dark or coloured strips along its edges, and descends into a frame or a card of
another colour that encloses the drawing. Frames that enclose nothing are drawings themselves.
"""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from PIL import Image
from scipy import ndimage

from qd_pipeline.quickdraw.sketches.drawn_shapes import is_doubtful
from qd_pipeline.quickdraw.sketches.frame import framed_part, is_rectangle
from qd_pipeline.quickdraw.sketches.ground import (
    MIN_CONTRAST,
    Ground,
    Mask,
    contrast_to,
    flat_ground,
    in_corners,
    local_ground,
)
from qd_pipeline.quickdraw.sketches.sheet import sheet_of_paper

MAX_ROUNDS = 8
"""Most borders, frames and cards within one another that are searched."""

PHOTO_EDGE = 0.4
"""Least contrast at which a strip along a photograph's edge does not count as paper."""

EDGE_COVER = 0.5
"""Least share of a side that a strip along it covers; less is ink that touches the side."""

MAX_EDGE = 0.25
"""Largest width of a strip along a side, as a share of the page's width."""

PENUMBRA = 2
"""Width of the blur between a strip and the page, in pixels."""

EDGE_LEFT_OUT = "a border or a dark edge of the picture was left out"
ONLY_A_FRAME = "nothing is within its border, which was taken for the drawing"
FRAME_LEFT_OUT = "a frame around the drawing was left out"
MAYBE_A_FRAME = "straight or round lines around the drawing, perhaps a frame, were taken for ink"


@dataclass(frozen=True)
class Page:
    """Where ink may be in a picture.

    Attributes:
        paper: `bool (height, width)`, true where the page is.
        ground: The colour of the empty page.
        warnings: A clause for each thing that was left out.
    """

    paper: Mask
    ground: Ground
    warnings: tuple[str, ...] = ()


def pages(picture: Image.Image) -> list[Page]:
    """Find the pages in a picture, from the picture itself without its edges to the innermost.

    Args:
        picture: Mode RGB, its longer side some 500 pixels.

    Returns:
        At least two pages. The last one lies within all borders and frames. Where it shows no
        ink, the borders and frames are the drawing: use the first one, the whole picture.
    """
    pixels = np.asarray(picture)
    first = first_page(pixels)
    page = _without_edges(pixels, first)
    found = [replace(first, warnings=(ONLY_A_FRAME,)) if page.warnings else first, page]
    for _ in range(MAX_ROUNDS):
        far = page.paper & (contrast_to(pixels, page.ground) > _stands_out(page.ground))
        inner = framed_part(pixels, far, page.paper, page.ground)
        if inner is None:
            # A frame around nothing but a frame is a drawing of two rectangles.
            if FRAME_LEFT_OUT in page.warnings and is_rectangle(far):
                found = [page for page in found if FRAME_LEFT_OUT not in page.warnings]
            elif is_doubtful(far):
                found[-1] = replace(page, warnings=(*page.warnings, MAYBE_A_FRAME))
            break
        paper, same_colour = inner
        warnings = page.warnings
        if same_colour and FRAME_LEFT_OUT not in warnings:
            warnings = (*warnings, FRAME_LEFT_OUT)
        page = _without_edges(pixels, Page(paper, _ground(pixels, paper), warnings))
        found.append(page)
    return found


def first_page(pixels: npt.NDArray[np.uint8]) -> Page:
    """Find the page before anything is left out of it: the picture, or a sheet in a photograph.

    Args:
        pixels: `uint8 (height, width, 3)`.
    """
    everywhere = np.ones(pixels.shape[:2], bool)
    flat = flat_ground(pixels, everywhere)
    if flat is not None:
        return Page(everywhere, flat)
    paper = sheet_of_paper(pixels)
    return Page(paper, _ground(pixels, paper))


def _ground(pixels: npt.NDArray[np.uint8], paper: Mask) -> Ground:
    flat = flat_ground(pixels, paper)
    return local_ground(pixels, paper) if flat is None else flat


def _stands_out(ground: Ground) -> float:
    return MIN_CONTRAST if ground.flat else PHOTO_EDGE


def _without_edges(pixels: npt.NDArray[np.uint8], page: Page) -> Page:
    """Drop strips along the sides, repeatedly: a border may be double."""
    for _ in range(MAX_ROUNDS):
        far = page.paper & (contrast_to(pixels, page.ground) > _stands_out(page.ground))
        edges = _edges(far, page.paper)
        paper = page.paper & ~edges
        paper &= ~_corners(far & paper, paper)
        if not paper.any() or (paper == page.paper).all():
            break
        warnings = page.warnings
        if EDGE_LEFT_OUT not in warnings:
            warnings = (*warnings, EDGE_LEFT_OUT)
        page = Page(paper, _ground(pixels, paper), warnings)
    return page


def _corners(far: Mask, paper: Mask) -> Mask:
    """Find dark corners: of a sheet laid askew, or what is left of a border with round ones."""
    seeds = np.zeros_like(paper)
    for box in ndimage.find_objects(paper.astype(np.uint8)):
        for turns in range(4):
            np.rot90(seeds[box], turns)[:2, :2] = True
    return in_corners(far, seeds)


def _edges(far: Mask, paper: Mask) -> Mask:
    """Find strips along the sides of the page's bounding box that differ from its ground."""
    edges = np.zeros_like(paper)
    (box,) = ndimage.find_objects(paper.astype(np.uint8))
    for turns in range(4):
        # `_edge` searches the left side.
        strip = _edge(np.rot90(far[box], turns), np.rot90(paper[box], turns))
        edges[box] |= np.rot90(strip, -turns)
    return edges & paper


def _edge(far: Mask, paper: Mask) -> Mask:
    """Find the strip along the left side."""
    height, width = far.shape
    # Skip what is not paper, such as strips that were dropped before.
    first = np.where(paper.any(1), paper.argmax(1), width)
    columns = np.arange(width)
    beyond = columns[None] >= first[:, None]
    clear = beyond & ~far
    # Resampling may have made the outermost pixels of a strip lighter.
    near = columns[None] <= first[:, None] + 1
    clear &= ~near | ~np.take_along_axis(far, np.minimum(first + 1, width - 1)[:, None], 1)
    depth = np.where(clear.any(1), clear.argmax(1), width) - first
    rows = first < width / 2
    if not rows.any() or (depth[rows] > 0).mean() < EDGE_COVER:
        return np.zeros_like(far)
    # Strokes that touch the strip make it wider in single rows.
    usual = ndimage.median_filter(depth, max(3, height // 6) | 1, mode="nearest")
    if np.median(usual[rows]) > MAX_EDGE * width:
        return np.zeros_like(far)
    depth = np.minimum(depth, usual + PENUMBRA)
    strip: Mask = beyond & (columns[None] < (first + depth + PENUMBRA * (depth > 0))[:, None])
    return strip
