"""What one Dagster run materializes: stages of one partition, or of neighbouring categories."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from qd_pipeline.orchestration.partitions import FIRST, LAST, PARTITION, By
from qd_pipeline.orchestration.pipeline import Pipeline
from qd_pipeline.orchestration.stage import DATA_STAGES, Stage, StageConfig

MOST_PARTITIONS: Final = 64
"""Categories of one run: it is planned before its first one, and repeated as a whole if killed."""


@dataclass(frozen=True)
class Batch:
    """Stages and partitions of one Dagster run.

    Attributes:
        keys: Partition keys, neighbours of each other.
        stages: In order.
        configs: By stage.
    """

    keys: tuple[str, ...]
    stages: tuple[Stage, ...]
    configs: Mapping[str, StageConfig]

    @property
    def tags(self) -> dict[str, str]:
        """Tags that tell Dagster the partitions."""
        if self.stages[0].by is By.NOTHING:
            return {}
        if len(self.keys) == 1:
            return {PARTITION: self.keys[0]}
        return {FIRST: self.keys[0], LAST: self.keys[-1]}

    @property
    def run_config(self) -> dict[str, Any]:
        """Dagster's run configuration."""
        ops: dict[str, Any] = {}
        for stage in self.stages:
            config = self.configs[stage.name].model_dump()
            if stage.op == DATA_STAGES:
                ops.setdefault(stage.op, {"config": {}})["config"][stage.name] = config
            else:
                ops[stage.op] = {"config": config}
        return {"ops": ops}


def batches(
    pipeline: Pipeline, by: By, wanted: Mapping[str, Mapping[str, StageConfig]]
) -> Sequence[Batch]:
    """Return the fewest runs that materialize some partitions.

    A run covers neighbouring partitions only, and configures a stage once.

    Args:
        pipeline: The stages as the settings want them.
        by: What the partitions are.
        wanted: By partition key, the configurations of the stages to materialize, in order.
    """
    found: list[Batch] = []
    before = None
    for position, key in enumerate(pipeline.partitions.keys(by)):
        if configs := wanted.get(key):
            keys: tuple[str, ...] = (key,)
            if (
                by is By.CATEGORY
                and before == position - 1
                and configs == found[-1].configs
                and len(found[-1].keys) < MOST_PARTITIONS
            ):
                keys = (*found.pop().keys, key)
            found.append(Batch(keys, tuple(pipeline.stages[name] for name in configs), configs))
            before = position
    return found
