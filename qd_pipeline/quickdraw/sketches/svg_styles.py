"""Styles of an SVG in words that resvg knows."""

import re
from collections.abc import Iterable
from typing import Final
from xml.etree.ElementTree import Element

from qd_pipeline.quickdraw.sketches.svg_tree import MAX_BYTES, NUMBER, local_name

# All of these take time in proportion to a text: no two parts of one match the same run of letters.
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


def put_styles(root: Element) -> list[str]:
    """Put CSS variables, media rules and colours into words that resvg knows.

    Returns:
        Warnings about what is lost.
    """
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
