"""What a stage declares; its asset, staleness, provenance and commands follow from it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Protocol

import dagster as dg

from qd_pipeline.orchestration.partitions import By

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from qd_pipeline.class_sets import ClassSets
    from qd_pipeline.orchestration.context import MaterializationContext
    from qd_pipeline.settings import Settings
    from qd_pipeline.tracking import LoggedDataset


DATA_STAGES: Final = "data_stages"
"""The step that takes categories through all of their stages."""


class StageConfig(dg.Config):
    """Settings of one materialization; the launchpad shows the fields."""

    def effective(self, key: str, class_sets: ClassSets) -> Mapping[str, Any]:
        """Return the settings that have an effect on a partition: its fingerprint's part (JSON).

        Raises:
            BadSetting: A setting is out of its range.
        """
        del key, class_sets
        return {}


@dataclass(frozen=True)
class Input:
    """An upstream stage whose partitions are read.

    Args:
        stage: Its name.
        optional: Whether a partition that does not exist is left out instead of refused.
        in_lineage: Whether it is an upstream asset for Dagster, whose UI warns before each run of
            upstream assets that were never materialized.
    """

    stage: str
    optional: bool = False
    in_lineage: bool = True


@dataclass(frozen=True)
class Check:
    """A promise about a partition, shown as an asset check.

    Args:
        name: Of the asset check.
        description: What must hold.
        blocking: Whether a partition that fails it is kept from being published.
    """

    name: str
    description: str
    blocking: bool = True


@dataclass(frozen=True)
class CheckResult:
    """What a check found.

    Args:
        name: Of the check.
        passed: Whether the promise holds.
        found: In words and figures.
        metadata: Figures for the check's page.
    """

    name: str
    passed: bool
    found: str
    metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Result:
    """What a stage made, beside the files that it staged.

    Args:
        metadata: Kept in the manifest beside the files (JSON).
        metrics: Logged to MLflow.
        shown: Metadata for the asset's page.
        checks: What the stage's checks found.
        version: Hash of the content; by default of all files.
        external: Version of what was read from outside the store, for stages with such an input.
        dataset: MLflow dataset that the metrics were measured on.
        notes: Sentences for the run's log; what many partitions say alike is logged once.
    """

    metadata: Mapping[str, Any]
    metrics: Mapping[str, float]
    shown: Mapping[str, Any]
    checks: Sequence[CheckResult] = ()
    version: str | None = None
    external: str | None = None
    dataset: LoggedDataset | None = None
    notes: Sequence[str] = ()


class Materialize(Protocol):
    """Make one partition: stage its files and say what was found."""

    def __call__(self, context: MaterializationContext, config: Any, /) -> Result | None:
        """Materialize the context's partition as configured.

        None is the result of a worker that takes part in what another run publishes.
        """
        ...


@dataclass(frozen=True)
class Stage:
    """A stage, declared once.

    Args:
        name: Of the asset.
        description: Of the asset.
        by: What it is partitioned by.
        code_version: Raised when the code begins to write something else from the same inputs.
        materialize: Makes a partition.
        inputs: All that it reads of the store.
        external: Asset outside of the store that it reads.
        config: Type of its settings.
        declared: Returns the settings' own values for fields of `config`.
        checks: What it promises.
        group: Of the asset: `drawings`, `learning`, or `studies`, which are made on request only.
        kinds: Of the asset, as Dagster's UI shows them.
        pool: Dagster's concurrency pool, for stages that keep all cores busy.
        continues: Input in whose MLflow run this stage goes on logging.
        metadata: Of the asset, the same for all partitions.
    """

    name: str
    description: str
    by: By
    code_version: str
    materialize: Materialize
    inputs: Sequence[Input] = ()
    external: str | None = None
    config: type[StageConfig] = StageConfig
    declared: Callable[[Settings], Mapping[str, Any]] = lambda _: {}
    checks: Sequence[Check] = ()
    group: str = "learning"
    kinds: frozenset[str] = frozenset()
    pool: str | None = None
    continues: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)

    @property
    def on_request(self) -> bool:
        """Whether neither `qd run` nor automation makes it."""
        return self.group == "studies"

    @property
    def op(self) -> str:
        """Step of a Dagster run that makes it: the stages of a category share one."""
        return DATA_STAGES if self.by is By.CATEGORY and not self.on_request else self.name

    def blocks(self, result: CheckResult) -> bool:
        """Return whether a result is of a check that blocks."""
        return any(check.blocking and check.name == result.name for check in self.checks)

    @property
    def owner(self) -> str:
        """Team that owns the asset."""
        return "team:drawings" if self.group == "drawings" else "team:learning"
