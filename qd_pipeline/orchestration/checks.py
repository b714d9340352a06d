"""What each stage promises, as Dagster asset checks.

The names and descriptions are here; each asset evaluates its own on what it is about to
publish, so that a blocking check keeps bad data out of the store and not just out of sight.
"""

from typing import Any

import dagster as dg


def _spec(asset: str, name: str, description: str, *, blocking: bool = True) -> dg.AssetCheckSpec:
    return dg.AssetCheckSpec(name, asset=asset, description=description, blocking=blocking)


RAW_DRAWINGS = [_spec("raw_drawings", "has_drawings", "The file holds at least one line.")]

STROKES = [
    _spec("strokes", "every_line_counted", "Drawings and rejects add up to the lines read."),
    _spec("strokes", "few_rejects", "At most one line in ten was rejected.", blocking=False),
]

BITMAPS = [
    _spec("bitmaps", "rows_agree", "One bitmap for each row of the stroke table."),
    _spec("bitmaps", "shape_and_type", "The array is uint8 (n, 28, 28)."),
    _spec("bitmaps", "none_blank", "Every drawing left ink.", blocking=False),
]

CLASSIFIERS = [
    _spec("classifiers", "sides_disjoint", "No drawing is on two sides of the split."),
    _spec(
        "classifiers",
        "learned_something",
        "Accuracy on the drawings that it was trained on is above chance.",
        blocking=False,
    ),
]

EVALUATIONS = [
    _spec("evaluations", "every_test_drawing", "One prediction for each test drawing."),
    _spec(
        "evaluations",
        "above_chance",
        "The accuracy's 95 % interval lies above the largest category's share.",
        blocking=False,
    ),
    _spec(
        "evaluations",
        "not_worse_than_the_champion",
        "The 95 % interval of the paired difference excludes worse by more than the margin.",
        blocking=False,
    ),
]

_BLOCKING = {
    spec.name
    for specs in (RAW_DRAWINGS, STROKES, BITMAPS, CLASSIFIERS, EVALUATIONS)
    for spec in specs
    if spec.blocking
}


def result(name: str, description: str, *, passed: bool, **metadata: Any) -> dg.AssetCheckResult:
    """Give a check's outcome, with what was found in words and figures."""
    return dg.AssetCheckResult(
        check_name=name,
        passed=bool(passed),
        severity=(dg.AssetCheckSeverity.ERROR if name in _BLOCKING else dg.AssetCheckSeverity.WARN),
        description=description,
        metadata=metadata,
    )
