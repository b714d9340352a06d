"""The queue of runs, which refuses settings that are out of their range.

Dagster's config types know names and numbers, but no bounds. So whoever launches a run in the
pages is told of them here, as of other settings that are not valid, and no run is made. What a
schedule or a backfill launches is refused by its step: there is nobody to be told.
"""

from collections.abc import Mapping
from typing import Any

import dagster as dg

from qd_pipeline.errors import BadSetting


class BoundedRunCoordinator(dg.QueuedRunCoordinator):
    """Dagster's queue, but for settings out of their range (see `dagster.yaml`)."""

    def submit_run(self, context: dg.SubmitRunContext) -> dg.DagsterRun:
        """Queue a run.

        Raises:
            UserFacingGraphQLError: A request from the pages gives a setting that is out of its
                range; the run is deleted.
        """
        run = context.dagster_run
        if context.get_request_header("host") is not None:
            try:
                check(run.run_config)
            except BadSetting as error:
                context.workspace.instance.delete_run(run.run_id)
                raise _refusal(run.job_name, str(error)) from None
        return super().submit_run(context)


def check(run_config: Mapping[str, Any]) -> None:
    """See that every setting of a run is in its range.

    Args:
        run_config: As Dagster has it, its types checked.

    Raises:
        BadSetting: One is not.
    """
    # The queue is made with every instance, and the assets want to know the partitions.
    from qd_pipeline.orchestration.assets import (  # noqa: PLC0415
        classifiers,
        comparisons,
        cross_validations,
        data_studies,
        raw_drawings,
        searches,
    )

    configs = {
        "raw_drawings": raw_drawings.RawDrawingsConfig,
        "classifiers": classifiers.ClassifierConfig,
        "cross_validations": cross_validations.CrossValidationConfig,
        "searches": searches.SearchConfig,
        "data_studies": data_studies.DataStudyConfig,
        "comparisons": comparisons.ComparisonConfig,
    }
    for name, given in run_config.get("ops", {}).items():
        if name in configs:
            configs[name](**given.get("config", {})).check()


def _refusal(job: str, sentence: str) -> Exception:
    """Give what Dagster's pages show like settings that its own types refuse."""
    from dagster_graphql.implementation.utils import UserFacingGraphQLError  # noqa: PLC0415
    from dagster_graphql.schema.pipelines.config import (  # noqa: PLC0415
        GrapheneRunConfigValidationInvalid,
        GrapheneRuntimeMismatchConfigError,
    )

    error = GrapheneRuntimeMismatchConfigError(
        message=sentence, path=[], reason="RUNTIME_TYPE_MISMATCH"
    )
    return UserFacingGraphQLError(
        GrapheneRunConfigValidationInvalid(pipeline_name=job, errors=[error])
    )
