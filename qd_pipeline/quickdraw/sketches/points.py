"""Strokes as coordinates, in the dataset's layout or as lists of points."""

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from qd_pipeline.errors import BadDrawing
from qd_pipeline.quickdraw.sketches.simplify import SIDE, RawStroke, Stroke, simplify

Layout: TypeAlias = Literal["columns", "points"]
"""`columns` is the dataset's `[[x, …], [y, …]]` a stroke, `points` is `[[x, y], …]`; either may
hold times as well."""

# Names of the dataset beside `drawing`.
_DATASET = {"word", "countrycode", "timestamp", "recognized", "key_id"}

# Points from which times of 0 and 1 alone are none.
_FEW = 4

# Simplifying loses less than epsilon at each edge, and rounding half a unit.
_MIN_MAXIMUM = 245


class AmbiguousLayout(BadDrawing):
    """A drawing that is one in either layout, and another one in each."""

    def __init__(self) -> None:
        super().__init__(
            "the drawing",
            "can be read both as columns, [[x, …], [y, …]] a stroke, and as points, [[x, y], …]",
            "choose the layout, columns or points (`qd predict --layout`, `predict(…, layout=…)`, "
            "`params` of the served model)",
        )


def strokes_of_points(
    strokes: Sequence[RawStroke],
    *,
    simplified: bool | None = None,
    layout: Layout | None = None,
    ambiguous: Layout | None = None,
) -> list[Stroke]:
    """Check and simplify strokes as a mouse, a finger or the dataset gives them.

    Args:
        strokes: Each stroke is `(x, y)` or `(x, y, time)`, equally long sequences of numbers, or
            a sequence of points `(x, y)` or `(x, y, time)`; y downwards; or one with names,
            `{"x": […], "y": […]}`, `[{"x": …, "y": …}, …]` or `{"points": …}` with a sequence of
            points of either kind. Empty ones are left out.
        simplified: Whether they are as the dataset's simplified ones, which are taken as they
            are; None to tell by whether they are whole numbers that fill the box of 255.
        layout: Which of the two layouts; None to tell by the shapes. The dataset's simplified
            strokes are columns.
        ambiguous: The layout where both fit; None to refuse the drawing.

    Raises:
        BadDrawing: They are no strokes, could be read either way, or are not the simplified
            ones that they should be.

    >>> [(x, y)] = strokes_of_points([[[0, 10, 10, 4], [0, 5, 2, 0]]])
    >>> x.tolist(), y.tolist()
    ([0, 255, 255, 102], [0, 127, 51, 0])
    >>> [(x, y)] = strokes_of_points([[[0, 0], [10, 5]]], layout="points")
    >>> x.tolist(), y.tolist()
    ([0, 255], [0, 128])
    """
    named = [named_rows(stroke) for stroke in strokes]
    if any(rows is not None for rows in named):
        strokes, layout = [rows or () for rows in named], "columns"
    else:
        strokes = [stroke for stroke in strokes if not hasattr(stroke, "__len__") or len(stroke)]
    if layout is None:
        layout = "columns" if simplified else layout_of(strokes) or ambiguous
    if layout is None and strokes and fits_points(strokes):
        raise AmbiguousLayout
    if layout == "points":
        strokes = [_columns(stroke) for stroke in strokes]
    if simplified is False:
        return simplify(strokes)
    whole = whole_strokes(strokes)
    if simplified and whole is None:
        raise BadDrawing(
            "the drawing",
            "is not simplified",
            "give whole numbers of 0 to 255, as [[[x, …], [y, …]], …], or leave it to us",
        )
    if whole is None or not (simplified or _fills_the_box(whole)):
        return simplify(strokes)
    return whole


def drawing_of(content: Any) -> Any:
    """Return the drawing in an object of JSON, under the name `drawing` or `strokes`."""
    return content.get("drawing", content.get("strokes")) if isinstance(content, dict) else content


def is_of_the_dataset(content: Any) -> bool:
    """Test whether an object of JSON has a drawing of the dataset, whose strokes are columns."""
    return isinstance(content, dict) and bool(content.keys() & _DATASET)


def named_rows(stroke: Any) -> list[list[Any]] | None:
    """Return the rows of x and y of a stroke whose coordinates have names, else None.

    Points are relative to the stroke's own x and y where it has these, as in Excalidraw's files.

    >>> named_rows({"points": [{"x": 1, "y": 2}, {"x": 3, "y": 4}]})
    [[1, 3], [2, 4]]
    >>> named_rows({"x": 10, "y": 20, "points": [[1, 2], [3, 4]]})
    [[11, 13], [22, 24]]
    """
    if isinstance(stroke, dict) and "points" in stroke:
        points = stroke["points"]
        named = isinstance(points, list) and all(isinstance(each, dict) for each in points)
        rows = (named_rows(points) if named else _columns(points)) or []
        try:
            for row, axis in zip(rows[:2], "xy", strict=True):
                row[:] = [value + stroke.get(axis, 0) for value in row]
        except (TypeError, ValueError):
            return rows  # which is refused when it is read
        return rows
    try:
        if isinstance(stroke, dict):
            return [stroke["x"], stroke["y"]]
        if isinstance(stroke, list) and stroke and isinstance(stroke[0], dict):
            return [[point[axis] for point in stroke] for axis in "xy"]
    except (KeyError, TypeError):
        return None
    return None


def layout_of(strokes: Sequence[Any] | NDArray[Any]) -> Layout | None:
    """Infer the layout of a drawing from the shapes of its strokes.

    A stroke of four or more points, or of one, shows it for the whole drawing. Times never
    decrease, so that of three rows, or of points of three numbers, the order can show it.

    Returns:
        None where both layouts fit, or neither does.

    >>> layout_of([[[0, 113], [0, 98], [6, 79], [29, 36]]])
    'points'
    """
    columns, points = all(map(_fits, strokes)), fits_points(strokes)
    if columns == points:
        return None
    return "columns" if columns else "points"


def common_layout(contents: Iterable[Any]) -> Layout | None:
    """Infer the layout of drawings that came together, which a few points of one do not show.

    Args:
        contents: Drawings as `drawing_of` takes them, and anything else.

    Returns:
        The layout of all those drawings that show one; None where none does, or they differ.
    """
    drawings = [
        each for each in map(drawing_of, contents) if isinstance(each, list | tuple | np.ndarray)
    ]
    shown = {layout_of(each) for each in drawings if not any(map(named_rows, each))} - {None}
    return shown.pop() if len(shown) == 1 else None


def fits_points(strokes: Iterable[Any]) -> bool:
    """Test whether every stroke can be a list of points, with times or without."""
    return all(_fits(_columns(stroke)) for stroke in strokes)


def whole_strokes(strokes: Sequence[RawStroke]) -> list[Stroke] | None:
    """Return a drawing as it is if it consists of whole numbers from 0 to 255, else None."""
    try:
        rows = [(np.array(stroke[0]), np.array(stroke[1])) for stroke in strokes]
    except (IndexError, KeyError, TypeError, ValueError):
        return None
    whole = all(
        len(stroke) == 2  # noqa: PLR2004 (x, y and no times)
        and x.dtype.kind == y.dtype.kind == "i"
        and x.ndim == y.ndim == 1
        and len(x) == len(y)
        for stroke, (x, y) in zip(strokes, rows, strict=True)
    )
    if not rows or not whole:
        return None
    everything = np.concatenate([row for pair in rows for row in pair])
    if not 0 <= everything.min() <= everything.max() <= SIDE:
        return None
    return [(x.astype(np.uint8), y.astype(np.uint8)) for x, y in rows]


def _columns(stroke: Any) -> list[list[Any]]:
    """Transpose a stroke; what has rows of different lengths has no columns."""
    try:
        return [list(column) for column in zip(*stroke, strict=True)]
    except (TypeError, ValueError):
        return []


def _fits(stroke: Any) -> bool:
    """Test whether a stroke is two or three equally long rows, the third of them times.

    A row of zeros and ones is no times, but the pen's state in stroke-3, whose x and y are steps.
    """
    try:
        lengths = {len(row) for row in stroke}
        times = stroke[2] if len(stroke) == 3 else ()  # noqa: PLR2004 (x, y and times)
        steady = all(before <= after for before, after in pairwise(times))
        steady &= len(times) < _FEW or not set(times) <= {0, 1}
    except (IndexError, KeyError, TypeError, ValueError):
        return False
    return len(stroke) in {2, 3} and len(lengths) == 1 and steady


def _fills_the_box(strokes: Sequence[Stroke]) -> bool:
    return max(int(row.max()) for pair in strokes for row in pair) >= _MIN_MAXIMUM
