"""Stage 2: Parquet stroke tables, one partition per category."""

from collections import Counter

import dagster as dg

from qd_pipeline import catalog
from qd_pipeline.orchestration import automation, checks, recipes
from qd_pipeline.orchestration.assets.raw_drawings import NDJSON, raw_drawings
from qd_pipeline.orchestration.partitions import category_partitions
from qd_pipeline.orchestration.workshop import Workshop
from qd_pipeline.quickdraw.strokes import StrokeFacts, convert

TABLE = "table.parquet"
REJECTS = "rejects.ndjson"

_MOST_REJECTED = 0.1

_COLUMNS = dg.TableSchema(
    [
        dg.TableColumn("key_id", "uint64", "the drawing's identity"),
        dg.TableColumn("countrycode", "dictionary<string>", "where it was drawn, two letters"),
        dg.TableColumn("timestamp", "timestamp[us, UTC]", "when it was drawn"),
        dg.TableColumn("recognized", "bool", "whether the game guessed it"),
        dg.TableColumn("drawing", "list<struct<x, y: list<uint8>>>", "its strokes, 0-255"),
    ]
)


@dg.asset(
    partitions_def=category_partitions,
    deps=[raw_drawings],
    group_name="drawings",
    kinds={"parquet", "arrow"},
    owners=["team:drawings"],
    code_version=recipes.CODE_VERSIONS["strokes"],
    check_specs=checks.STROKES,
    automation_condition=automation.AFTER_PARENTS,
)
def strokes(context: dg.AssetExecutionContext, workshop: Workshop) -> dg.MaterializeResult:
    """A table of one category's valid drawings: strokes, country, time, recognised or not."""
    with workshop.stage(context) as stage:
        raw = workshop.store.read("raw_drawings", context.partition_key)
        facts = convert(
            raw.path(NDJSON),
            catalog.category_of(context.partition_key),
            stage.path(TABLE),
            stage.path(REJECTS),
            on_progress=stage.on_progress("bytes"),
        )
        lines, rejected = raw.facts["drawings"], facts.rejected
        return stage.publish(
            recipe=recipes.strokes(raw),
            facts=facts.to_json(),
            metrics=facts.metrics(),
            metadata=_metadata(facts),
            checks=[
                checks.result(
                    "every_line_counted",
                    f"{facts.drawings:,} drawings and {rejected:,} rejects of {lines:,} lines",
                    passed=facts.drawings + rejected == lines,
                ),
                checks.result(
                    "few_rejects",
                    f"{rejected:,} of {lines:,} lines rejected",
                    passed=rejected <= _MOST_REJECTED * lines,
                    reasons=dict(facts.reasons),
                ),
            ],
        )


def _metadata(facts: StrokeFacts) -> dict[str, object]:
    countries = dg.MetadataValue.table(
        records=[
            dg.TableRecord({"country": code, "drawings": count})
            for code, count in Counter(facts.countries).most_common(10)
        ]
    )
    return {
        "dagster/row_count": facts.drawings,
        "strokes": facts.strokes,
        "points": facts.points,
        "recognized": round(facts.recognized_share, 4),
        "countries": len(facts.countries),
        "most frequent countries": countries,
        "bytes per drawing": round(facts.table_bytes_per_drawing, 1),
        "rejected lines": facts.rejected,
        "dagster/column_schema": _COLUMNS,
    }
