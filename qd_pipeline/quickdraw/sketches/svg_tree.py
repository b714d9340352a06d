"""Parse an SVG safely: nothing is loaded from elsewhere, and nothing multiplies without bound."""

import base64
import binascii
import io
import re
from collections.abc import Iterable
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
# All of these take time in proportion to a text: no two parts of one match the same run of letters.
_TRANSFORM: Final = re.compile(r"[a-zA-Z]{1,10}\s{0,9}\([^()]{0,200}\)")
_ARGUMENTS: Final = r"[^()]*(?:\([^()]*\)[^()]*)*"
_VARIABLE: Final = re.compile(r"(?<![\w-])(--[\w-]+)\s*:\s*([^;{}]{1,100})")
_USE_OF_VARIABLE: Final = re.compile(rf"var\(\s*(--[\w-]+)\s*(?:,({_ARGUMENTS}))?\)")
# What resvg passes over: selectors, nested rules, names in capitals, and some properties.
_UNKNOWN_CSS: Final = re.compile(
    r":(?:not|is|where|has|nth-|last-|only-|first-of)[^{}]{0,200}\{"
    r"|@(?:layer|supports|container|scope)\b|\[[\w-]{1,50}\s{0,9}[~|^$*]=|[\w*]\|[\w*]"
    r"|~[^={}]{0,200}\{|\{[^{}]{0,500}\{|[;{]\s{0,20}[A-Z][A-Z-]{2,30}\s{0,9}:|calc\("
    r"|(?:clip-path|[;{\s]transform)\s{0,9}:\s{0,9}(?!url|none)"
)
_IMPORTANT: Final = re.compile(r"!\s{0,9}important", re.IGNORECASE)
_MEDIA: Final = re.compile(r"@media([^{]{0,200})\{((?:[^{}]*\{[^{}]*\})*)\s*\}")
_SHOWN_MEDIA: Final = re.compile(
    r"(?:only )?(?:all|screen)?(?: ?(?:and )?\(prefers-color-scheme: ?light\))?"
    r"|not (?:print|speech)(?: and .*)?|not (?:(?:all|screen) and )?\(prefers-color-scheme: ?dark\)"
)
_OTHER_MEDIA: Final = re.compile(r"\b(print|speech|dark)\b")
# CSS colours that resvg does not know: with spaces and a slash, in degrees, and by other models.
_COLOUR: Final = re.compile(
    r"(?<![\w-])(rgb|hsl)a?\(\s*([\d.+-]+%?)(?:deg)?[\s,]+([\d.]+%?)[\s,]+([\d.]+%?)"
    rf"(?:\s*[/,]\s*({NUMBER})(%?))?\s*\)"
)
_UNKNOWN_COLOUR: Final = re.compile(
    rf"(?<![\w-])(?:ok)?(?:lab|lch|hwb|color|color-mix|light-dark)\({_ARGUMENTS}\)"
)
# Attributes with values of CSS; coordinates are long, and others paint nothing.
_PAINTS: Final = {
    "color", "display", "fill", "fill-opacity", "flood-color", "lighting-color", "opacity",
    "stop-color", "stop-opacity", "stroke", "stroke-opacity", "stroke-width", "style", "visibility",
}  # fmt: skip
_NESTED_VARIABLES: Final = 4
_UNKNOWN_SHEET: Final = "a part of its style sheet was not understood"
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
    warnings = tuple(dict.fromkeys(_cleaned(root) + _styled(root)))
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


def _styled(root: Element) -> list[str]:
    """Put CSS variables, media rules and colours into words that resvg knows; say what is lost."""
    sheets = [each for each in root.iter() if local_name(each) == "style"]
    queries = _without_media(sheets)
    styles = [each.text or "" for each in sheets] + [each.get("style", "") for each in root.iter()]
    known: dict[str, list[str]] = {}
    for name, value in _VARIABLE.findall("\n".join(styles)):
        known.setdefault(name, []).append(value.strip())
    warnings: list[str] = []
    for sheet in sheets:
        sheet.text = _valued(sheet.text or "", known, warnings)
    for element in root.iter():
        element.attrib.update(
            {
                key: _valued(value, known, warnings)
                for key, value in element.attrib.items()
                if key in _PAINTS
            }
        )
        if style := element.get("style"):  # which comes before all but rules that are important
            element.set("style", _IMPORTANT.sub("", style))
    unknown = any(not _is_shown(each) and not _OTHER_MEDIA.search(each) for each in queries)
    rules = [sheet.text or "" for sheet in sheets]
    rules += ["{" + each.get("style", "") for each in root.iter()]
    if unknown or any(map(_UNKNOWN_CSS.search, rules)):
        warnings.append(_UNKNOWN_SHEET)
    return warnings


def _valued(text: str, known: dict[str, list[str]], warnings: list[str]) -> str:
    """Replace variables and colours that resvg does not know; add what is lost to warnings."""

    def value_of(use: re.Match[str]) -> str:
        values: list[str] = known.get(use[1], [(use[2] or "").strip()])
        if len(set(values)) > 1:  # for several selectors
            warnings.append(_UNKNOWN_SHEET)
        return values[0]  # a dark theme comes after the light one

    for _ in range(_NESTED_VARIABLES):
        if len(text) > MAX_BYTES or "var(" not in text:
            break
        text = _USE_OF_VARIABLE.sub(value_of, text)
    if _UNKNOWN_COLOUR.search(text):
        warnings.append("a colour was not understood, and painted black")
    return _COLOUR.sub(_with_commas, _UNKNOWN_COLOUR.sub("black", text))


def _without_media(sheets: Iterable[Element]) -> list[str]:
    """Replace media rules by what they hold for a screen in the light scheme; return queries."""
    queries = []
    for sheet in sheets:
        queries += [each[1] for each in _MEDIA.finditer(sheet.text or "")]
        sheet.text = _MEDIA.sub(
            lambda rule: rule[2] if _is_shown(rule[1]) else "", sheet.text or ""
        )
    return queries


def _is_shown(query: str) -> bool:
    return any(_SHOWN_MEDIA.fullmatch(" ".join(each.split())) for each in query.split(","))


def _with_commas(colour: re.Match[str]) -> str:
    alpha = float(colour[5] or 1) / (100 if colour[6] else 1)
    return f"{colour[1]}a({colour[2]}, {colour[3]}, {colour[4]}, {alpha:g})"


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
