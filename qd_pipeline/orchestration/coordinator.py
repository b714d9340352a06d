"""The queue of runs, which refuses settings that are out of their range.

Dagster's config types know names and numbers, but no bounds. So whoever launches a run in the
pages is told of them here, as of other settings that are not valid, and the run is taken back.
Where Dagster's daemon launches runs (those of a schedule, or of many partitions at once) nobody
waits for an answer: there the step refuses them.
"""

from collections.abc import Mapping
from typing import Any, Final

import dagster as dg
from pydantic import ValidationError

from qd_pipeline.errors import BadSetting
from qd_pipeline.orchestration.assets.classifiers import ClassifierConfig
from qd_pipeline.orchestration.assets.comparisons import ComparisonConfig
from qd_pipeline.orchestration.assets.cross_validations import CrossValidationConfig
from qd_pipeline.orchestration.assets.data_studies import DataStudyConfig
from qd_pipeline.orchestration.assets.raw_drawings import RawDrawingsConfig
from qd_pipeline.orchestration.assets.searches import SearchConfig

CONFIGS: Final = {
    "raw_drawings": RawDrawingsConfig,
    "classifiers": ClassifierConfig,
    "cross_validations": CrossValidationConfig,
    "searches": SearchConfig,
    "data_studies": DataStudyConfig,
    "comparisons": ComparisonConfig,
}
"""What the settings of each asset are read as."""

_EVALUATED: Final = dg.DagsterEventType.ASSET_CHECK_EVALUATION


class BoundedRunCoordinator(dg.QueuedRunCoordinator):
    """Dagster's queue, but for settings out of their range (see `dagster.yaml`)."""

    def submit_run(self, context: dg.SubmitRunContext) -> dg.DagsterRun:
        """Queue a run.

        Raises:
            UserFacingGraphQLError: A request from the pages gives a setting that is out of its
                range; the run is taken back.
        """
        run = context.dagster_run
        if context.get_request_header("host") is not None:
            try:
                check(run.run_config)
            except BadSetting as error:
                take_back(context.workspace.instance, run)
                raise _refusal(run.job_name, str(error)) from None
        return super().submit_run(context)


def check(run_config: Mapping[str, Any]) -> None:
    """See that every setting of a run is in its range.

    What only the step can read (a value out of its environment, say) is left to it.

    Args:
        run_config: As Dagster has it, its types checked.

    Raises:
        BadSetting: One is not.
    """
    for name, given in run_config.get("ops", {}).items():
        if name in CONFIGS:
            try:
                config = CONFIGS[name](**given.get("config", {}))
            except ValidationError:
                continue
            config.check()


def take_back(instance: dg.DagsterInstance, run: dg.DagsterRun) -> None:
    """Delete a run that was not queued yet, and let the checks that it planned be as they were."""
    planned = instance.all_logs(
        run.run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION_PLANNED
    )
    instance.delete_run(run.run_id)
    for entry in planned:
        key = entry.get_dagster_event().asset_check_planned_data.asset_check_key
        # Its plan, which is not deleted with it, would stand before what was found last.
        history = instance.event_log_storage.get_asset_check_execution_history(key, limit=10)
        for record in history:
            if record.event and record.event.dagster_event_type is _EVALUATED:
                found = record.event.get_dagster_event().asset_check_evaluation_data
                instance.report_runless_asset_event(found)
                break


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
