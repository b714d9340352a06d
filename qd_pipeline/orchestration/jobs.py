"""The jobs: one per kind of partition, and one that asks the source.

A Dagster run covers partitions of one kind only, so what is partitioned by category and what is
partitioned by class set cannot share a job.
"""

from collections.abc import Sequence
from typing import Any, Final

import dagster as dg

from qd_pipeline.orchestration.engine import training_tags
from qd_pipeline.orchestration.partitions import By
from qd_pipeline.orchestration.pipeline import Pipeline
from qd_pipeline.orchestration.stage import Stage
from qd_pipeline.orchestration.stages.raw_drawings import FILES

CATEGORIES: Final = "categories"
CLASS_SETS: Final = "classifiers_and_evaluations"
OBSERVE_SOURCE: Final = "observe_source"

IMPLICIT: Final = "__ASSET_JOB"
"""Dagster's own job of all assets."""

_SECONDS_TO_RETRY: Final = 60

JOB_OF: Final = {By.CATEGORY: CATEGORIES, By.CLASS_SET: CLASS_SETS}


def job_name(stage: Stage) -> str:
    """Return the name of the job that materializes a stage."""
    # Studies have no job of their own: all of them at once are never wanted.
    return IMPLICIT if stage.on_request else JOB_OF[stage.by]


def jobs_of(pipeline: Pipeline) -> Sequence[Any]:
    """Return the jobs of a pipeline, in a type that Dagster does not export."""
    return [
        dg.define_asset_job(
            CATEGORIES,
            selection=_chain(pipeline, By.CATEGORY),
            description="Download, parse and draw categories.",
        ),
        dg.define_asset_job(
            CLASS_SETS,
            selection=_chain(pipeline, By.CLASS_SET),
            description="Train and evaluate one class set on the categories in the store.",
            tags=training_tags(pipeline.settings),
        ),
        dg.define_asset_job(
            OBSERVE_SOURCE,
            selection=dg.AssetSelection.assets(FILES),
            description="Ask the source which of the downloaded files have changed.",
            # A server that was away for a moment should not cost a week.
            op_retry_policy=dg.RetryPolicy(max_retries=2, delay=_SECONDS_TO_RETRY),
        ),
    ]


def _chain(pipeline: Pipeline, by: By) -> dg.AssetSelection:
    return dg.AssetSelection.assets(*(stage.name for stage in pipeline.chain(by)))
