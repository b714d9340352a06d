"""Open a picture file: PNG, JPEG, WebP or GIF, upright, opaque and with 8 bits a channel."""

import io

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps, ImageSequence, UnidentifiedImageError

from qd_pipeline.errors import BadDrawing
from qd_pipeline.quickdraw.sketches.ink import COARSE_SIDE

MAX_PIXELS = 64_000_000
"""Pixels of the largest picture read."""

MAX_ANIMATED_PIXELS = 256_000_000
"""Pixels of all frames of the largest animation read."""

FORMATS = ("PNG", "JPEG", "WEBP", "GIF")

DARK_SHARE = 0.02
"""Share of dark paint from which a transparent picture is meant for a light page."""

MIDDLE = 128
"""Grey level from which paint is light."""

MOSTLY = 0.1
"""Share of dark paint from which that is beyond doubt."""

_SUPPORTED = "PNG, JPEG, WebP, GIF or SVG"
_PNG = b"\x89PNG\r\n\x1a\n"
_PNG_BITS = 24
"""Where a PNG's header holds its bits a channel."""


def open_picture(data: bytes) -> tuple[Image.Image, tuple[str, ...]]:
    """Open a picture, without reading more of it than is needed.

    Of an animation, the frame with the most to see is taken, the last of equals. Values of
    16 bits are stretched from the range that they use to 8 bits. A transparent picture is laid
    on white, or, if it is painted in light colours alone, on black.

    Returns:
        The picture, mode RGB, and warnings.

    Raises:
        BadDrawing: It is no such picture, is damaged or too large.
    """
    try:
        picture: Image.Image = Image.open(io.BytesIO(data), formats=FORMATS)
        # A camera's further pictures are previews and depths.
        frames = getattr(picture, "n_frames", 1) if picture.format != "MPO" else 1
        if picture.width * picture.height > MAX_PIXELS:
            raise _too_large()
        warnings: tuple[str, ...] = ()
        if frames > 1:
            if picture.width * picture.height * frames > MAX_ANIMATED_PIXELS:
                raise BadDrawing(
                    "the picture", f"has {frames:,} frames", "save the one that shows the drawing"
                )
            picture, number = _frame_with_most(picture)
            warnings = (f"frame {number} of {frames} of the animation was read",)
        elif data.startswith(_PNG) and data[_PNG_BITS] == 16:  # noqa: PLR2004 (bits)
            picture = _eight_bits(data)
        else:
            picture.draft(None, (2 * COARSE_SIDE, 2 * COARSE_SIDE))
        upright: Image.Image = ImageOps.exif_transpose(picture)
    except UnidentifiedImageError as error:
        raise BadDrawing(
            "the picture",
            f"is no {_SUPPORTED}",
            "save it as one of these, or give strokes as NDJSON",
        ) from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise _too_large() from None
    except (OSError, SyntaxError, ValueError, EOFError) as error:
        raise BadDrawing("the picture", f"is damaged ({error})", "save it again") from error
    opaque, notes = _opaque(upright)
    return opaque, warnings + notes


def _too_large() -> BadDrawing:
    return BadDrawing(
        "the picture", "is too large", f"give at most {MAX_PIXELS // 1_000_000} million pixels"
    )


def _frame_with_most(animation: Image.Image) -> tuple[Image.Image, int]:
    """Find the frame in which light differs most, and its number from 1."""
    most, found, number = -1.0, animation, 1
    for place, frame in enumerate(ImageSequence.Iterator(animation), 1):
        small = frame.convert("RGBA").resize((64, 64), Image.Resampling.BOX)
        # Of a drawing that is drawn line by line, the last frames hardly differ.
        seen = float(np.asarray(small, np.float32).std(axis=(0, 1)).sum())
        if seen >= 0.98 * most:
            most, found, number = max(most, seen), frame.copy(), place
    return found, number


def _eight_bits(data: bytes) -> Image.Image:
    """Stretch a PNG with 16 bits a channel from the range that it uses to 8 bits.

    Pillow keeps 16 bits of grey alone; of colours it takes either byte of each value, the
    second if it is told that they come in the other order, and of grey with opacity all four bytes
    of a pixel if they are said to be channels.
    """
    picture = Image.open(io.BytesIO(data), formats=("PNG",))
    if picture.mode.startswith("I"):
        return Image.fromarray(_stretched(np.asarray(picture).astype(np.float64)))
    high = np.asarray(picture.convert("RGBA"))
    second = Image.open(io.BytesIO(data), formats=("PNG",))
    tile = second.tile[0]
    low = np.zeros_like(high)
    if tile.args in {"RGB;16B", "RGBA;16B"}:
        second.tile = [tile._replace(args=str(tile.args).replace("16B", "16L"))]
        low = np.asarray(second.convert("RGBA"))
    elif tile.args == "LA;16B":
        second.tile = [tile._replace(args="RGBA")]
        low = np.asarray(second)[..., [1, 1, 1]]
    colours = _stretched(high[..., :3] * 256.0 + low[..., :3])
    return Image.fromarray(np.dstack([colours, high[..., 3]]))


def _stretched(values: npt.NDArray[np.float64]) -> npt.NDArray[np.uint8]:
    # A few hot pixels do not count.
    low, high = np.percentile(values, [0.01, 99.99])
    if high <= low:
        low, high = values.min(), max(values.max(), values.min() + 1)
    stretched: npt.NDArray[np.uint8] = (
        ((values - low) / (high - low) * 255).clip(0, 255).astype(np.uint8)
    )
    return stretched


def _opaque(picture: Image.Image) -> tuple[Image.Image, tuple[str, ...]]:
    """Lay a picture with transparent parts on the page that its paint is meant for."""
    if not picture.has_transparency_data:
        return picture.convert("RGB"), ()
    picture = picture.convert("RGBA")
    pixels = np.asarray(picture)
    opacity = pixels[..., 3].astype(np.float32)
    if opacity.min() == 255:  # noqa: PLR2004 (nothing is transparent)
        return picture.convert("RGB"), ()
    dark = float(opacity[pixels[..., :3].mean(2) < MIDDLE].sum()) / max(float(opacity.sum()), 1.0)
    page = "white" if dark >= DARK_SHARE else "black"
    opaque = Image.alpha_composite(Image.new("RGBA", picture.size, page), picture).convert("RGB")
    if 0 < dark < MOSTLY:
        return opaque, (f"the page is transparent and its paint mostly light: {page} was assumed",)
    return opaque, ()
