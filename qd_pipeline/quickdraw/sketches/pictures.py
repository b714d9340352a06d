"""A picture of a drawing to strokes: PNG, JPEG, WebP, GIF or SVG."""

from qd_pipeline.quickdraw.sketches.image_file import open_picture
from qd_pipeline.quickdraw.sketches.ink import find_ink
from qd_pipeline.quickdraw.sketches.simplify import simplify_points
from qd_pipeline.quickdraw.sketches.skeleton import strokes_of_ink
from qd_pipeline.quickdraw.sketches.sketch import Sketch
from qd_pipeline.quickdraw.sketches.svg import lines_or_ink


def sketch_of_picture(data: bytes) -> Sketch:
    """Find the strokes in a picture: PNG, JPEG, WebP, GIF or SVG.

    Any size, dark on light or light on dark, transparent, or photographed; within borders,
    frames and scan edges. The ink is thinned to lines, so that the width of the pen does not
    matter; of what is painted over, the outline is taken.

    Args:
        data: The picture's bytes.

    Returns:
        The strokes, simplified as the dataset's are, warnings about what was left out, and the
        ink, unless it is an SVG of plain lines.

    Raises:
        BadDrawing: It is no such picture, is damaged or too large, or shows no ink.
    """
    if data.lstrip(b"\xef\xbb\xbf\xff\xfe\0 \t\r\n")[:1] == b"<":
        found, warnings = lines_or_ink(data)
        if isinstance(found, list):
            return Sketch(simplify_points(found), warnings)
    else:
        picture, opened = open_picture(data)
        found, noted = find_ink(picture)
        warnings = opened + noted
    return Sketch(simplify_points(strokes_of_ink(found)), warnings, ink=found)
