"""The two sets of partitions, and which category goes into which class set.

Both come from the class sets in the environment (`QD_CLASS_SETS`): Dagster wants to know
them when the definitions are loaded.
"""

from typing import Final

import dagster as dg

from qd_pipeline import catalog
from qd_pipeline.errors import BadSetting
from qd_pipeline.settings import Settings

SETTINGS: Final = Settings.from_environment()
"""As they were when the definitions were loaded."""

CLASS_SETS: Final = SETTINGS.class_sets
"""Categories in the order of the network's outputs, by partition key."""

category_partitions = dg.StaticPartitionsDefinition(
    [catalog.partition_key(name) for name in SETTINGS.categories]
)

class_set_partitions = dg.StaticPartitionsDefinition(list(CLASS_SETS))

class_sets_of_category = dg.StaticPartitionMapping(
    {
        key: {
            class_set
            for class_set, names in CLASS_SETS.items()
            if catalog.category_of(key) in names
        }
        for key in category_partitions.get_partition_keys()
    }
)
"""From each category to the class sets that need it."""


def category_keys(class_set: str) -> tuple[str, ...]:
    """Give the category partitions that a class set needs, in the order of its outputs."""
    return tuple(catalog.partition_key(name) for name in CLASS_SETS[class_set])


def key_of(context: dg.AssetExecutionContext) -> str:
    """Give the partition that a step makes; what has no partitions is one, `all`.

    Raises:
        BadSetting: The asset has partitions, and whoever launched the run chose none.
    """
    if context.has_partition_key:
        return str(context.partition_key)
    if context.assets_def.partitions_def is not None:
        raise BadSetting(
            context.asset_key.path[-1],
            "has no partition in this run",
            "choose one in the launchpad, or press Materialize on the asset's page",
        )
    return "all"
