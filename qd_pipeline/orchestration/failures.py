"""Telling people of runs that failed while nobody was looking."""

import json
import time
from dataclasses import asdict, dataclass
from typing import Final

import dagster as dg
import urllib3

from qd_pipeline.settings import Settings

LOG: Final = "failures.log"

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


def announce(failed: Failed, settings: Settings) -> str | None:
    """Write a line to `logs/failures.log` of the home, and tell the webhook if there is one.

    The webhook gets a POST of JSON: `text`, the line, for chats; and `asset`, `partition`,
    `sentence` and `run`. It gets ten seconds and is not tried again.

    Returns:
        Why the webhook was not reached; None where it was, or there is none.
    """
    line = " ".join(str(failed).split())
    folder = settings.home / "logs"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / LOG).open("a", encoding="utf-8") as log:
        log.write(f"{time.strftime('%Y-%m-%dT%H:%M:%S%z')} {line}\n")
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


@dg.run_failure_sensor(
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Write a line for each failed step to logs/failures.log, and tell the webhook.",
)
def report_failures(context: dg.RunFailureSensorContext) -> None:
    """Tell of a run that failed."""
    run = context.dagster_run
    partition = run.tags.get("dagster/partition", "")
    steps = context.get_step_failure_events()
    failures = [
        Failed(event.step_key or run.job_name, partition, _sentence(event), run.run_id)
        for event in steps
    ] or [_killed(run, partition, context.failure_event.message or "it failed")]
    for failed in failures:
        missed = announce(failed, Settings.from_environment())
        if missed:
            context.log.warning(missed)


def _killed(run: dg.DagsterRun, partition: str, cause: str) -> Failed:
    """Tell of a run that failed outside of its steps: its process was killed, or never came."""
    assets = sorted(key.path[-1] for key in run.asset_selection or ())
    commands = [f"`qd make {asset} {partition}`" for asset in assets] or ["`qd run`"]
    sentence = f"{cause.rstrip('.')}: make it again with {' and '.join(commands)}."
    return Failed(" and ".join(assets) or run.job_name, partition, sentence, run.run_id)


def _sentence(event: dg.DagsterEvent) -> str:
    failure = event.step_failure_data
    if failure.user_failure_data and failure.user_failure_data.description:
        return failure.user_failure_data.description
    if failure.error:
        error = failure.error.cause or failure.error
        return f"{error.message.strip()}; see the run's page in Dagster's UI."
    return event.message or "see the run's page in Dagster's UI."
