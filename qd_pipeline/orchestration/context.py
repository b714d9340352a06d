"""What a stage works with while it materializes one partition."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from logging import getLogger
from typing import TYPE_CHECKING, Final

from qd_pipeline.errors import DamagedPartition
from qd_pipeline.orchestration import progress

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    import dagster as dg

    from qd_pipeline.orchestration.pipeline import Pipeline
    from qd_pipeline.orchestration.provenance import Provenance
    from qd_pipeline.orchestration.resources import (
        MLflowResource,
        PartitionStoreResource,
        SourceResource,
    )
    from qd_pipeline.orchestration.stage import CheckResult, Stage
    from qd_pipeline.storage import Partition, PartitionStore, StagedPartition
    from qd_pipeline.storage.partition import Json
    from qd_pipeline.tracking import TrackedRun, Tracker

_LOG: Final = getLogger(__name__)


class BlockingCheckFailed(DamagedPartition):
    """A check that blocks has failed: nothing is published.

    Args:
        stage: Of the partition.
        key: Of the partition.
        results: What all checks found.
        failed: The one that failed.
    """

    def __init__(
        self, stage: str, key: str, results: Sequence[CheckResult], failed: CheckResult
    ) -> None:
        super().__init__(
            f"{stage} {key}",
            f"failed its check {failed.name} ({failed.found})",
            f"nothing was published; materialize it again with `qd make {stage} {key}`",
        )
        self.results = results


@dataclass(frozen=True)
class MaterializationContext:
    """What a stage works with on one partition.

    Attributes:
        stage: The stage.
        key: The partition key.
        pipeline: The stages as the settings bind them.
        inputs: Published partitions by input stage and key, each read once.
        fingerprint: What it is made from, but for what is read from outside of the store.
        staged: The partition being written, unseen until it is published.
        run: The MLflow run that it logs to; the stages of categories share one a Dagster run, and
            their metrics are logged by it.
        provenance: Where the drawings come from.
        dagster: Dagster's context of the step.
        after_publishing: Called when the partition has been published.
    """

    stage: Stage
    key: str
    pipeline: Pipeline
    inputs: Mapping[str, Mapping[str, Partition]]
    fingerprint: Json
    staged: StagedPartition
    run: TrackedRun
    provenance: Provenance
    dagster: dg.AssetExecutionContext
    after_publishing: list[Callable[[], None]] = field(default_factory=list)

    @property
    def class_set(self) -> tuple[str, ...]:
        """Categories of the class set that the partition is of, in the order of outputs."""
        return self.pipeline.class_sets[self.key]

    @cached_property
    def store(self) -> PartitionStore:
        """The partition store."""
        resource: PartitionStoreResource = self.dagster.resources.partition_store
        return resource.store

    @cached_property
    def source(self) -> SourceResource:
        """The source resource."""
        resource: SourceResource = self.dagster.resources.source
        return resource

    @cached_property
    def tracker(self) -> Tracker:
        """The MLflow tracker."""
        resource: MLflowResource = self.dagster.resources.mlflow
        return resource.tracker

    def path(self, name: str) -> Path:
        """Return the path of a file to write."""
        return self.staged.path(name)

    def input(self, stage: str) -> Partition:
        """Return the one partition of an input that is partitioned as this stage is."""
        return self.inputs[stage][self.key]

    def open(self, partition: Partition, name: str) -> Path:
        """Return a verified local file of an input.

        Raises:
            DamagedPartition: The file is not what was written.
        """
        return self.store.open_local(partition, name)

    def log_files(self, *names: str) -> None:
        """Log files of the partition to the MLflow run."""
        for name in names:
            self.run.log_file(self.path(name))

    def on_progress(self, unit: str) -> progress.OnProgress:
        """Return a function that reports how much is done, counted in `unit`."""
        return progress.of(f"{self.stage.name} {self.key}", unit, self.dagster.log)

    def note(self, text: str) -> None:
        """Show how the stage is doing, beside its progress."""
        progress.note(text, self.dagster.log)

    def warn(self, text: str) -> None:
        """Show a sentence on the command line and in Dagster's UI."""
        for log in (_LOG, self.dagster.log):
            log.warning("%s", text)

    def log_inputs(self) -> None:
        """Log the inputs as datasets of the MLflow run."""
        from qd_pipeline.tracking import LoggedDataset  # noqa: PLC0415 (MLflow is slow to import)

        self.run.log_datasets(
            LoggedDataset(
                f"{made.stage}/{made.key}",
                made.version,
                self.provenance.source,
                {name: value for name, value in made.metadata.items() if isinstance(value, int)},
            )
            for partitions in self.inputs.values()
            for made in partitions.values()
        )

    def tags(self) -> dict[str, str]:
        """Return the tags of every MLflow run of this step."""
        return run_tags(self.stage, self.dagster, self.provenance)

    def require(self, results: Sequence[CheckResult]) -> None:
        """Refuse to go on when a blocking check has failed.

        Raises:
            BlockingCheckFailed: One has.
        """
        for result in results:
            if self.stage.blocks(result) and not result.passed:
                raise BlockingCheckFailed(self.stage.name, self.key, results, result)


def run_tags(
    stage: Stage, context: dg.AssetExecutionContext, provenance: Provenance
) -> dict[str, str]:
    """Return the tags of every MLflow run that a step logs to."""
    return {
        **provenance.tags(),
        "dagster_run_id": context.run.run_id,
        "code_version": stage.code_version,
    }
