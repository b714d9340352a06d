"""A person's own file to drawings: a picture, an SVG, or strokes as JSON or NDJSON."""

import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from qd_pipeline.encoding import decode
from qd_pipeline.errors import BadDrawing
from qd_pipeline.quickdraw.sketches.pictures import sketch_of_picture
from qd_pipeline.quickdraw.sketches.points import (
    Layout,
    common_layout,
    drawing_of,
    is_of_the_dataset,
    layout_of,
    named_rows,
    strokes_of_points,
    whole_strokes,
)
from qd_pipeline.quickdraw.sketches.simplify import Stroke
from qd_pipeline.quickdraw.sketches.sketch import Sketch

MAX_BYTES = 50_000_000
"""Bytes of the largest file read."""

_HEAD = 100_000
"""Bytes among which a line of JSON is looked for."""

_DRAWING_DEPTH = 3


class SketchFile(NamedTuple):
    """The drawings of a file, and its lines that could not be read."""

    sketches: list[Sketch]
    errors: list[BadDrawing]


def read_sketches(path: Path, *, layout: Layout | None = None) -> SketchFile:
    """Read a file of one's own drawings, as `sketches_of` does.

    Args:
        path: The file.
        layout: Layout of the strokes; None to tell it from each drawing.

    Raises:
        BadDrawing: The file cannot be read, is damaged or too large, or a picture shows no
            drawing.
    """
    return sketches_of(_read(path), str(path), layout=layout)


def sketches_of(data: bytes, name: str, *, layout: Layout | None = None) -> SketchFile:
    """Read the content of a file of one's own drawings: a picture, an SVG, or strokes.

    The content tells what a file is, not its name. Strokes are JSON, one drawing or a list of
    them, or NDJSON, a drawing a line, in UTF-8, UTF-16 or UTF-32. A drawing is
    `[[[x, …], [y, …]], …]`, or `[[[x, y], …], …]`, or strokes with names as `strokes_of_points`
    takes them, or an object with one under the name `drawing`, as in the dataset's files, or
    `strokes`; drawings that are not simplified yet are.

    Args:
        data: The content.
        name: What errors call the file.
        layout: Layout of the strokes; None to tell it from each drawing, or from the others
            where a drawing does not show it.

    Returns:
        The drawings, and an error for each line that is none, which names it by its number.

    Raises:
        BadDrawing: It is damaged, or a picture that shows no drawing.
    """
    if not data.strip(b"\xef\xbb\xbf\xff\xfe\0 \t\r\n"):  # a byte order mark, and blanks
        raise BadDrawing(name, "is empty", "give a picture, or strokes as NDJSON")
    if not _is_json(data):
        try:
            return SketchFile([sketch_of_picture(data)], [])
        except BadDrawing as error:
            raise BadDrawing(
                name, f"cannot be used, {error.culprit} {error.cause}", error.remedy
            ) from error
    try:
        text = decode(data)
    except UnicodeDecodeError as error:
        if b"\n" not in data.strip():
            cause = "is not UTF-8, UTF-16 or UTF-32, or is cut off"
            raise BadDrawing(name, cause, "save it as UTF-8, or copy it again") from error
        # Its other lines can be read. Only UTF-8 can be decoded to surrogates.
        encoding = json.detect_encoding(data)
        if encoding.startswith("utf-8"):
            text = data.decode(encoding, errors="surrogateescape")
        else:
            text = data.decode(encoding, errors="replace").replace("\ufffd", "\udcff")
    file = SketchFile([], [])
    drawings = list(_drawings(text))
    ambiguous = None if layout else common_layout(content for _, _, content in drawings)
    for number, place, content in drawings:
        try:
            strokes = _strokes(content, layout, ambiguous)
            file.sketches.append(Sketch(strokes, (), number))
        except BadDrawing as error:
            cause = error.cause
            if error.culprit != "the drawing":
                cause = f"cannot be used, {error.culprit} {cause}"
            file.errors.append(BadDrawing(f"{name}{place}", cause, error.remedy))
    return file


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except FileNotFoundError as error:
        remedy = "check its name"
        with suppress(FileNotFoundError):  # of a folder that was removed
            remedy += f"; relative names are looked up in {Path.cwd()}"
        raise BadDrawing(str(path), "is not there", remedy) from error
    except IsADirectoryError as error:
        raise BadDrawing(str(path), "is a folder", f"name its files, as {path}/*.png") from error
    except OSError as error:
        cause = f"cannot be read ({error.strerror})"
        raise BadDrawing(str(path), cause, "check who may read it") from error
    if len(data) > MAX_BYTES:
        raise BadDrawing(str(path), "is too large", f"give at most {MAX_BYTES:,} bytes")
    return data


def _is_json(data: bytes) -> bool:
    """Test whether the content, or a line of it if it is text but no SVG, begins as JSON does."""
    head = data[:_HEAD].decode(json.detect_encoding(data), errors="ignore").lstrip()
    lines = [] if head.startswith("<") or "\0" in head else head.splitlines()
    return any(line.lstrip()[:1] in {"{", "["} for line in (head, *lines))


def _drawings(text: str) -> Iterator[tuple[int, str, Any]]:
    """Yield each drawing's number, its place in words, and its JSON, or why it has none."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    content = _parsed(text)
    if isinstance(content, Exception) and "\n" in text.strip():
        lines = [(n, _parsed(line)) for n, line in enumerate(text.split("\n"), 1) if line.strip()]
        if any(isinstance(line, list | dict) for _, line in lines):
            for number, line in lines:
                yield number, f", line {number},", line
        else:
            number = getattr(content, "lineno", 1)
            yield number, f", line {number},", content
    elif isinstance(content, list) and (_depth(content) > _DRAWING_DEPTH or _objects(content)):
        for number, each in enumerate(content, 1):
            yield number, f", drawing {number},", each
    else:
        yield 1, "", content


def _parsed(line: str) -> Any:
    try:
        line.encode()  # fails for what was no UTF-8
        return json.loads(line)
    except (ValueError, RecursionError) as error:
        return error


def _objects(content: list[Any]) -> bool:
    """Test whether a list holds objects that are drawings, rather than strokes with names."""
    return bool(content) and all(
        isinstance(each, dict) and named_rows(each) is None for each in content
    )


def _depth(content: Any) -> int:
    depth = 0
    while isinstance(content, list):
        depth += 1
        content = content[0] if content else None
    return depth


def _strokes(content: Any, layout: Layout | None, ambiguous: Layout | None) -> list[Stroke]:
    if isinstance(content, UnicodeError):
        cause = "is not UTF-8, UTF-16 or UTF-32, or is cut off"
        raise BadDrawing(
            "the drawing", cause, "save the file as UTF-8, or copy it again"
        ) from content
    if isinstance(content, Exception):
        raise BadDrawing(
            "the drawing", "is no JSON", "give a drawing a line, as in the dataset's files"
        ) from content
    strokes = drawing_of(content)
    if isinstance(strokes, str):
        strokes = _parsed(strokes)
    if not isinstance(strokes, list):
        raise BadDrawing(
            "the drawing",
            "holds no drawing",
            'give {"drawing": [[[x, …], [y, …]], …]} or its value',
        )
    if is_of_the_dataset(content):
        layout = layout or layout_of(strokes) or "columns"
        if layout == "columns" and "key_id" in content and (whole := whole_strokes(strokes)):
            return whole  # a few of the dataset's simplified drawings do not fill the box
    return strokes_of_points(strokes, layout=layout, ambiguous=ambiguous)
