"""Stage 1: NDJSON downloads, one partition per category."""

import dagster as dg
from pydantic import Field

from qd_pipeline import catalog
from qd_pipeline.errors import BadSetting
from qd_pipeline.orchestration import checks, recipes
from qd_pipeline.orchestration.partitions import SETTINGS, category_partitions
from qd_pipeline.orchestration.workshop import Workshop
from qd_pipeline.quickdraw.download import Fetched, check_wanted, fetch
from qd_pipeline.quickdraw.source import SAMPLE_DRAWINGS, Source
from qd_pipeline.store import Partition

NDJSON = "drawings.ndjson"

DEFAULT_DRAWINGS = 10_000
"""Drawings of a category that the notebook trained on, and that are taken by default."""


class RawDrawingsConfig(dg.Config):
    """What to download."""

    drawings: int | None = Field(
        default=SETTINGS.drawings if isinstance(SETTINGS.drawings, int) else None,
        description="Drawings wanted of each category, from the first: a whole number from 1. "
        "By default 10,000, or 600 of the synthetic sample.",
    )
    whole_files: bool = Field(
        default=SETTINGS.drawings == "all",
        description="Take whole files, and check them against the official sizes and MD5 sums.",
    )

    @classmethod
    def as_made(cls, partition: Partition) -> "RawDrawingsConfig":
        """Give the settings by which a partition of before was downloaded."""
        drawings = partition.recipe["settings"]["drawings"]
        whole = drawings == "all"
        return cls(drawings=None if whole else drawings, whole_files=whole)

    def check(self) -> None:
        """See that the number of drawings makes sense.

        Raises:
            BadSetting: It does not.
        """
        if not self.whole_files:
            check_wanted(self.drawings)

    def wanted(self, source: Source) -> int | None:
        """Give the number of drawings to ask the source for, None for all."""
        if self.whole_files:
            return None
        if self.drawings is not None:
            return self.drawings
        return SAMPLE_DRAWINGS if source.is_synthetic else DEFAULT_DRAWINGS


def see_same_source(made: Partition, source: Source) -> None:
    """See that drawings of one source do not take the place of another's unasked.

    Raises:
        BadSetting: A partition was downloaded from another source.
    """
    before = made.recipe["settings"]["source"]
    if before != source.name:
        raise BadSetting(
            f"raw_drawings {made.key}",
            f"was downloaded from {before!r}, and the source is {source.name!r} now",
            "set QD_SOURCE (or --source) to the one that you want",
        )


@dg.asset(
    partitions_def=category_partitions,
    group_name="drawings",
    kinds={"ndjson", "http"},
    owners=["team:drawings"],
    code_version=recipes.CODE_VERSIONS["raw_drawings"],
    check_specs=checks.RAW_DRAWINGS,
)
def raw_drawings(
    context: dg.AssetExecutionContext, config: RawDrawingsConfig, workshop: Workshop
) -> dg.MaterializeResult:
    """The drawings of one category as the dataset gives them: NDJSON, a line each."""
    with workshop.stage(context) as stage:
        source = workshop.source_for(config.drawings)
        wanted = config.wanted(source)
        fetched = fetch(
            source,
            catalog.category_of(context.partition_key),
            stage.path(NDJSON),
            workshop.partials / context.partition_key,
            drawings=wanted,
            limits=workshop.limits,
            on_progress=stage.on_progress("drawings" if wanted else "bytes"),
        )
        if wanted and fetched.drawings < wanted:
            context.log.warning(
                "The source has %d of the %d drawings asked for.", fetched.drawings, wanted
            )
        return stage.publish(
            recipe=recipes.raw_drawings(source, wanted),
            facts={"fetched": fetched.to_json(), "drawings": fetched.drawings},
            version=fetched.sha256,
            metrics={"drawings": fetched.drawings, "bytes": fetched.bytes},
            metadata=_metadata(fetched),
            checks=[_check(fetched)],
        )


def _metadata(fetched: Fetched) -> dict[str, object]:
    return {
        "dagster/row_count": fetched.drawings,
        "asked for": fetched.asked or "all",
        "megabytes": round(fetched.bytes / 1e6, 3),
        "whole file": fetched.complete,
        "url": fetched.url,
        "last modified": fetched.last_modified or "not said",
    }


def _check(fetched: Fetched) -> dg.AssetCheckResult:
    found = f"{fetched.drawings:,} lines"
    return checks.result("has_drawings", found, passed=fetched.drawings > 0)
