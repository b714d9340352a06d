"""Which partitions are stale, and why: one answer for commands, automation and Dagster's UI."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

from qd_pipeline.errors import BadSetting, DamagedPartition, MissingPartition
from qd_pipeline.orchestration.fingerprint import difference, fingerprint
from qd_pipeline.orchestration.partitions import By
from qd_pipeline.orchestration.pipeline import Pipeline
from qd_pipeline.orchestration.stage import Stage, StageConfig
from qd_pipeline.storage import Partition, PartitionReader

MISSING = "it was never materialized"

SourceVersion = Callable[[str, StageConfig], str | None]
Recorded = Callable[[Stage, str], StageConfig | None]


@dataclass
class Staleness:
    """Compares each partition's fingerprint with the one that it would get now.

    Args:
        pipeline: The stages as the settings want them.
        store: The partition store.
        configs: Configurations by stage, in place of what `Pipeline.declared` says.
        source_version: Asks the source; None: what was downloaded counts as current.
        recorded: Returns the configuration of a partition whose manifest is damaged, from another
            record; None where there is none.
    """

    pipeline: Pipeline
    store: PartitionReader
    configs: Mapping[str, StageConfig] = field(default_factory=dict)
    source_version: SourceVersion | None = None
    recorded: Recorded = lambda _stage, _key: None
    _known: dict[tuple[str, str], str | None] = field(default_factory=dict, init=False)

    def reason(self, stage: Stage, key: str) -> str | None:
        """Return why a partition is stale; None where it is up to date.

        Raises:
            QdError: The source does not answer, or a configuration is not valid.
        """
        if (stage.name, key) not in self._known:
            self._known[stage.name, key] = self._reason(stage, key)
        return self._known[stage.name, key]

    def stale(self, by: By, key: str) -> dict[str, str]:
        """Return the stale stages of a partition key's chain, in order, each with the reason."""
        reasons = {stage.name: self.reason(stage, key) for stage in self.pipeline.chain(by)}
        return {name: reason for name, reason in reasons.items() if reason is not None}

    def config(self, stage: Stage, key: str) -> StageConfig:
        """Return the configuration that a partition is to be made with.

        Raises:
            DamagedPartition: Its manifest is damaged, and there is no other record.
        """
        if stage.name in self.configs:
            return self.configs[stage.name]
        try:
            return self._declared(stage, self.store.find(stage.name, key))
        except DamagedPartition:
            if recorded := self.recorded(stage, key):
                return recorded
            raise

    def _declared(self, stage: Stage, made: Partition | None) -> StageConfig:
        # A setting that was removed since cannot be chosen again.
        with suppress(BadSetting):
            if made is not None:
                return self.pipeline.declared(stage, made)
        return self.pipeline.config(stage)

    def _reason(self, stage: Stage, key: str) -> str | None:
        try:
            made = self.store.find(stage.name, key)
        except DamagedPartition as error:
            return error.cause
        if made is None:
            return MISSING
        if not self.store.has_files(made):
            return "some of its files are missing"
        for name, upstream, optional in self.pipeline.input_keys(stage, key):
            if not optional and self.reason(self.pipeline.stages[name], upstream):
                return f"its input {name} {upstream} is stale"
        return self._difference(stage, key, made)

    def _difference(self, stage: Stage, key: str, made: Partition) -> str | None:
        try:
            found = self.pipeline.read_inputs(stage, key, self.store)
        except (MissingPartition, DamagedPartition) as error:
            return str(error)
        config = self.configs.get(stage.name) or self._declared(stage, made)
        inputs = [each for partitions in found.values() for each in partitions.values()]
        try:
            settings = config.effective(key, self.pipeline.class_sets)
        except BadSetting as error:
            if stage.name in self.configs:
                raise
            return f"its settings are not valid any more ({error})"
        wanted = fingerprint(stage, settings, inputs)
        if stage.external:
            version = self.source_version and self.source_version(key, config)
            recorded = made.fingerprint.get("inputs", {}).get(f"{stage.external}/{key}")
            wanted["inputs"][f"{stage.external}/{key}"] = version or recorded
        return difference(made.fingerprint, wanted)
