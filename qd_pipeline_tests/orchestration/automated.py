"""What Dagster's daemon does by itself, step by step in the tests' own process."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import dagster as dg

from qd_pipeline.orchestration.automation import AUTOMATED_TAGS
from qd_pipeline.orchestration.failures import failure_sensor_of
from qd_pipeline.orchestration.jobs import JOB_OF, OBSERVE_SOURCE
from qd_pipeline.orchestration.runner import PipelineRunner
from qd_pipeline.settings import Settings


def tick(made: PipelineRunner, name: str = "weekly") -> Sequence[Any]:
    """Evaluate a tick of a schedule; return the runs that it requests."""
    # Without `with` Dagster would look for the state of later definitions in this instance.
    with dg.build_schedule_context(
        instance=made.instance,
        repository_def=made.definitions.get_repository_def(),
        scheduled_execution_time=datetime.now(UTC),
    ) as context:
        found = made.definitions.resolve_schedule_def(name).evaluate_tick(context)
        return list(found.run_requests or ())


def observe(made: PipelineRunner) -> dg.ExecuteInProcessResult:
    """Execute the run that a schedule requests."""
    return made.definitions.resolve_job_def(OBSERVE_SOURCE).execute_in_process(
        instance=made.instance, tags=AUTOMATED_TAGS, raise_on_error=False
    )


def report_failure(
    settings: Settings,
    instance: dg.DagsterInstance,
    run: dg.DagsterRun,
    event: dg.DagsterEvent | None,
) -> None:
    """Evaluate the failure sensor for a run that has failed."""
    assert event is not None
    context = dg.build_run_status_sensor_context(
        sensor_name="report_failures",
        dagster_instance=instance,
        dagster_run=run,
        dagster_event=event,
    ).for_run_failure()
    failure_sensor_of(settings)(context)


class Automation:
    """The sensor that follows observations, tick by tick.

    Args:
        made: The pipeline.

    Attributes:
        skipped: Why the last tick requested nothing.
    """

    def __init__(self, made: PipelineRunner) -> None:
        self.made = made
        self.skipped: str | None = None
        self._cursor: str | None = None

    def requests(self) -> Sequence[Any]:
        """Evaluate a tick; return the runs that it requests."""
        sensor = self.made.definitions.resolve_sensor_def("keep_up_to_date")
        store = (self.made.definitions.resources or {})["partition_store"]
        with dg.build_sensor_context(
            instance=self.made.instance,
            cursor=self._cursor,
            resources={"partition_store": store},
            repository_def=self.made.definitions.get_repository_def(),
        ) as context:
            found = sensor.evaluate_tick(context)
        self._cursor, self.skipped = found.cursor, found.skip_message
        return list(found.run_requests or ())

    def follow(self) -> Iterator[tuple[list[str], list[str]]]:
        """Execute what is requested until nothing is; yield each run's partitions and stages."""
        while requests := self.requests():
            for request in requests:
                result = self.made.definitions.resolve_job_def(request.job_name).execute_in_process(
                    instance=self.made.instance,
                    run_config=request.run_config,
                    asset_selection=request.asset_selection,
                    tags=request.tags,
                )
                assert result.success
                stages = [key.path[-1] for key in request.asset_selection]
                yield keys_of(self.made, request), stages


def keys_of(made: PipelineRunner, request: dg.RunRequest) -> list[str]:
    """Return the partitions that a requested run is to materialize."""
    return [key for by in JOB_OF for key in made.pipeline.partitions.of_run(by, request.tags)]
