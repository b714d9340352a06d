"""Stage 1: NDJSON downloads, one partition per category."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Final

from pydantic import Field, PositiveInt

from qd_pipeline import catalog
from qd_pipeline.class_sets import ClassSets
from qd_pipeline.errors import BadSetting
from qd_pipeline.orchestration.context import MaterializationContext
from qd_pipeline.orchestration.partitions import By
from qd_pipeline.orchestration.resources import SourceResource
from qd_pipeline.orchestration.stage import Check, CheckResult, Result, Stage, StageConfig
from qd_pipeline.quickdraw.download import (
    SAMPLE_DRAWINGS,
    Fetched,
    Source,
    fetch,
    parse_source,
    source_version,
)
from qd_pipeline.settings import Settings
from qd_pipeline.storage import Partition

NDJSON: Final = "drawings.ndjson"
FILES: Final = "quickdraw_files"
"""Observable asset of the source's files, outside of the store."""

DEFAULT_DRAWINGS: Final = 10_000
"""Drawings of a category that the notebook trained on, and that are taken by default."""


class RawDrawingsConfig(StageConfig):
    """What to download."""

    drawings: PositiveInt = Field(
        default=DEFAULT_DRAWINGS, description="Drawings of each category, from the first."
    )
    whole_files: bool = Field(
        default=False,
        description="Take whole files, and check them against the official sizes and MD5 sums.",
    )

    @property
    def wanted(self) -> int | None:
        """Number of drawings to ask the source for, None for all."""
        return None if self.whole_files else self.drawings

    def effective(self, key: str, class_sets: ClassSets) -> Mapping[str, Any]:
        """Return the number of drawings."""
        del key, class_sets
        return {"drawings": self.wanted or "all"}


def materialize(context: MaterializationContext, config: RawDrawingsConfig) -> Result:
    """Download the drawings of one category as the dataset gives them: NDJSON, a line each."""
    resource, category = context.source, catalog.category_of(context.key)
    version = version_at_source(resource, context.key, config)
    fetched = fetch(
        resource.source(config.drawings),
        category,
        context.path(NDJSON),
        resource.partial_download(context.key),
        drawings=config.wanted,
        limits=resource.download_limits,
        on_progress=context.on_progress("drawings" if config.wanted else "bytes"),
    )
    notes = []
    if config.wanted and fetched.drawings < config.wanted:
        notes = [f"The source has {fetched.drawings} of the {config.wanted} drawings asked for."]
    return Result(
        metadata={"fetched": asdict(fetched), "drawings": fetched.drawings},
        metrics={"drawings": fetched.drawings, "bytes": fetched.bytes},
        shown=_shown(fetched),
        checks=[
            CheckResult("has_drawings", fetched.drawings > 0, f"{fetched.drawings:,} lines"),
        ],
        version=fetched.sha256,
        external=version,
        notes=notes,
    )


def version_at_source(resource: SourceResource, key: str, config: StageConfig) -> str:
    """Return the version of a category's file at the source, without downloading it.

    Raises:
        SourceFailed: The source does not answer.
    """
    drawings = config.drawings if isinstance(config, RawDrawingsConfig) else None
    source = resource.source(drawings)
    version = source_version(source, catalog.category_of(key), resource.download_limits)
    return f"{source.name} {version}"


def require_same_source(made: Partition, source: Source) -> None:
    """Refuse to let drawings of one source take the place of another's unasked.

    Raises:
        BadSetting: The partition was downloaded from another source.
    """
    before = made.metadata.get("fetched", {}).get("source", source.name)
    if before != source.name:
        raise BadSetting(
            f"raw_drawings {made.key}",
            f"was downloaded from {before!r}, and the source is {source.name!r} now",
            "set QD_SOURCE (or --source) to the one that you want",
        )


def _declared(settings: Settings) -> Mapping[str, Any]:
    synthetic = parse_source(settings.source).is_synthetic
    default = SAMPLE_DRAWINGS if synthetic else DEFAULT_DRAWINGS
    drawings = settings.drawings if isinstance(settings.drawings, int) else default
    return {"drawings": drawings, "whole_files": settings.drawings == "all"}


def _shown(fetched: Fetched) -> dict[str, object]:
    return {
        "dagster/row_count": fetched.drawings,
        "asked for": fetched.requested or "all",
        "megabytes": round(fetched.bytes / 1e6, 3),
        "whole file": fetched.complete,
        "url": fetched.url,
        "last modified": fetched.last_modified or "not given",
    }


RAW_DRAWINGS: Final = Stage(
    name="raw_drawings",
    description="The drawings of one category as the dataset gives them: NDJSON, a line each.",
    by=By.CATEGORY,
    code_version="2",
    materialize=materialize,
    external=FILES,
    config=RawDrawingsConfig,
    declared=_declared,
    checks=(Check("has_drawings", "The file holds at least one line."),),
    group="drawings",
    kinds=frozenset({"ndjson", "http"}),
)
