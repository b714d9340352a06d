"""Stage 2: Parquet stroke tables, one partition per category."""

from collections import Counter
from typing import TYPE_CHECKING, Final

import dagster as dg

from qd_pipeline import catalog
from qd_pipeline.orchestration.context import MaterializationContext
from qd_pipeline.orchestration.partitions import By
from qd_pipeline.orchestration.stage import Check, CheckResult, Input, Result, Stage, StageConfig
from qd_pipeline.orchestration.stages.raw_drawings import NDJSON

if TYPE_CHECKING:
    from qd_pipeline.quickdraw.stroke_metadata import StrokeMetadata

TABLE: Final = "table.parquet"
REJECTS: Final = "rejects.ndjson"

_MOST_REJECTED: Final = 0.1

_COLUMNS: Final = dg.TableSchema(
    [
        dg.TableColumn("key_id", "uint64", "the drawing's identity"),
        dg.TableColumn("countrycode", "dictionary<string>", "where it was drawn, two letters"),
        dg.TableColumn("timestamp", "timestamp[us, UTC]", "when it was drawn"),
        dg.TableColumn("recognized", "bool", "whether the game guessed it"),
        dg.TableColumn("drawing", "list<struct<x, y: list<uint8>>>", "its strokes, 0-255"),
    ]
)


def materialize(context: MaterializationContext, _config: StageConfig) -> Result:
    """Convert one category's NDJSON to a stroke table, with the rejected lines beside it."""
    # Its kernels import numba, a second that `qd status` should not wait.
    from qd_pipeline.quickdraw.strokes import convert  # noqa: PLC0415

    raw = context.input("raw_drawings")
    facts = convert(
        context.open(raw, NDJSON),
        catalog.category_of(context.key),
        context.path(TABLE),
        context.path(REJECTS),
        on_progress=context.on_progress("bytes"),
    )
    return Result(
        metadata=facts.to_json(),
        metrics=facts.metrics(),
        shown=_shown(facts),
        checks=_checks(facts, lines=raw.metadata["drawings"]),
    )


def _checks(facts: "StrokeMetadata", lines: int) -> list[CheckResult]:
    rejected = facts.rejected
    return [
        CheckResult(
            "every_line_counted",
            facts.drawings + rejected == lines,
            f"{facts.drawings:,} drawings and {rejected:,} rejects of {lines:,} lines",
        ),
        CheckResult(
            "few_rejects",
            rejected <= _MOST_REJECTED * lines,
            f"{rejected:,} of {lines:,} lines rejected",
            {"reasons": dict(facts.reasons)},
        ),
    ]


def _shown(facts: "StrokeMetadata") -> dict[str, object]:
    frequent = Counter(facts.countries).most_common(10)
    return {
        "dagster/row_count": facts.drawings,
        "strokes": facts.strokes,
        "points": facts.points,
        "recognized": round(facts.recognized_share, 4),
        "countries": len(facts.countries),
        "most frequent countries": ", ".join(f"{code} {count:,}" for code, count in frequent),
        "bytes per drawing": round(facts.table_bytes_per_drawing, 1),
        "rejected lines": facts.rejected,
    }


STROKES: Final = Stage(
    name="strokes",
    description="A table of one category's valid drawings: strokes, country, time, recognised "
    "or not.",
    by=By.CATEGORY,
    code_version="1",
    materialize=materialize,
    inputs=(Input("raw_drawings"),),
    checks=(
        Check("every_line_counted", "Drawings and rejects add up to the lines read."),
        Check("few_rejects", "At most one line in ten was rejected.", blocking=False),
    ),
    group="drawings",
    kinds=frozenset({"parquet", "arrow"}),
    metadata={"dagster/column_schema": _COLUMNS},
)
