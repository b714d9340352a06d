"""What a browser would show of an SVG is what the network sees."""

import base64
import time
from itertools import pairwise
from pathlib import Path

import pytest

from qd_pipeline.quickdraw.sketches.pictures import sketch_of_picture
from qd_pipeline_tests.quickdraw.sketches.face import (
    CIRCLE,
    FACE,
    bitmap_of,
    difference,
    encoded,
    painted,
    seen,
)
from qd_pipeline_tests.quickdraw.sketches.svg_face import LINE, NAMESPACE, SVG_FACE, svg


@pytest.mark.parametrize(
    "body",
    [
        SVG_FACE,
        f'<rect width="300" height="300" fill="white"/>{SVG_FACE}',
        f'{SVG_FACE}<text x="5" y="290">me</text><path d="M0 0h300" fill="none"/>',
        f'<image href="file:///etc/passwd" width="9" height="9"/>{SVG_FACE}',
    ],
    ids=["alone", "on white", "with text and the invisible", "with a picture"],
)
def test_the_lines_of_an_svg_are_strokes(body: str) -> None:
    strokes = sketch_of_picture(svg(body)).strokes
    assert len(strokes) == 4
    assert difference(bitmap_of(strokes), bitmap_of(FACE)) < 3


def test_the_filled_outline_of_a_pen_line_is_one_stroke() -> None:
    ring = "M150 30A120 120 0 1 1 149 30ZM150 42A108 108 0 1 1 149 42Z"
    assert difference(seen(svg(f'<path d="{ring}"/>')), bitmap_of(CIRCLE)) < 5


CROSS = 'd="M0 0L300 300M300 0L0 300" fill="none" stroke="black" stroke-width="9"'
UNSEEN = {
    "no opacity": f'<path {CROSS} opacity="0"/>',
    "no opacity in a style": f'<path style="opacity: 0" {CROSS}/>',
    "a group without opacity": f'<g opacity="0"><g opacity="1"><path {CROSS}/></g></g>',
    "no stroke opacity": f'<path {CROSS} stroke-opacity="0"/>',
    "no width": f'<path {CROSS} style="stroke-width:0"/>',
    "hardly a width": f'<path {CROSS} style="stroke-width:1e-7px"/>',
    "transparent": f'<path {CROSS} style="stroke:transparent"/>',
    "transparent in rgba": f'<path {CROSS} style="stroke:rgba(0,0,0,0)"/>',
    "a hit area": '<rect width="300" height="150" fill="#000" fill-opacity="0" stroke="none"/>',
    "hidden": f'<g visibility="hidden"><path {CROSS}/></g>',
    "not displayed": f'<g style="display:none"><path {CROSS}/></g>',
    "a definition": f"<defs><path {CROSS}/></defs>",
    "a symbol": f'<symbol id="s"><path {CROSS}/></symbol>',
    "a marker": f'<marker id="m"><path {CROSS}/></marker>',
    "a mask": f'<mask id="k"><path {CROSS}/></mask>',
    "a clip path": f'<clipPath id="c"><path {CROSS}/></clipPath>',
    "a pattern": f'<pattern id="p" width="9" height="9"><path {CROSS}/></pattern>',
    "clipped": '<clipPath id="c"><path d="M0 0h1v1z"/></clipPath>'
    f'<path {CROSS} clip-path="url(#c)"/>',
    "outside of the page": '<path d="M-90 -900h900" fill="none" stroke="black"/>',
    "in the page's colour": f'<path {CROSS} style="stroke:#fff"/>',
    "in its group's colour": f'<g color="#fff"><path {CROSS} style="stroke:currentColor"/></g>',
    "a class": f'<style>.hit{{opacity:0}}</style><path class="hit" {CROSS}/>',
    "a descendant": "<style>#a .b{stroke:none}</style>"
    f'<g id="a"><g><path class="b" {CROSS}/></g></g>',
    "a child": f"<style>g>path{{}} svg>path{{display:none}}</style><path {CROSS}/>",
    "hidden on a screen": f"<style>@media print{{}}@media only screen{{.s{{display:none}}}}</style>"
    f'<path class="s" {CROSS}/>',
    "hidden where nothing is printed": "<style>@media not print{.s{display:none}}"
    f'@media not all and (prefers-color-scheme: dark){{.t{{opacity:0}}}}</style><path class="s" '
    f'{CROSS}/><path class="t" {CROSS}/>',
    "transparent by a slash": f'<path {CROSS} style="stroke:rgb(0 0 0 / 0%)"/>',
    "transparent by a bare fraction": f'<path {CROSS} style="stroke:rgb(0 0 0 / .0)"/>',
    "in metadata": f"<metadata><path {CROSS}/></metadata>",
    "another language's": f'<x:layer xmlns:x="urn:x"><path {CROSS}/></x:layer>',
    "in an SVG of no width": f'<svg width="0" height="9"><path {CROSS}/></svg>',
    "important": f'<path {CROSS} style="stroke:none ! important"/>',
    "erased": f'<path d="M0 290h300" {LINE}/>'
    f'<path d="M-9 290h400" {LINE} style="stroke:white;stroke-width:17"/>',
}


@pytest.mark.parametrize("name", UNSEEN)
def test_what_an_svg_does_not_show_is_no_ink(name: str) -> None:
    assert difference(seen(svg(UNSEEN[name] + SVG_FACE)), bitmap_of(FACE)) < 6


UNSTYLED = SVG_FACE.replace(LINE, "").replace('style="fill:none;stroke:blue"', "")
PAINTED = base64.b64encode(encoded(painted(FACE))).decode()
SHOWN = {
    "used": f'<defs><g id="face">{SVG_FACE}</g></defs><use href="#face" x="5"/>',
    "a symbol that is used": f'<symbol id="face">{SVG_FACE}</symbol><use href="#face"/>',
    "styled by descendants": "<style>svg g *{fill:none;stroke:#222;stroke-width:4}</style>"
    + UNSTYLED,
    "styled by its group": f'<g fill="none" stroke="black" stroke-width="4">{UNSTYLED}</g>',
    "in the text's colour": SVG_FACE.replace('"black"', '"currentColor"'),
    "on a dark page": '<rect width="300" height="300" fill="#121212"/>'
    + SVG_FACE.replace("black", "white").replace("blue", "white"),
    "in a dark page's style": "<style>svg{background:#fff}</style>" + SVG_FACE,
    "over white paint": f'<path {CROSS}/><path d="M0 0h300v300h-300z" fill="#fff"/>{SVG_FACE}',
    "framed": f'<rect x="2" y="2" width="296" height="296" {LINE}/>{SVG_FACE}',
    "in variables": "<style>:root{--ink:#222}.dark{--ink:#fff}"
    "svg g *{fill:none;stroke:var(--ink);stroke-width:var(--pen, 4)}</style>" + UNSTYLED,
    "in a colour of today": SVG_FACE.replace('"black"', '"hsl(0deg 0% 0% / 100%)"'),
    "hidden in print": "<style>@media print{path{display:none}}</style>" + SVG_FACE,
    "hidden off the screen": "<style>@media not screen{path{display:none}}</style>" + SVG_FACE,
    "on a gradient": '<linearGradient id="g"><stop stop-color="#fff"/>'
    '<stop offset="1" stop-color="#aac"/></linearGradient>'
    f'<rect width="300" height="300" fill="url(#g)"/>{SVG_FACE}',
    "a picture with parameters": '<image width="300" height="300" '
    f'href="data:image/png;charset=utf-8;base64,{PAINTED}"/>',
    "a picture": f'<image width="300" height="300" href="data:image/png;base64,{PAINTED}"/>',
}


@pytest.mark.parametrize("name", SHOWN)
def test_what_an_svg_shows_is_the_ink(name: str) -> None:
    assert difference(seen(svg(SHOWN[name])), bitmap_of(FACE)) < 6


@pytest.mark.parametrize(
    "size",
    [
        "",
        'width="100%" height="100%"',
        'width="30em" height="30em" viewBox="0 0 300 300"',
        'width="1.2.3" height="."',
        'viewBox="0 0 . 300"',
        'viewBox="0 0 1e999 300"',
        'viewBox="0 0 1e-320 1e-320"',
    ],
    ids=["none", "window", "font", "no number", "no viewBox", "endless", "vanishing"],
)
def test_an_svg_of_any_size_is_shown_whole(size: str) -> None:
    head = f'<svg xmlns="{NAMESPACE}" {size}>'
    assert difference(seen(svg(f'<g opacity="0.9">{SVG_FACE}</g>', head)), bitmap_of(FACE)) < 6


def test_curves_that_go_on_where_the_last_one_ended_are_one_stroke() -> None:
    ends = [list(zip(x, y, strict=True)) for x, y in FACE]
    curves = "".join(
        f'<path d="M {a},{b} C {a},{b} {c},{d} {c},{d}" {LINE}/>'
        for points in ends
        for (a, b), (c, d) in pairwise(points)
    )
    strokes = sketch_of_picture(svg(curves)).strokes
    assert len(strokes) == len(FACE)
    assert difference(bitmap_of(strokes), bitmap_of(FACE)) < 5


HOSTILE = {
    "media": "@media only" + " " * 50_000 + "x{a{}}",
    "medias": "@media" * 10_000,
    "selectors": ":not" * 10_000,
    "variables": "-" * 50_000,
    "use of a variable": "var(--a," + " " * 50_000 + "(",
    "colour": "rgb(1 1 1 / " + "1" * 50_000 + "x",
    "unknown colour": "lab(" * 10_000,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_style_sheet_is_read_as_fast_as_any(name: str) -> None:
    began = time.process_time()
    sketch_of_picture(svg(f"<style>{HOSTILE[name]}</style>{SVG_FACE}"))
    assert time.process_time() - began < 5


def test_hostile_numbers_are_read_as_fast_as_any() -> None:
    began = time.process_time()
    points = f'<polyline points="{"1" * 50_000}"/>'
    turned = f'<g transform="{"scale(" * 20_000}"/>'
    sketch_of_picture(
        svg(points + turned + SVG_FACE, f'<svg xmlns="{NAMESPACE}" width="1{" " * 50_000}x">')
    )
    assert time.process_time() - began < 5


@pytest.mark.parametrize(
    "sheet",
    [
        "path:not(.ink):hover{stroke:red}",
        '[id^="guide"]{display:none}',
        ".hint~path{display:none}",
        ".a{.b{display:none}}",
        "@layer base{.b{display:none}}",
        "svg|path.b{display:none}",
        ".b{DISPLAY:none}",
        ".b{clip-path:inset(40%)}",
        ".b{transform:translate(900px)}",
        ".b{stroke-width:calc(1px - 1px)}",
        ":root{--ink:red}.b{--ink:none}path{stroke:var(--ink)}",
    ],
)
def test_css_that_is_not_understood_is_told(sheet: str) -> None:
    assert sketch_of_picture(svg(f"<style>{sheet}</style>{SVG_FACE}")).warnings == (
        "a part of its style sheet was not understood",
    )


def test_a_colour_that_is_not_understood_is_seen_and_told() -> None:
    sketch = sketch_of_picture(svg(SVG_FACE.replace('"black"', '"oklch(40% 0.1 20)"')))
    assert difference(bitmap_of(sketch.strokes), bitmap_of(FACE)) < 6
    assert sketch.warnings == ("a colour was not understood, and painted black",)


@pytest.mark.parametrize("alpha", [".", "1.2.3", "-", "1" * 500])
def test_a_colour_whose_alpha_is_no_number_hides_nothing_else(alpha: str) -> None:
    line = f'<path d="M90 90h9" style="stroke:rgb(0 0 0 / {alpha})"/>'
    assert difference(seen(svg(line + SVG_FACE)), bitmap_of(FACE)) < 9


def test_layers_that_are_filled_and_stroked_alike_are_not_outlined_twice() -> None:
    hole = "M150 30A120 120 0 1 1 149 30ZM150 42A108 108 0 1 1 149 42Z"
    layers = (
        f'<path d="M0 0H300V300H0ZM150 30A120 120 0 1 1 149 30Z" fill="#fff" stroke="#fff"/>'
        f'<path d="{hole}" fill="#000" stroke="#000" fill-rule="evenodd"/>'
        '<circle cx="150" cy="150" r="107" fill="#fff" stroke="#fff"/>'
    )
    assert difference(seen(svg(layers)), bitmap_of(CIRCLE)) < 6


def test_light_lines_on_no_page_are_seen_with_a_warning() -> None:
    sketch = sketch_of_picture(svg(SVG_FACE.replace("black", "#fff").replace("blue", "#fff")))
    assert difference(bitmap_of(sketch.strokes), bitmap_of(FACE)) < 6
    assert sketch.warnings == (
        "its paint is light and its page transparent: a black page was assumed",
    )


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ('<text x="5" y="290">me</text>', "text is left out"),
        ('<image href="cat.png" width="9" height="9"/>', "linked files are left out"),
        ('<path d="M0 0"><set attributeName="d" to=""/></path>', "its animation is left out"),
        (f'<path {CROSS} systemLanguage="xx"/>', "what is for other languages is left out"),
    ],
)
def test_what_is_left_out_of_an_svg_is_told(body: str, told: str) -> None:
    sketch = sketch_of_picture(svg(SVG_FACE + body))
    assert sketch.warnings == (told,)
    assert difference(bitmap_of(sketch.strokes), bitmap_of(FACE)) < 6


@pytest.mark.parametrize("languages", ["en", "fr, en", "de,en-US", " en"])
def test_what_is_for_english_among_other_languages_is_drawn(languages: str) -> None:
    body = SVG_FACE.replace("<path ", f'<path systemLanguage="{languages}" ')
    assert difference(seen(svg(body)), bitmap_of(FACE)) < 6


def test_the_style_of_a_dark_screen_makes_no_doubt() -> None:
    themes = (
        ":root{--a:#222}@media (prefers-color-scheme: dark){:root{--a:#fff}}path{fill:var(--a)}"
    )
    assert sketch_of_picture(svg(f"<style>{themes}</style>{SVG_FACE}")).warnings == ()


def test_a_linked_file_is_not_read(tmp_path: Path) -> None:
    painted(CIRCLE).save(tmp_path / "circle.png")
    link = f'<image href="{tmp_path / "circle.png"}" width="300" height="300"/>'
    opaque = f'<g opacity="0.9">{SVG_FACE}</g>'
    assert difference(seen(svg(link + opaque)), bitmap_of(FACE)) < 6


@pytest.mark.parametrize(
    "other", ["", 'data-note="color(red) url(#ink)"', 'style="cursor:url(#ink)"', 'id="lab(1 2 3)"']
)
def test_plain_lines_keep_their_order_and_their_points(other: str) -> None:
    sketch = sketch_of_picture(
        svg(f'<path d="M9 9h255" {LINE} {other}/><path d="M264 9v255" {LINE}/>')
    )
    assert sketch.warnings == ()
    assert [(x.tolist(), y.tolist()) for x, y in sketch.strokes] == [
        ([0, 255], [0, 0]),
        ([255, 255], [0, 255]),
    ]
