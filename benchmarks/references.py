"""The ways of drawing that ours is compared with.

They need the optional group `bench` (cairocffi with Debian's libcairo2, opencv). Drawings
are what `json.loads` gives: a list of strokes, each a list of x and a list of y.
"""

import importlib
import json
from collections.abc import Iterable, Iterator, Sequence
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
    bitmaps = list(_drawn_by_cairo(drawings, side))
    return np.stack(bitmaps) if bitmaps else np.zeros((0, side, side), np.uint8)


def notebook_bitmaps(lines: Iterable[str | bytes], side: int = 28) -> NDArray[np.uint8]:
    """Parse lines of NDJSON, draw each at 256×256 and shrink it, as the notebook did.

    Drawn with cairo, one call a point, then a cubic resize with OpenCV.

    Returns:
        uint8 (n, side, side), white (255) on black; close to the dataset's bitmaps, not the same.

    Raises:
        BadSetting: cairocffi, libcairo2 or opencv is not installed.
    """
    drawings = (json.loads(line)["drawing"] for line in lines)
    return _shrunk(_drawn_by_cairo(drawings, BOX), side)


def opencv_bitmaps(lines: Iterable[str | bytes], side: int = 28) -> NDArray[np.uint8]:
    """Do the same with OpenCV's own anti-aliased lines, of width 6, one call a segment.

    Returns:
        As `notebook_bitmaps`.

    Raises:
        BadSetting: opencv is not installed.
    """
    cv2 = _optional("cv2", "opencv-python-headless")

    def drawn(drawing: Strokes) -> NDArray[np.uint8]:
        canvas = np.zeros((BOX, BOX), np.uint8)
        for xs, ys in drawing:
            for i in range(len(xs) - 1):
                start, stop = (xs[i], ys[i]), (xs[i + 1], ys[i + 1])
                cv2.line(canvas, start, stop, 255, 6, cv2.LINE_AA)
        return canvas

    return _shrunk((drawn(json.loads(line)["drawing"]) for line in lines), side)


def _drawn_by_cairo(drawings: Iterable[Strokes], side: int) -> Iterator[NDArray[np.uint8]]:
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
        yield pixels.reshape(side, -1, 4)[:, :side, 0].copy()


def _shrunk(canvases: Iterable[NDArray[np.uint8]], side: int) -> NDArray[np.uint8]:
    cv2 = _optional("cv2", "opencv-python-headless")
    bitmaps = [cv2.resize(each, (side, side), interpolation=cv2.INTER_CUBIC) for each in canvases]
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
