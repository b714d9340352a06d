"""Where the ink is in a picture of a drawing, whatever its light, colours and size.

Ink is what differs from the ground around it, so dark on light and light on dark are one
case. The ground is the colour of the picture's frame where that is of one colour, as paint
programs make it; in a photograph it is the median of each part of the picture.
"""

from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import Image
from scipy import ndimage
from skimage.filters import apply_hysteresis_threshold, threshold_otsu
from skimage.morphology import convex_hull_image

from qd_pipeline.errors import BadDrawing

Mask: TypeAlias = npt.NDArray[np.bool_]
Contrast: TypeAlias = npt.NDArray[np.float32]

COARSE_SIDE = 512
"""Pixels of the longer side at which ink is first looked for."""

INK_SIDE = 320
"""Pixels of the longer side to which the ink found is cropped and scaled."""

PARTS = 16
"""Parts along a photograph's longer side in which its ground is measured."""

PART_SIDE = 8
"""Pixels of such a part's side, of which the median is taken."""

MOST_CHANGE = 0.12 * 255
"""Difference of light between a part and those around it from which it is all ink."""

SHEET = 0.7
"""Share of its convex hull that a sheet of paper fills with light."""

SMALLEST = 0.2
"""Share of the picture that a sheet fills."""

SHEET_EDGE = 3
"""How much of its edge is not looked at; the picture has `PARTS` × `PART_SIDE` of these pixels."""

DARKER = 0.8
"""Times a sheet's light that what it lies on has at most, close to its edge."""

FRAMED = 0.25
"""Share of the picture's frame that a sheet may reach."""

FAINTEST = 0.08
"""Contrast below which nothing is ink; 1 is between full light and none."""

NOISE = 6.0
"""Times the median difference of neighbouring pixels below which nothing is ink."""

INK_PERCENTILE = 80
"""Where the contrast of a stroke's middle is found among that of all that is visible."""

EDGE, SURE = 0.45, 0.7
"""Shares of that contrast: ink ends at the first, and is ink if it anywhere has the second."""


def ink_mask(picture: Image.Image) -> Mask:
    """Find the ink, cropped to it and scaled.

    Args:
        picture: Any size and mode.

    Returns:
        `bool (height, width)`, of which the longer side is `INK_SIDE` pixels.

    Raises:
        BadDrawing: Nothing stands out from the ground.
    """
    picture = _opaque(picture)
    coarse = picture.copy()
    coarse.thumbnail((COARSE_SIDE, COARSE_SIDE), Image.Resampling.BOX)
    paper, ground = _paper_and_ground(coarse)
    contrast = _contrast(coarse, ground.resize(coarse.size, Image.Resampling.BILINEAR))
    steps = np.abs(np.diff(contrast[::2], append=contrast[::2, -1:]))
    faintest = max(FAINTEST, NOISE * float(np.median(steps)))
    contrast *= np.asarray(paper.resize(coarse.size, Image.Resampling.NEAREST)) > 0
    rows, columns = np.nonzero(_threshold(contrast, faintest))
    if not len(rows):
        raise BadDrawing(
            "the picture", "shows no ink", "give one with strokes that stand out from the ground"
        )
    box = (
        max(0.0, (columns.min() - 1) / coarse.width),
        max(0.0, (rows.min() - 1) / coarse.height),
        min(1.0, (columns.max() + 2) / coarse.width),
        min(1.0, (rows.max() + 2) / coarse.height),
    )
    ink = _crop(picture, box, Image.Resampling.BICUBIC)
    under = _crop(ground, box, Image.Resampling.BILINEAR, size=ink.size)
    within = _crop(paper, box, Image.Resampling.NEAREST, size=ink.size)
    return _threshold(_contrast(ink, under) * (np.asarray(within) > 0), faintest)


def _opaque(picture: Image.Image) -> Image.Image:
    """Lay a picture with transparent parts on white, or on black if its ink is light."""
    if picture.mode.startswith("I"):  # 16 bits, which `convert` would clip
        picture = Image.fromarray((np.asarray(picture, np.float64) / 257).astype(np.uint8))
    if not picture.has_transparency_data:
        return picture.convert("RGB")
    picture = picture.convert("RGBA")
    pixels = np.asarray(picture)
    opacity = pixels[..., 3].astype(np.float32)
    light = (pixels[..., :3].mean(2) * opacity).sum() > opacity.sum() * 255 / 2
    ground = Image.new("RGBA", picture.size, "black" if light else "white")
    return Image.alpha_composite(ground, picture).convert("RGB")


def _paper_and_ground(picture: Image.Image) -> tuple[Image.Image, Image.Image]:
    """Give where the paper is (255 on it), and the colour of the ground: both small pictures."""
    pixels = np.asarray(picture).astype(np.int16)
    frame = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
    colour = np.median(frame, axis=0)
    if (np.abs(frame - colour).max(1) <= 1).mean() > 1 / 2:
        everywhere = Image.new("L", (1, 1), 255)
        return everywhere, Image.new("RGB", (1, 1), tuple(colour.astype(int).tolist()))
    part = max(picture.size) / PARTS
    columns, rows = (max(1, round(side / part)) for side in picture.size)
    small = picture.resize((columns * PART_SIDE, rows * PART_SIDE), Image.Resampling.BOX)
    paper = _paper(small)
    # Beside the paper, the ground is that of its nearest place.
    nearest = ndimage.distance_transform_edt(~paper, return_distances=False, return_indices=True)
    parts = np.asarray(small)[tuple(nearest)].reshape(rows, PART_SIDE, columns, PART_SIDE, 3)
    medians = np.median(parts, axis=(1, 3))
    around = ndimage.median_filter(medians, size=(5, 5, 1), mode="nearest")
    all_ink = np.abs(medians - around).max(2, keepdims=True) > MOST_CHANGE
    ground = np.where(all_ink, around, medians).astype(np.uint8)
    return Image.fromarray(paper.astype(np.uint8) * 255), Image.fromarray(ground)


def _paper(picture: Image.Image) -> Mask:
    """Find a sheet of paper that lies on something darker; where there is none, all is paper."""
    grey = np.asarray(picture.convert("L"))
    everywhere = np.ones(grey.shape, bool)
    if grey.min() == grey.max():
        return everywhere
    regions, _ = ndimage.label(ndimage.median_filter(grey, 3) > threshold_otsu(grey))
    largest = regions == np.bincount(regions[regions > 0], minlength=2).argmax()
    hull = convex_hull_image(largest)
    frame = np.concatenate([hull[0], hull[-1], hull[:, 0], hull[:, -1]])
    # Light lines leave most of their hull empty, and a light ground reaches the frame.
    if largest.sum() < SHEET * hull.sum() or hull.mean() < SMALLEST or frame.mean() > FRAMED:
        return everywhere
    inside: Mask = ndimage.binary_erosion(hull, iterations=SHEET_EDGE, border_value=1)
    beside = ndimage.binary_dilation(hull, iterations=SHEET_EDGE) & ~hull
    # Where the light falls off by and by there is no edge of a sheet.
    edge = hull & ~inside
    if np.median(grey[beside]) > DARKER * np.median(grey[edge]) or not inside.any():
        return everywhere
    return inside


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


def _contrast(picture: Image.Image, ground: Image.Image) -> Contrast:
    """Give each pixel's distance from the ground, `float32 (height, width)`."""
    light = np.asarray(ground, np.float32)
    away = np.asarray(picture, np.float32) - light
    # As products, since numpy is slow at means over a short last axis.
    contrast: Contrast = np.sqrt(np.einsum("ijk,ijk->ij", away, away) / 3)
    contrast /= np.maximum(light, 255 - light) @ np.full(3, 1 / 3, np.float32)
    return contrast


def _threshold(contrast: Contrast, faintest: float) -> Mask:
    visible = contrast[contrast > faintest]
    if not len(visible):
        return np.zeros(contrast.shape, bool)
    ink = float(np.percentile(visible, INK_PERCENTILE))
    mask: Mask = apply_hysteresis_threshold(contrast, ink * EDGE, ink * SURE)
    return mask
