"""The whole chain from one command: category by category, then class set by class set.

Only what is not fresh is made: a run for each category and class set, in this process and
over the home's own Dagster instance, so that the pages show it like any other run.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from logging import getLogger
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import dagster as dg

from qd_pipeline import catalog
from qd_pipeline.errors import QdError
from qd_pipeline.orchestration import freshness, instance, interruption, recovery, slots
from qd_pipeline.orchestration.assets.classifiers import ClassifierConfig
from qd_pipeline.orchestration.assets.raw_drawings import RawDrawingsConfig
from qd_pipeline.orchestration.jobs import categories_job, classifiers_job
from qd_pipeline.orchestration.partitions import category_keys
from qd_pipeline.orchestration.workshop import Workshop
from qd_pipeline.stages import CATEGORY_STAGES, CLASS_SET_STAGES, TRAINING_STAGES

_LOG: Final = getLogger(__name__)

QUIET: Final = {"console": {"config": {"log_level": "CRITICAL"}}}
"""Dagster's loggers for runs of one command, which tells what happens in its own words."""


@dataclass(frozen=True)
class Choices:
    """What a user chose for one command.

    Attributes:
        class_sets: Partition keys to train and evaluate, in this order.
        raw_drawings: What to download.
        classifiers: How to train.
        studies: What to study, by stage.
    """

    class_sets: Sequence[str]
    raw_drawings: RawDrawingsConfig
    classifiers: ClassifierConfig
    studies: Mapping[str, dg.Config] = field(default_factory=dict)


@dataclass
class Driver:
    """Makes partitions in this process, and keeps account of what became of them.

    Attributes:
        definitions: The assets, jobs and resources.
        workshop: The resource that the assets use.
        instance: The home's Dagster instance.
        choices: What the user chose.
        made: Partitions (`bitmaps cow`) that were made.
        fresh: Partitions that were fresh already.
        failures: One sentence for each run that failed, by partition key.
    """

    definitions: dg.Definitions
    workshop: Workshop
    instance: dg.DagsterInstance
    choices: Choices
    made: list[str] = field(default_factory=list)
    fresh: list[str] = field(default_factory=list)
    failures: dict[str, str] = field(default_factory=dict)

    def run_chain(self, on_partition: Callable[[str, int, int], None]) -> None:
        """Make everything that the chosen class sets need and that is not fresh.

        A partition that fails does not keep others from being made; what depends on it stays
        as it is.

        Args:
            on_partition: Called before each partition with its name, the number of partitions
                done and their total.
        """
        sets = self.choices.class_sets
        keys = list(dict.fromkeys(key for name in sets for key in category_keys(name)))
        for done, key in enumerate(keys):
            on_partition(catalog.category_of(key), done, len(keys) + len(sets))
            self._bring_up_to_date(key, CATEGORY_STAGES, self._stale_of_category)
        for done, name in enumerate(sets, start=len(keys)):
            on_partition(f"class set {name}", done, len(keys) + len(sets))
            lacking = [key for key in category_keys(name) if key in self.failures]
            if lacking:
                cause = f"needs {', '.join(lacking)}, which failed"
                self.failures[name] = f"class set {name} {cause}: it stays as it was."
            else:
                self._bring_up_to_date(name, CLASS_SET_STAGES, self._stale_of_class_set)

    def make(self, key: str, stages: Sequence[str]) -> None:
        """Make some stages of one partition, fresh or not, in one Dagster run.

        Raises:
            HomeFailed: Dagster's databases cannot be written or read.
            KeyboardInterrupt: Somebody stopped the run.
        """
        configs: dict[str, Any] = {
            "raw_drawings": self.choices.raw_drawings,
            "classifiers": self.choices.classifiers,
            **self.choices.studies,
        }
        with interruption.heeded(), instance.explained(Path(self.workshop.home)):
            if not TRAINING_STAGES.isdisjoint(stages):
                self._wait_for_a_slot(f"{stages[0]} {key}")
            run_id = str(uuid4())
            result = self._job(stages[0]).execute_in_process(
                partition_key=key,
                instance=self.instance,
                asset_selection=[dg.AssetKey(stage) for stage in stages],
                run_config=dg.RunConfig(
                    ops={stage: configs[stage] for stage in stages if stage in configs},
                    loggers=QUIET,
                ),
                # Whoever runs the command sees it fail; the daemon could not run it again.
                run_id=run_id,
                tags={**instance.owned(run_id), "dagster/max_retries": "0"},
                raise_on_error=False,
            )
        if result.success:
            self.made += [f"{stage} {key}" for stage in stages]
        else:
            self.failures[key] = _sentence(result)

    def _wait_for_a_slot(self, partition: str) -> None:
        if slots.are_taken(self.instance):
            _LOG.warning("%s waits: another training is under way.", partition)
        while slots.are_taken(self.instance):
            recovery.close_abandoned(self.workshop, self.instance)
            time.sleep(slots.SECONDS_BETWEEN_LOOKS)

    def _job(self, stage: str) -> dg.JobDefinition:
        if stage in CATEGORY_STAGES:
            return self.definitions.resolve_job_def(categories_job.name)
        if stage in CLASS_SET_STAGES:
            return self.definitions.resolve_job_def(classifiers_job.name)
        # Studies have no job of their own: nobody should start all of them at once.
        return self.definitions.resolve_implicit_global_asset_job_def()

    def _bring_up_to_date(
        self, key: str, stages: Sequence[str], stale_of: Callable[[str], Sequence[str]]
    ) -> None:
        try:
            stale = stale_of(key)
        except QdError as error:
            self.failures[key] = str(error)
            return
        self.fresh += [f"{stage} {key}" for stage in stages if stage not in stale]
        if stale:
            self.make(key, stale)

    def _stale_of_category(self, key: str) -> Sequence[str]:
        return freshness.stale_of_category(self.workshop, key, self.choices.raw_drawings)

    def _stale_of_class_set(self, key: str) -> Sequence[str]:
        return freshness.stale_of_class_set(self.workshop, key, self.choices.classifiers)


def _sentence(result: dg.ExecuteInProcessResult) -> str:
    """Give the first failed step's own sentence."""
    for event in result.filter_events(lambda event: event.is_step_failure):
        failure = event.step_failure_data
        if failure.user_failure_data and failure.user_failure_data.description:
            return failure.user_failure_data.description
        if failure.error:
            return f"{event.step_key}: {(failure.error.cause or failure.error).message.strip()}"
    return f"run {result.run_id} failed: see its page in Dagster's UI (`make ui`)."
