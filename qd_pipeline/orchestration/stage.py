"""A stage at work on one partition: its draft, its MLflow run, its progress."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg

from qd_pipeline.errors import DamagedPartition
from qd_pipeline.orchestration import progress
from qd_pipeline.orchestration.origin import Origin
from qd_pipeline.store import Draft, Partition

if TYPE_CHECKING:
    from qd_pipeline.tracking import TrackedRun


@dataclass(frozen=True)
class Stage:
    """One partition of one asset, being made.

    Attributes:
        context: Dagster's context of the step.
        draft: What is written, unseen until it is published.
        run: The MLflow run that it logs to.
        origin: Where the drawings come from.
        continued: The partition in whose MLflow run it goes on logging, if any.
    """

    context: dg.AssetExecutionContext
    draft: Draft
    run: "TrackedRun"
    origin: Origin
    continued: Partition | None = None

    def path(self, name: str) -> Path:
        """Give the place of a file to write."""
        return self.draft.path(name)

    def on_progress(self, unit: str) -> progress.OnProgress:
        """Give a function that shows how far this stage has come."""
        return progress.of(f"{self.draft.stage} {self.draft.key}", unit, self.context.log)

    def log_inputs(self, partitions: Iterable[Partition]) -> None:
        """Name partitions as datasets that this stage's MLflow run worked on."""
        for made in partitions:
            facts = {name: fact for name, fact in made.facts.items() if isinstance(fact, int)}
            self.run.log_dataset(
                f"{made.stage}/{made.key}", made.version, self.origin.source, facts
            )

    def publish(
        self,
        *,
        recipe: Mapping[str, Any],
        facts: Mapping[str, Any],
        metrics: Mapping[str, float],
        metadata: Mapping[str, Any],
        checks: Sequence[dg.AssetCheckResult] = (),
        version: str | None = None,
    ) -> dg.MaterializeResult[None]:
        """Publish the draft, log it to MLflow, and tell Dagster.

        Args:
            recipe: What the partition was made from.
            facts: What was measured, kept beside the files (JSON).
            metrics: Figures for MLflow.
            metadata: What the Dagster page shows.
            checks: What was checked; if one that blocks has failed, nothing is published and
                the partition of before stays.
            version: Hash of the content, by default of all files.

        Raises:
            DamagedPartition: A blocking check has failed.
        """
        self.refuse_failed(checks)
        partition = self.draft.publish(
            recipe=recipe,
            facts={**facts, **self.origin.facts(), "mlflow_run": self.run.id},
            version=version,
        )
        self.run.log(
            params=recipe["settings"], metrics=metrics, tags={"data_version": partition.version}
        )
        return dg.MaterializeResult(
            metadata={
                **metadata,
                "source": self.origin.source,
                "MLflow run": dg.MetadataValue.url(self.run.link),
                "MLflow run id": self.run.id,
                "folder": dg.MetadataValue.path(partition.folder),
            },
            data_version=dg.DataVersion(partition.version),
            check_results=checks,
        )

    def refuse_failed(self, checks: Sequence[dg.AssetCheckResult]) -> None:
        """See that no check that blocks has failed.

        Raises:
            DamagedPartition: One has.
        """
        blocking = {spec.name for spec in self.context.assets_def.check_specs if spec.blocking}
        for check in checks:
            if check.check_name in blocking and not check.passed:
                asset, key = self.draft.stage, self.draft.key
                raise DamagedPartition(
                    f"{asset} {key}",
                    f"failed its check {check.check_name} ({check.description})",
                    f"nothing was published; make it again with `qd make {asset} {key}`",
                )
