"""The embedded sample is deterministic, and in exactly the dataset's format."""

import json
import re
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from qd_pipeline.errors import BadSetting
from qd_pipeline.quickdraw.sample import ANIMALS, VERSION, ndjson_lines
from qd_pipeline.quickdraw.sketches.simplify import ramer_douglas_peucker

COUNT = 200


@cache
def lines_of(animal: str) -> list[bytes]:
    return list(ndjson_lines(animal, COUNT, seed=0))


@cache
def drawings_of(animal: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in lines_of(animal)]


def all_drawings() -> list[dict[str, Any]]:
    return [drawing for animal in ANIMALS for drawing in drawings_of(animal)]


OFFICIAL_LINE = re.compile(
    rb'\{"word":"[a-z]+","countrycode":"[A-Z]{2}",'
    rb'"timestamp":"2017-0[1-4]-\d\d \d\d:\d\d:\d\d\.\d{1,5} UTC",'
    rb'"recognized":(true|false),"key_id":"\d{16}",'
    rb'"drawing":\[\[\[\d+(,\d+)*\],\[\d+(,\d+)*\]\](,\[\[\d+(,\d+)*\],\[\d+(,\d+)*\]\])*\]\}\n'
)


def _values(part: str) -> Counter[str]:
    return Counter(str(drawing[part]) for drawing in all_drawings())


def test_it_holds_the_notebooks_eight_animals_in_the_notebooks_order() -> None:
    assert ANIMALS == ("cow", "panda", "frog", "rabbit", "elephant", "duck", "camel", "shark")
    assert isinstance(VERSION, int)


@pytest.mark.parametrize("animal", ANIMALS)
def test_lines_are_written_as_the_dataset_writes_them(animal: str) -> None:
    for line in lines_of(animal):
        assert OFFICIAL_LINE.fullmatch(line), line
    assert {drawing["word"] for drawing in drawings_of(animal)} == {animal}


def test_real_lines_pass_for_ours_and_have_the_same_fields(real_drawings: Path) -> None:
    for animal in ANIMALS:
        with (real_drawings / "full" / "simplified" / f"{animal}.ndjson").open("rb") as file:
            for line in file:
                assert OFFICIAL_LINE.fullmatch(line), line
                real = json.loads(line)
                ours = drawings_of(animal)[0]
                assert list(real) == list(ours)
                assert [type(value) for value in real.values()] == [
                    type(value) for value in ours.values()
                ]


def test_drawings_have_about_as_many_strokes_and_points_as_real_ones(real_drawings: Path) -> None:
    for animal in ANIMALS:
        path = real_drawings / "full" / "simplified" / f"{animal}.ndjson"
        real = [json.loads(line) for line in path.read_bytes().splitlines()]
        for measure in (_strokes, _points):
            ratio = np.mean([*map(measure, drawings_of(animal))]) / np.mean([*map(measure, real)])
            assert 0.5 < ratio < 2


def _strokes(drawing: dict[str, Any]) -> int:
    return len(drawing["drawing"])


def _points(drawing: dict[str, Any]) -> int:
    return sum(len(xs) for xs, _ in drawing["drawing"])


def test_drawings_are_aligned_to_the_top_left_and_scaled_to_255() -> None:
    """What sticks out by less than 2 pixels is simplified away, in the dataset too."""
    exact = 0
    for drawing in all_drawings():
        xs = [x for stroke in drawing["drawing"] for x in stroke[0]]
        ys = [y for stroke in drawing["drawing"] for y in stroke[1]]
        assert min(xs) <= 2
        assert min(ys) <= 2
        assert 253 <= max(xs + ys) <= 255
        exact += (min(xs), min(ys), max(xs + ys)) == (0, 0, 255)
    assert 0.5 < exact / len(all_drawings()) < 0.95


def test_no_stroke_is_empty_and_x_and_y_are_equally_many() -> None:
    for drawing in all_drawings():
        assert drawing["drawing"]
        for xs, ys in drawing["drawing"]:
            assert len(xs) == len(ys) >= 2


def test_hardly_a_point_could_be_simplified_away() -> None:
    points = left = 0
    for drawing in all_drawings():
        for stroke in drawing["drawing"]:
            polyline = np.array(stroke, np.float64).T
            points += len(polyline)
            left += len(ramer_douglas_peucker(polyline, 2.0))
    assert left / points > 0.95


def test_some_strokes_are_single_dots() -> None:
    dots = [
        drawing
        for drawing in all_drawings()
        if any(len(set(zip(*stroke, strict=True))) == 1 for stroke in drawing["drawing"])
    ]
    assert 0.05 < len(dots) / len(all_drawings()) < 0.6


def test_about_a_twelfth_is_not_recognized() -> None:
    for drawings in map(drawings_of, ANIMALS):
        assert 0.03 < np.mean([not drawing["recognized"] for drawing in drawings]) < 0.14
    assert 0.06 < np.mean([not drawing["recognized"] for drawing in all_drawings()]) < 0.11


def test_countries_are_many_and_the_largest_is_as_frequent_as_in_the_dataset() -> None:
    countries = _values("countrycode")
    assert len(countries) > 50
    assert countries.most_common(2)[0][0] == "US"
    assert 0.38 < countries["US"] / len(all_drawings()) < 0.5


def test_keys_are_unique_over_categories_and_seeds() -> None:
    keys = [int(drawing["key_id"]) for drawing in all_drawings()]
    for seed in (1, 2, 2**24 - 1):
        for animal in ANIMALS:
            keys += [int(json.loads(line)["key_id"]) for line in ndjson_lines(animal, 50, seed)]
    assert len(set(keys)) == len(keys)
    assert min(keys) >= 2**52
    assert max(keys) < 2**52 + 2**51


def test_the_same_seed_yields_the_same_bytes() -> None:
    assert list(ndjson_lines("camel", COUNT, seed=0)) == lines_of("camel")


def test_another_seed_yields_other_drawings() -> None:
    others = [json.loads(line) for line in ndjson_lines("camel", COUNT, seed=1)]
    for ours, other in zip(drawings_of("camel"), others, strict=True):
        assert ours["drawing"] != other["drawing"]
        assert ours["key_id"] != other["key_id"]


def test_asking_for_more_extends() -> None:
    assert list(ndjson_lines("duck", 30, seed=0)) == lines_of("duck")[:30]
    assert list(ndjson_lines("duck", 0, seed=0)) == []


def test_no_two_drawings_are_alike() -> None:
    drawings = [json.dumps(drawing["drawing"]) for drawing in all_drawings()]
    assert len(set(drawings)) == len(drawings)


def test_an_unknown_category_is_told_which_there_are() -> None:
    with pytest.raises(BadSetting) as caught:
        ndjson_lines("unicorn", 1, seed=0)
    assert "unicorn" in caught.value.culprit
    for animal in ANIMALS:
        assert animal in caught.value.remedy


@pytest.mark.parametrize("numbers", [(-1, 0), (1, -1)])
def test_negative_numbers_are_refused(numbers: tuple[int, int]) -> None:
    with pytest.raises(BadSetting, match="-1"):
        ndjson_lines("cow", *numbers)
