"""Partitions of the stages, and the mappings between them, made from class sets."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import cached_property

import dagster as dg

from qd_pipeline import catalog
from qd_pipeline.class_sets import ClassSets, categories_of
from qd_pipeline.errors import BadSetting


class By(Enum):
    """What a stage is partitioned by."""

    CATEGORY = "category"
    CLASS_SET = "class set"
    NOTHING = "nothing"


_MOST_NAMED = 20

PARTITION = "dagster/partition"
FIRST, LAST = "dagster/asset_partition_range_start", "dagster/asset_partition_range_end"
"""Tags of Dagster runs: one partition, or the first and last of several neighbouring ones."""

UNPARTITIONED = "all"
"""Key of the one partition of an unpartitioned stage."""


@dataclass(frozen=True)
class Partitions:
    """Partition keys, Dagster's definitions of them, and the keys that one needs of another.

    Args:
        class_sets: Categories by class set, in the order of the network's outputs.
    """

    class_sets: ClassSets

    @cached_property
    def _categories(self) -> dg.StaticPartitionsDefinition:
        names = categories_of(self.class_sets.values())
        return dg.StaticPartitionsDefinition([catalog.partition_key(name) for name in names])

    @cached_property
    def _class_sets(self) -> dg.StaticPartitionsDefinition:
        return dg.StaticPartitionsDefinition(list(self.class_sets))

    def definition(self, by: By) -> dg.StaticPartitionsDefinition | None:
        """Return Dagster's definition, None for unpartitioned stages."""
        return {By.CATEGORY: self._categories, By.CLASS_SET: self._class_sets}.get(by)

    def keys(self, by: By) -> Sequence[str]:
        """Return all partition keys."""
        definition = self.definition(by)
        return definition.get_partition_keys() if definition else (UNPARTITIONED,)

    def of_run(self, by: By, tags: Mapping[str, str]) -> Sequence[str]:
        """Return the partitions of a Dagster run by its tags, as far as they are known now."""
        keys = self.keys(by)
        first, last = (tags.get(tag, tags.get(PARTITION)) for tag in (FIRST, LAST))
        if first not in keys or last not in keys:
            return ()
        return keys[keys.index(first) : keys.index(last) + 1]

    def upstream_keys(self, key: str, *, of: By, upstream: By) -> Sequence[str]:
        """Return the upstream partitions that a partition needs, class sets' in output order."""
        if of is upstream:
            return (key,)
        if (of, upstream) == (By.CLASS_SET, By.CATEGORY):
            return tuple(catalog.partition_key(name) for name in self.class_sets[key])
        return self.keys(upstream)

    def mapping(self, *, of: By, upstream: By) -> dg.PartitionMapping | None:
        """Return Dagster's mapping from upstream partitions to downstream ones."""
        if (of, upstream) != (By.CLASS_SET, By.CATEGORY):
            return None
        return dg.StaticPartitionMapping(
            {
                category: {
                    key
                    for key, names in self.class_sets.items()
                    if catalog.category_of(category) in names
                }
                for category in self.keys(By.CATEGORY)
            }
        )

    def check(self, key: str, by: By) -> str:
        """Return a partition key that a user gave, spelled as a key.

        Raises:
            BadSetting: There is no such partition.
        """
        if by is By.CATEGORY:
            key = catalog.partition_key(key.replace("_", " "))
        if key in self.keys(by):
            return key
        if by is By.NOTHING:
            raise BadSetting(
                f"partition {key[:80]!r}", "is not known", f"the only one is {UNPARTITIONED!r}"
            )
        known = ", ".join(self.keys(by)[:_MOST_NAMED])
        cause = "is in no class set" if by is By.CATEGORY else "is not known"
        remedy = f"give one of {known}, or other class sets with --class-sets"
        raise BadSetting(f"{by.value} {key[:80]!r}", cause, remedy)


def keys_of(context: dg.AssetExecutionContext) -> Sequence[str]:
    """Return the partition keys of a step that takes several.

    Raises:
        BadSetting: The run was launched without one.
    """
    if context.has_partition_key or context.has_partition_key_range:
        return list(context.partition_keys)
    raise _without_partition("the run")


def key_of(context: dg.AssetExecutionContext) -> str:
    """Return the partition key of a step.

    Raises:
        BadSetting: The asset has partitions, and the run was launched without one.
    """
    if context.has_partition_key:
        return str(context.partition_key)
    if context.assets_def.partitions_def is not None:
        raise _without_partition(context.asset_key.path[-1])
    return UNPARTITIONED


def _without_partition(culprit: str) -> BadSetting:
    remedy = "choose one in the launchpad, or press Materialize on the asset's page"
    return BadSetting(culprit, "has no partition in this run", remedy)
