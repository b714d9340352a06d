"""What became of the partitions of a run, told to Dagster and MLflow."""

from __future__ import annotations

import csv
import io
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import dagster as dg

from qd_pipeline.class_sets import listed
from qd_pipeline.errors import QdError
from qd_pipeline.orchestration.context import BlockingCheckFailed
from qd_pipeline.orchestration.failures import FAILED
from qd_pipeline.orchestration.materialization import Materialized, severity
from qd_pipeline.orchestration.provenance import Provenance

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from qd_pipeline.orchestration.stage import Check, CheckResult, Stage
    from qd_pipeline.storage import Partition
    from qd_pipeline.tracking import TrackedRun

TABLE: Final = "partitions.csv"

_MOST_NAMED: Final = 10


@dataclass(frozen=True)
class Outcome:
    """What became of one partition of one stage.

    Attributes:
        stage: The stage.
        key: The partition key.
        made: What was published.
        kept: The partition that was up to date, where a failed run is tried again.
        error: Why it was not materialized.
    """

    stage: Stage
    key: str
    made: Materialized | None = None
    kept: Partition | None = None
    error: Exception | None = None

    @property
    def failed_checks(self) -> str:
        """What the checks found that failed."""
        failed = [each for each in self.checks if not each.passed]
        return "; ".join(f"{each.name}: {each.found}" for each in failed)

    @property
    def checks(self) -> Sequence[CheckResult]:
        """What its checks found."""
        if isinstance(self.error, BlockingCheckFailed):
            return self.error.results
        return self.made.result.checks if self.made else ()

    @property
    def sentence(self) -> str:
        """Why it was not materialized, in one sentence."""
        if isinstance(self.error, QdError):
            return str(self.error)
        # Its `repr` names no file.
        cause = str(self.error) if isinstance(self.error, OSError) else repr(self.error)
        return f"{self.stage.name} {self.key}: {cause}; see the run's page in Dagster's UI."


def evaluations(
    stages: Sequence[Stage], outcomes: Sequence[Outcome]
) -> Iterator[dg.AssetCheckEvaluation]:
    """Yield one evaluation a check, which names the partitions that have failed it.

    One for each partition would be two thirds of what Dagster has to store.
    """
    for stage in stages:
        for check in stage.checks:
            found = {
                outcome.key: result
                for outcome in outcomes
                if outcome.stage is stage
                for result in outcome.checks
                if result.name == check.name
            }
            if found:
                yield _evaluation(stage, check, found)


def _evaluation(
    stage: Stage, check: Check, found: Mapping[str, CheckResult]
) -> dg.AssetCheckEvaluation:
    failed = {key: result for key, result in found.items() if not result.passed}
    first = next(iter((failed or found).values()))
    told = first.found
    if len(found) > 1:
        named = listed([f"{key} ({result.found})" for key, result in failed.items()], _MOST_NAMED)
        passed = f"{len(found) - len(failed)} of {len(found)} partitions passed"
        told = f"{passed}; failed: {named}" if failed else passed
    return dg.AssetCheckEvaluation(
        asset_key=dg.AssetKey(stage.name),
        check_name=check.name,
        passed=not failed,
        severity=severity(stage, first),
        description=told,
        metadata=first.metadata if len(found) == 1 else {},
        blocking=check.blocking,
    )


def log_table(run: TrackedRun, outcomes: Sequence[Outcome]) -> None:
    """Log a table of the partitions to MLflow, and the sums of what was counted."""
    rows: list[dict[str, Any]] = []
    sums: dict[str, int] = defaultdict(int)
    for each in outcomes:
        row: dict[str, Any] = {"stage": each.stage.name, "partition": each.key, "failure": ""}
        if partition := each.made.partition if each.made else each.kept:
            row["data_version"] = partition.version
            sums[f"{each.stage.name}/partitions"] += 1
        if each.made:
            row |= each.made.result.metrics
            for name, value in each.made.result.metrics.items():
                if isinstance(value, int):
                    sums[f"{each.stage.name}/{name}"] += value
        elif each.error:
            row["failure"] = each.sentence
        rows.append(row)
    made = [each.made.partition for each in outcomes if each.made]
    provenance = Provenance.of_partitions(made)
    params = {
        name: value
        for partition in reversed(made)
        for name, value in partition.fingerprint["settings"].items()
    }
    run.log(params=params, metrics=sums, tags=provenance.tags() if provenance else {})
    written = io.StringIO()
    table = csv.DictWriter(written, dict.fromkeys(name for row in rows for name in row))
    table.writeheader()
    table.writerows(rows)
    run.log_content(written.getvalue().encode(), TABLE)


def tell_notes(outcomes: Sequence[Outcome], context: dg.AssetExecutionContext) -> None:
    """Log each note once, with the partitions that it is about."""
    keys: dict[str, list[str]] = defaultdict(list)
    for outcome in outcomes:
        for note in outcome.made.result.notes if outcome.made else ():
            keys[note].append(outcome.key)
    for note, about in keys.items():
        context.log.warning("%s (%s)", note, listed(about, _MOST_NAMED))


def raise_failures(outcomes: Sequence[Outcome]) -> None:
    """Fail the step where some partitions have failed.

    Raises:
        dagster.Failure: It names the first ones, and has all of them in its metadata.
    """
    failed = [outcome for outcome in outcomes if outcome.error]
    if not failed:
        return
    keys = {outcome.key for outcome in outcomes}
    sentences = [outcome.sentence for outcome in failed[:_MOST_NAMED]]
    if len(keys) > 1:
        sentences.insert(0, f"{len(failed)} of {len(keys)} categories failed.")
    raise dg.Failure(
        " ".join(sentences),
        metadata={
            FAILED: dg.MetadataValue.json(
                [[each.stage.name, each.key, each.sentence] for each in failed]
            )
        },
        allow_retries=False,
    ) from (failed[0].error if not isinstance(failed[0].error, QdError) else None)
