"""The ways of drawing that ours is compared with.

They need the optional group `bench` (cairocffi with Debian's libcairo2, opencv). Drawings
are what `json.loads` gives: a list of strokes, each a list of x and a list of y.
"""

import importlib
import json
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qd_pipeline.errors import BadSetting

Strokes = Sequence[Sequence[Sequence[float]]]

BOX = 256
LINE = 16
PADDING = 16


def cairo_bitmaps(drawings: Iterable[Strokes], side: int = 28) -> NDArray[np.uint8]:
    """Draw with cairo as the dataset's makers did, one call a point.

    The recipe is the one in issue 19 of googlecreativelab/quickdraw-dataset: a box of 256
    with padding and room for the line on every side, scaled to `side`; each drawing centred
    by its largest x and y; white round-ended lines, each stroke over those before it.

    Returns:
        uint8 (n, side, side), white (255) on black.

    Raises:
        BadSetting: cairocffi or libcairo2 is not installed.
    """
    cairo = _optional("cairocffi", "cairocffi and Debian's libcairo2")
    room = 2 * PADDING + LINE
    surface = cairo.ImageSurface(cairo.FORMAT_ARGB32, side, side)
    context = cairo.Context(surface)
    context.set_antialias(cairo.ANTIALIAS_BEST)
    context.set_line_cap(cairo.LINE_CAP_ROUND)
    context.set_line_join(cairo.LINE_JOIN_ROUND)
    context.set_line_width(LINE)
    context.scale(side / (BOX + room), side / (BOX + room))
    context.translate(room / 2, room / 2)
    bitmaps = []
    for drawing in drawings:
        context.set_source_rgb(0, 0, 0)
        context.paint()
        context.set_source_rgb(1, 1, 1)
        left = (BOX - max(max(xs) for xs, _ in drawing)) / 2 if drawing else 0
        above = (BOX - max(max(ys) for _, ys in drawing)) / 2 if drawing else 0
        for xs, ys in drawing:
            context.move_to(xs[0] + left, ys[0] + above)
            for x, y in zip(xs, ys, strict=True):
                context.line_to(x + left, y + above)
            context.stroke()
        surface.flush()
        pixels = np.frombuffer(surface.get_data(), np.uint8)
        bitmaps.append(pixels.reshape(side, -1, 4)[:, :side, 0].copy())
    return np.stack(bitmaps) if bitmaps else np.zeros((0, side, side), np.uint8)


def notebook_bitmaps(lines: Iterable[str | bytes], side: int = 28) -> NDArray[np.uint8]:
    """Parse lines of NDJSON, draw each at 256×256 and shrink it, as notebooks do.

    Anti-aliased lines of width 6 on a canvas of 256×256 with OpenCV, then a cubic resize.

    Returns:
        uint8 (n, side, side), white (255) on black; close to the dataset's bitmaps, not the same.

    Raises:
        BadSetting: opencv is not installed.
    """
    cv2 = _optional("cv2", "opencv-python-headless")
    bitmaps = []
    for line in lines:
        canvas = np.zeros((BOX, BOX), np.uint8)
        for xs, ys in json.loads(line)["drawing"]:
            for i in range(len(xs) - 1):
                start, stop = (xs[i], ys[i]), (xs[i + 1], ys[i + 1])
                cv2.line(canvas, start, stop, 255, 6, cv2.LINE_AA)
        bitmaps.append(cv2.resize(canvas, (side, side), interpolation=cv2.INTER_CUBIC))
    return np.stack(bitmaps) if bitmaps else np.zeros((0, side, side), np.uint8)


def _optional(module: str, packages: str) -> Any:
    try:
        return importlib.import_module(module)
    except (ImportError, OSError) as missing:
        raise BadSetting(
            f"this comparison's {module}",
            "is not installed",
            f"install {packages}, e.g. with `pip install 'qd_pipeline[bench]'`",
        ) from missing
