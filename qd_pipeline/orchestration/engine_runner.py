"""The pipeline runner that submits runs to an engine, and follows them."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from qd_pipeline.orchestration import instance as instances
from qd_pipeline.orchestration import progress
from qd_pipeline.orchestration.batches import Batch
from qd_pipeline.orchestration.partitions import By
from qd_pipeline.orchestration.runner import PipelineRunner
from qd_pipeline.orchestration.stage import Stage
from qd_pipeline.orchestration.stages.training_config import SharedTrainingConfig
from qd_pipeline.orchestration.submission import Submission


@dataclass
class EngineRunner(PipelineRunner):
    """Submits what is stale, as a run for some neighbouring categories or for each class set."""

    _submitted: list[str] = field(default_factory=list, init=False)

    @cached_property
    def submission(self) -> Submission:
        """The runs that are submitted."""
        return Submission(self.pipeline, self.instance)

    def recover(self) -> None:
        """Report the settings; Dagster's daemon looks after the runs of the engine."""
        from qd_pipeline.orchestration import observations  # noqa: PLC0415

        observations.report_settings(self.pipeline, self.instance, self.store)

    def run(self, class_sets: Sequence[str], on_partition: Callable[[str, int, int], None]) -> None:
        """Materialize everything stale that some class sets need.

        Runs that an earlier command has left running are followed first.
        """
        with instances.translate_errors(self.pipeline.settings.home):
            self.submission.follow_open(lambda _: None)
        super().run(class_sets, on_partition)
        self._follow()

    def materialize(self, key: str, stages: Sequence[Stage]) -> None:
        """Materialize some stages of one partition, stale or not, in one Dagster run."""
        super().materialize(key, stages)
        self._follow()

    def materialize_batches(self, found: Sequence[Batch]) -> None:
        """Submit some batches; those of categories, which others need, are waited for."""
        if not found:
            return
        with instances.translate_errors(self.pipeline.settings.home):
            for batch in (part for each in found for part in self._parts(each)):
                self.report_wanted(batch)
                self._submitted.append(self.submission.submit(batch))
        if found[0].stages[0].by is By.CATEGORY:
            self._follow()

    def _parts(self, batch: Batch) -> list[Batch]:
        """Divide a batch, so that each of the engine's places has a run."""
        config = batch.configs[batch.stages[0].name]
        if isinstance(config, SharedTrainingConfig) and config.workers > 1:
            shares = config.shares(self.pipeline.settings)
            return [replace(batch, configs={batch.stages[0].name: share}) for share in shares]
        size = math.ceil(len(batch.keys) / self.pipeline.settings.engine_runs)
        keys = batch.keys
        return [replace(batch, keys=keys[i : i + size]) for i in range(0, len(keys), size)]

    def _follow(self) -> None:
        """Wait until the submitted runs have ended, and record what they did."""
        runs, self._submitted = self._submitted, []
        begun, tell = len(self.submission.materialized), progress.started.get()
        told: set[str] = set()

        def tell_once(key: str) -> None:
            if tell and key not in told:
                told.add(key)
                tell(key)

        with instances.translate_errors(self.pipeline.settings.home):
            self.submission.follow(runs, tell_once)
        new = self.submission.materialized[begun:]
        self.materialized += [f"{stage} {key}" for stage, key in dict.fromkeys(new)]
        self.failures |= self.submission.failures
