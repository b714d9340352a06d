"""The pipeline runner: materializes what is stale, in this process.

A run for the categories, and one for each class set, over the data directory's own Dagster
instance, so that Dagster's UI shows it like any other run.
"""

import itertools
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from threading import Lock
from typing import Final

from qd_pipeline import catalog
from qd_pipeline.class_sets import listed
from qd_pipeline.errors import BadSetting, QdError, SourceUnreachable
from qd_pipeline.leases import Leases
from qd_pipeline.orchestration import progress
from qd_pipeline.orchestration.batch_runner import BatchRunner
from qd_pipeline.orchestration.batches import Batch, batches
from qd_pipeline.orchestration.partitions import By
from qd_pipeline.orchestration.stage import Stage, StageConfig
from qd_pipeline.orchestration.staleness import SourceVersion, Staleness
from qd_pipeline.storage import PartitionReader

_ASKED_AT_ONCE: Final = 8
_MOST_NAMED: Final = 10


@dataclass
class PipelineRunner(BatchRunner):
    """Materializes what is stale in this process, and records what became of it.

    Attributes:
        up_to_date: Partitions (`bitmaps cow`) that were up to date already.
    """

    up_to_date: list[str] = field(default_factory=list)
    _opening: Lock = field(default_factory=Lock, init=False)

    def run(self, class_sets: Sequence[str], on_partition: Callable[[str, int, int], None]) -> None:
        """Materialize everything stale that some class sets need.

        A partition that fails does not keep others from being materialized; what depends on it
        stays as it is.

        Args:
            class_sets: Their keys, in the order to train them.
            on_partition: Called before the partitions of each key that are stale with what is
                done to it, the number of partitions done and their total.
        """
        needed = self.pipeline.partitions.upstream_keys
        keys_of = {name: needed(name, of=By.CLASS_SET, upstream=By.CATEGORY) for name in class_sets}
        keys = list(dict.fromkeys(key for needed_keys in keys_of.values() for key in needed_keys))
        each = {by: len(self.pipeline.chain(by)) for by in (By.CATEGORY, By.CLASS_SET)}
        total = each[By.CATEGORY] * len(keys) + each[By.CLASS_SET] * len(class_sets)
        self.run_categories(
            keys, lambda name, done: on_partition(name, done * each[By.CATEGORY], total)
        )
        # The source has been asked.
        staleness, done = self._staleness(self.store.snapshot()), each[By.CATEGORY] * len(keys)
        for name in class_sets:
            lacking = [key for key in keys_of[name] if key in self.failures]
            if lacking:
                cause = f"needs {listed(lacking, _MOST_NAMED)}, which failed"
                self.failures[name] = f"class set {name} {cause}: it stays as it was."
            elif configs := self._stale(By.CLASS_SET, name, staleness):
                verb = "training" if "classifiers" in configs else "evaluating"
                on_partition(f"{verb} class set {name}", done, total)
                self.materialize_batches(batches(self.pipeline, By.CLASS_SET, {name: configs}))
            done += each[By.CLASS_SET]
        if self._must_recover():
            self.recover()
        elif self.recovers:
            self.store.collect_garbage()

    def run_categories(self, keys: Sequence[str], on_category: Callable[[str, int], None]) -> None:
        """Materialize everything stale of some categories, many in one Dagster run.

        Args:
            keys: Their partition keys.
            on_category: Called before each that is stale with its name and how many are done.
        """
        staleness = self._staleness(self.store.snapshot(), self._version_at_source)
        self._ask_source(keys, staleness)
        stale = {key: self._stale(By.CATEGORY, key, staleness) for key in keys}
        done = itertools.count(sum(not configs for configs in stale.values()))
        token = progress.started.set(lambda key: on_category(catalog.category_of(key), next(done)))
        try:
            self.materialize_batches(batches(self.pipeline, By.CATEGORY, stale))
        finally:
            progress.started.reset(token)

    def materialize(self, key: str, stages: Sequence[Stage]) -> None:
        """Materialize some stages of one partition, stale or not, in one Dagster run.

        Without a source that answers there is no run, and the failure is recorded.

        Raises:
            HomeFailed: Dagster's databases cannot be written or read.
            KeyboardInterrupt: The run was interrupted.
        """
        staleness = self._staleness(self.store)
        try:
            configs = {stage.name: staleness.config(stage, key) for stage in stages}
            for stage in stages:
                if stage.external:
                    self._version_at_source(key, configs[stage.name])
        except QdError as error:
            self.failures[key] = str(error)
        else:
            self.materialize_batches([Batch((key,), tuple(stages), configs)])

    def _must_recover(self) -> bool:
        """Return whether a killed process has left something, or something waits for MLflow.

        It looks at the data directory alone: what processes of other machines left waits until
        something is materialized, or the web servers start.
        """
        return self.logs_wait or Leases(self.pipeline.settings.leases).any_ended

    def _stale(self, by: By, key: str, staleness: Staleness) -> Mapping[str, StageConfig]:
        """Return the configurations of a partition's stale stages; none where that is not known."""
        chain = self.pipeline.chain(by)
        try:
            reasons = staleness.stale(by, key)
            stale = [stage for stage in chain if stage.name in reasons]
            configs = {stage.name: staleness.config(stage, key) for stage in stale}
            for stage in stale:
                configs[stage.name].effective(key, self.pipeline.class_sets)
                if stage.external:
                    self._version_at_source(key, configs[stage.name])
        except QdError as error:
            self.failures[key] = str(error)
            return {}
        self.up_to_date += [f"{stage.name} {key}" for stage in chain if stage not in stale]
        return configs

    def _staleness(
        self, store: PartitionReader, source_version: SourceVersion | None = None
    ) -> Staleness:
        def recorded(stage: Stage, key: str) -> StageConfig:
            return self.recorded(stage, key, chosen=True) or self.pipeline.config(stage)

        return Staleness(self.pipeline, store, self.configs, source_version, recorded)

    def _ask_source(self, keys: Sequence[str], staleness: Staleness) -> None:
        """Ask for the versions of files, several at once where the source can be reached."""
        stage = self.pipeline.stages["raw_drawings"]

        def ask(key: str) -> None:
            with suppress(QdError):  # told when the category's turn comes
                self._version_at_source(key, staleness.config(stage, key))

        for key in keys[:1]:
            ask(key)
            if isinstance(unreachable := self._versions.get(key), SourceUnreachable):
                self._versions |= dict.fromkeys(keys, unreachable)
                return
        with ThreadPoolExecutor(_ASKED_AT_ONCE) as threads:
            list(threads.map(ask, keys[1:]))

    def recorded(self, stage: Stage, key: str, *, chosen: bool = False) -> StageConfig | None:
        """Return the configuration of a partition whose manifest is damaged, None without record.

        Args:
            stage: Its stage.
            key: Its partition key.
            chosen: As `recorded_config` takes it.

        Raises:
            BadSetting: It is a classifier: another one with the settings' own values would take
                its place unnoticed.
            HomeFailed: Dagster's databases cannot be read.
        """
        from qd_pipeline.orchestration import instance as instances  # noqa: PLC0415 (as in `_materialize`)
        from qd_pipeline.orchestration.records import recorded_config  # noqa: PLC0415

        # Threads that ask the source come here, and would open the instance once each.
        with self._opening, instances.translate_errors(self.pipeline.settings.home):
            found = recorded_config(
                self.pipeline,
                stage,
                key,
                store=self.store,
                instance=self.instance,
                tracker=lambda: self.tracker,
                chosen=chosen,
            )
        if found is None and stage.name == "classifiers":
            raise BadSetting(
                f"{stage.name} {key}",
                "is damaged, and no record of its settings is left",
                f"name them, as `qd run --class-set {key} --preset default --epochs 15` does",
            )
        return found
