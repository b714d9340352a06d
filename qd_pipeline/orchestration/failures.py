"""Notification of failed runs: a log in the data directory, and a webhook."""

import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import dagster as dg
import urllib3

from qd_pipeline.orchestration.origin import is_of_command
from qd_pipeline.orchestration.partitions import FIRST, LAST, PARTITION
from qd_pipeline.settings import Settings

LOG: Final = "failures.log"

FAILED: Final = "failed"
"""Metadata of a step's failure: asset, partition key and sentence of each partition (JSON)."""

_MOST_NOTIFIED: Final = 20
_SECONDS: Final = 10.0


@dataclass(frozen=True)
class Failed:
    """Something that failed.

    Attributes:
        asset: What was to be made.
        partition: Its partition key.
        sentence: Culprit, cause and remedy.
        run: The Dagster run, empty where there is none.
    """

    asset: str
    partition: str
    sentence: str
    run: str = ""

    def __str__(self) -> str:
        run = f" (Dagster run {self.run})" if self.run else ""
        return f"{self.asset} {self.partition} failed: {self.sentence}{run}"


def notify(failed: Failed, settings: Settings) -> str | None:
    """Write a line to `logs/failures.log` of the data directory, and post it to the webhook.

    The webhook gets a POST of JSON: `text`, the line, for chats; and `asset`, `partition`,
    `sentence` and `run`. It gets ten seconds and is not tried again.

    Returns:
        Why the webhook was not reached; None where it was, or there is none.
    """
    line = log(failed, settings)
    if settings.webhook_url is None:
        return None
    try:
        answer = urllib3.request(
            "POST",
            settings.webhook_url,
            body=json.dumps({"text": line, **asdict(failed)}).encode(),
            headers={"Content-Type": "application/json"},
            timeout=_SECONDS,
            retries=False,
            redirect=False,
        )
    except urllib3.exceptions.HTTPError as error:
        # Its text would name the address, which may be a secret.
        return f"the webhook did not answer ({type(error).__name__})"
    good = 200 <= answer.status < 300  # noqa: PLR2004 (HTTP's range of success)
    return None if good else f"the webhook answered {answer.status}"


def log(failed: Failed, settings: Settings) -> str:
    """Write a line to `logs/failures.log` of the data directory, and return what it says."""
    line = " ".join(str(failed).split())
    folder = settings.home / "logs"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / LOG).open("a", encoding="utf-8") as file:
        file.write(f"{time.strftime('%Y-%m-%dT%H:%M:%S%z')} {line}\n")
    return line


def failure_sensor_of(settings: Settings) -> dg.SensorDefinition:
    """Return the sensor that notifies of each failed step of the runs that Dagster has launched."""

    @dg.run_failure_sensor(
        name="report_failures",
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Write a line for each failed step to logs/failures.log, and post it to the "
        "webhook.",
    )
    def report_failures(context: dg.RunFailureSensorContext) -> None:
        run = context.dagster_run
        if is_of_command(run):
            return
        ends = [run.tags[tag] for tag in (PARTITION, FIRST, LAST) if tag in run.tags]
        partition = " to ".join(ends)
        steps = context.get_step_failure_events()
        failures = [each for event in steps for each in failures_of(event, run, partition)] or [
            killed(run, partition, context.failure_event.message or "it failed")
        ]
        told = failures[:_MOST_NOTIFIED]
        if more := len(failures) - len(told):
            told.append(Failed(f"{more} more partitions", "", "see the run's page.", run.run_id))
        for failed in told:
            missed = notify(failed, settings)
            if missed:
                context.log.warning(missed)

    return report_failures


def failures_of(event: dg.DagsterEvent, run: dg.DagsterRun, partition: str) -> Sequence[Failed]:
    """Return what failed in a step, each partition of several by itself.

    Args:
        event: The step's failure.
        run: Its run.
        partition: What the run was to materialize.
    """
    told = event.step_failure_data.user_failure_data
    if told and FAILED in told.metadata:
        found: Any = told.metadata[FAILED].value
        return [Failed(asset, key, sentence, run.run_id) for asset, key, sentence in found]
    return [Failed(event.step_key or run.job_name, partition, _sentence(event), run.run_id)]


def killed(run: dg.DagsterRun, partition: str, cause: str) -> Failed:
    """Describe a run that failed outside of its steps: its process was killed or never started.

    Args:
        run: The run.
        partition: What it was to materialize.
        cause: Why it failed, as Dagster says.
    """
    assets = sorted(key.path[-1] for key in run.asset_selection or ())
    commands = [f"`qd make {asset} {partition}`" for asset in assets if FIRST not in run.tags]
    sentence = (
        f"{cause.rstrip('.')}: materialize again with {' and '.join(commands) or '`qd run`'}."
    )
    return Failed(" and ".join(assets) or run.job_name, partition, sentence, run.run_id)


def _sentence(event: dg.DagsterEvent) -> str:
    failure = event.step_failure_data
    if failure.user_failure_data and failure.user_failure_data.description:
        return failure.user_failure_data.description
    if failure.error:
        error = failure.error.cause or failure.error
        return f"{error.message.strip()}; see the run's page in Dagster's UI."
    return event.message or "see the run's page in Dagster's UI."
