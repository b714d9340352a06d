"""Parse an SVG safely: nothing is loaded from elsewhere, and nothing multiplies without bound."""

import base64
import binascii
import io
import re
from typing import Final
from xml.etree.ElementTree import Element, ParseError, fromstring

from PIL import Image

from qd_pipeline.errors import BadDrawing

MAX_BYTES: Final = 5_000_000
"""Bytes of the largest SVG read."""

MAX_ELEMENTS: Final = 50_000
"""Elements of the largest SVG painted, each reference counted as what it shows."""

MAX_PIXELS: Final = 16_000_000
"""Pixels of the largest picture within an SVG."""

SVG_NAMESPACE: Final = "http://www.w3.org/2000/svg"

NUMBER: Final = r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?"
"""Pattern of a number that `float` reads."""

_ENTITY: Final = re.compile(rb"<!ENTITY", re.IGNORECASE)
_HREFS: Final = ("href", "{http://www.w3.org/1999/xlink}href")
_DATA_URL: Final = re.compile(
    r"data:image/(?:png|jpe?g|gif|webp)(?:;[\w=-]+)*;base64,", re.IGNORECASE
)
# It takes time in proportion to a text: no two parts of it match the same run of letters.
_TRANSFORM: Final = re.compile(r"[a-zA-Z]{1,10}\s{0,9}\([^()]{0,200}\)")
_NO_PICTURE: Final = "an embedded file that is no PNG, JPEG, GIF or WebP is left out"
_LEFT_OUT: Final = {
    "text": "text is left out",
    "foreignObject": "embedded HTML is left out",
    "script": "scripts are left out",
    **dict.fromkeys(
        ("animate", "animateColor", "animateMotion", "animateTransform", "set"),
        "its animation is left out",
    ),
}
_LANGUAGE: Final = re.compile(r"(.*,)?\s*en\b", re.IGNORECASE)


def parse(data: bytes) -> tuple[Element, tuple[str, ...]]:
    """Parse an SVG, without text, scripts and links to other files.

    Returns:
        The root element, and warnings about what was left out.

    Raises:
        BadDrawing: It is damaged or too large, holds entities, or refers to parts of itself too
            often.
    """
    if len(data) > MAX_BYTES:
        raise BadDrawing("the SVG", f"has {len(data):,} bytes", f"give at most {MAX_BYTES:,}")
    if _ENTITY.search(data.replace(b"\0", b"")):
        raise BadDrawing("the SVG", "holds entities", "export it with plain paths")
    try:
        root = fromstring(data.lstrip())  # noqa: S314 (entities are refused above)
    except (ParseError, ValueError, LookupError) as error:
        raise BadDrawing("the SVG", f"is damaged ({error})", "export it again") from error
    _adopt(root)
    for element in root.iter():
        if points := element.get("points"):
            # svgelements takes minutes for one of a thousand digits.
            numbers = [repr(float(number)) for number in re.findall(NUMBER, points)]
            element.set("points", " ".join(numbers))
        if transform := element.get("transform"):
            # And ten seconds for a hundred thousand letters that are none.
            element.set("transform", " ".join(_TRANSFORM.findall(transform)))
    if local_name(root) != "svg":
        raise BadDrawing("the SVG", f"is damaged (it is a <{root.tag[:40]}>)", "export it again")
    warnings = tuple(_cleaned(root))
    try:
        count = _shown(root, {e.get("id"): e for e in root.iter()}, {})
    except RecursionError:
        count = MAX_ELEMENTS + 1
    if count > MAX_ELEMENTS:
        raise BadDrawing("the SVG", "is too complex", f"export at most {MAX_ELEMENTS:,} elements")
    return root, warnings


def local_name(element: Element) -> str | None:
    """Return an SVG element's name, None for elements of other namespaces."""
    namespace, _, name = str(element.tag).rpartition("}")
    return name if namespace == f"{{{SVG_NAMESPACE}" else None


def paint_values(element: Element) -> dict[str, str]:
    """Return an element's own attributes, those of its `style` attribute included."""
    values = {key: value.strip() for key, value in element.attrib.items()}
    for declaration in values.pop("style", "").split(";"):
        key, _, value = declaration.partition(":")
        values[key.strip()] = value.replace("!important", "").strip()
    return values


def _adopt(root: Element) -> None:
    """Add the namespace to an SVG that lacks it."""
    if root.tag == "svg":
        for element in root.iter():
            if isinstance(element.tag, str) and "}" not in element.tag:
                element.tag = f"{{{SVG_NAMESPACE}}}{element.tag}"


def _cleaned(root: Element) -> list[str]:
    """Remove what is not drawn or would be loaded from elsewhere, and say what."""
    warnings = []
    for parent in list(root.iter()):
        for child in list(parent):
            name = local_name(child)
            if name in _LEFT_OUT:
                warnings.append(_LEFT_OUT[name])
                parent.remove(child)
            elif not _LANGUAGE.match(child.get("systemLanguage", "en")):
                warnings.append("what is for other languages is left out")
                parent.remove(child)
            elif name in {None, "metadata"} or (name == "svg" and _is_empty(child)):
                parent.remove(child)
            elif name != "a" and not all(_is_own(child.get(key, "#")) for key in _HREFS):
                links = [child.get(key, "#").strip() for key in _HREFS]
                embedded = any(link[:5].lower() == "data:" for link in links)
                warnings.append(_NO_PICTURE if embedded else "linked files are left out")
                parent.remove(child)
    return warnings


def _is_empty(svg: Element) -> bool:
    """Test whether an SVG within another has no width or no height."""
    sizes = (svg.get(name, "").strip().rstrip("px%") for name in ("width", "height"))
    return any(size and not size.strip("0.") for size in sizes)


def _is_own(link: str) -> bool:
    """Test whether a link leads within the file: to an element, or to a picture in it.

    Raises:
        BadDrawing: It is a picture that is too large.
    """
    if link.strip().startswith("#"):
        return True
    head = _DATA_URL.match(link.strip())
    if head is None:
        return False
    try:
        picture = Image.open(io.BytesIO(base64.b64decode(link.strip()[head.end() :])))
    except (binascii.Error, OSError, ValueError, Image.DecompressionBombError):
        return False
    if picture.width * picture.height > MAX_PIXELS:
        raise BadDrawing("the SVG", "holds a picture that is too large", "export it smaller")
    return True


def _shown(element: Element, named: dict[str | None, Element], known: dict[int, int]) -> int:
    """Count the elements that are shown for one, with those that it refers to."""
    if id(element) not in known:
        known[id(element)] = 0  # a part of itself is not shown in itself
        count = 1 + sum(_shown(child, named, known) for child in element)
        if local_name(element) == "use":
            link = next((element.get(key) for key in _HREFS if element.get(key)), "#")
            target = named.get(str(link).strip()[1:])
            count += _shown(target, named, known) if target is not None else 0
        known[id(element)] = min(count, MAX_ELEMENTS + 1)
    return known[id(element)]
