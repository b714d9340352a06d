"""The stages of categories: one step takes each of its partitions through all of them.

A Dagster run costs a second and a partition's work some milliseconds, so a run covers many
partitions. Each is materialized, checked and reported by itself: one that fails loses its own
later stages, and the run fails once all others are done.
"""

from __future__ import annotations

import traceback
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import dagster as dg

from qd_pipeline.errors import QdError
from qd_pipeline.orchestration import recovery, sigint, threads
from qd_pipeline.orchestration.instance import held_open
from qd_pipeline.orchestration.materialization import (
    materialize_partition,
    repeats,
    take_ownership,
    tell_of_waiting,
)
from qd_pipeline.orchestration.outcomes import (
    Outcome,
    evaluations,
    log_table,
    raise_failures,
    tell_notes,
)
from qd_pipeline.orchestration.partitions import By, keys_of
from qd_pipeline.orchestration.progress import started
from qd_pipeline.orchestration.stage import DATA_STAGES
from qd_pipeline.orchestration.stages.raw_drawings import version_at_source
from qd_pipeline.orchestration.staleness import Staleness
from qd_pipeline.quickdraw.threads import core_count

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from qd_pipeline.orchestration.pipeline import Pipeline
    from qd_pipeline.orchestration.stage import Stage, StageConfig
    from qd_pipeline.storage import Partition
    from qd_pipeline.tracking import TrackedRun, Tracker

Event = dg.AssetMaterialization | dg.AssetCheckEvaluation


def materialize_all(pipeline: Pipeline, context: dg.AssetExecutionContext) -> Iterator[Event]:
    """Materialize the partitions of a step, each through the selected stages in order.

    Raises:
        dagster.Failure: Some have failed, or none could be begun.
    """
    try:
        yield from _materialize_all(_Step.of(pipeline, context))
    except QdError as error:
        raise dg.Failure(str(error), allow_retries=False) from None


def _materialize_all(step: _Step) -> Iterator[Event]:
    outcomes = []
    take_ownership(step.pipeline, step.context)
    with sigint.redelivered(), held_open(), step.run() as run:
        found = threads.flat_map(
            lambda key: step.outcomes(key, run),
            step.keys,
            core_count(),
            begin=started.get() or (lambda _: None),
            missed=step.report_missed,
        )
        with closing(found):
            for outcome in found:
                outcomes.append(outcome)
                yield from step.events(outcome)
        outcomes.sort(key=lambda outcome: step.keys.index(outcome.key))
        yield from evaluations(step.stages, outcomes)
        log_table(run, outcomes)
        tell_notes(outcomes, step.context)
        tell_of_waiting(run, step.context)
        raise_failures(outcomes)


@dataclass
class _Step:
    pipeline: Pipeline
    context: dg.AssetExecutionContext
    stages: Sequence[Stage]
    keys: Sequence[str]
    configs: Mapping[str, StageConfig]
    staleness: Staleness | None
    before: int

    @classmethod
    def of(cls, pipeline: Pipeline, context: dg.AssetExecutionContext) -> _Step:
        selected = {key.path[-1] for key in context.selected_asset_keys}
        stages = [stage for stage in pipeline.chain(By.CATEGORY) if stage.name in selected]
        keys, given = keys_of(context), context.op_execution_context.op_config
        configs = {each.name: pipeline.config(each, **given.get(each.name, {})) for each in stages}
        for config in configs.values():
            config.effective(keys[0], pipeline.class_sets)
        staleness = None
        if repeats(context):
            store, source = context.resources.partition_store.store, context.resources.source
            staleness = Staleness(
                pipeline, store.snapshot(), configs, partial(version_at_source, source)
            )
        return cls(pipeline, context, stages, keys, configs, staleness, _last_event(context))

    def run(self) -> Any:
        """Open the MLflow run of the step."""
        from qd_pipeline import tracking  # noqa: PLC0415 (MLflow takes seconds to import)

        tracker: Tracker = self.context.resources.mlflow.tracker
        first, repeated = self.context.run.run_id, repeats(self.context)
        several = len(self.keys) > 1
        partition = f"{self.keys[0]} to {self.keys[-1]}" if several else self.keys[0]
        shown = f"{len(self.keys)} categories" if several else partition
        return tracker.run(
            tracking.DATA,
            tracking.Identity(repeated or first, DATA_STAGES, partition),
            name=f"{', '.join(stage.name for stage in self.stages)} {shown}",
            tags={
                "dagster_run_id": first,
                "code_version": ", ".join(
                    f"{each.name} {each.code_version}" for each in self.stages
                ),
            },
            may_exist=repeated is not None,
        )

    def outcomes(self, key: str, run: TrackedRun) -> Iterator[Outcome]:
        """Take one partition through its stages, up to one that fails."""
        for stage in self.stages:
            outcome = self._outcome(stage, key, run)
            yield outcome
            if outcome.error is not None:
                return

    def _outcome(self, stage: Stage, key: str, run: TrackedRun) -> Outcome:
        config = self.configs[stage.name]
        try:
            if self.staleness and self.staleness.reason(stage, key) is None:
                return Outcome(stage, key, kept=self.staleness.store.read(stage.name, key))
            made = materialize_partition(stage, key, config, self.pipeline, self.context, run)
        except Exception as error:  # noqa: BLE001 (it must not keep others from being made)
            return Outcome(stage, key, error=error)
        return Outcome(stage, key, made=made)

    def events(self, outcome: Outcome) -> Iterator[Event]:
        """Yield what Dagster is to know of a partition, each input's before its own."""
        stage, key, error = outcome.stage, outcome.key, outcome.error
        if outcome.kept:
            yield recovery.materialization(self.context.instance, outcome.kept)[0]
        elif outcome.made:
            made = outcome.made
            failed = {"failed checks": outcome.failed_checks} if outcome.failed_checks else {}
            yield dg.AssetMaterialization(
                stage.name,
                partition=key,
                metadata={**made.metadata, **failed},
                tags=self._version_tags(stage, made.partition),
            )
        elif error is not None and not isinstance(error, QdError):
            self.context.log.error("".join(traceback.format_exception(error)))

    def report_missed(self, outcome: Outcome) -> None:
        """Report what was published while the run was interrupted."""
        made = outcome.kept or (outcome.made and outcome.made.partition)
        if made:
            recovery.report(self.context.instance, made)

    def _version_tags(self, stage: Stage, partition: Partition) -> dict[str, str]:
        """Return the tags by which Dagster's UI knows what a partition was made from.

        Dagster gives them by itself only to the one partition of a run.
        """
        tags = {
            "dagster/data_version": partition.version,
            "dagster/data_version_is_user_provided": "true",
            "dagster/code_version": stage.code_version,
        }
        made_here = {each.name for each in self.stages}
        names = [each.stage for each in stage.inputs if each.in_lineage]
        versions = partition.fingerprint["inputs"]
        for name in (*names, stage.external) if stage.external else names:
            found = [versions[each] for each in versions if each.startswith(f"{name}/")]
            # An input of this partition that is newer than the event makes it stale.
            event = _last_event(self.context) if name in made_here else self.before
            tags[f"dagster/input_data_version/{name}"] = found[0] if found else "INITIAL"
            tags[f"dagster/input_event_pointer/{name}"] = str(event)
        return tags


def _last_event(context: dg.AssetExecutionContext) -> int:
    return context.instance.event_log_storage.get_maximum_record_id() or 0
