"""What is made again by itself once a schedule has found that the source changed.

Only what a schedule or this automation made sets off more: what people start by hand, or
with `qd run`, goes exactly as far as they said. And nothing is made for the first time.
"""

from typing import Final

import dagster as dg

KEEPS_UP: Final = "qd/keeps_up"
"""Tag of runs that nobody started: by a schedule or by this automation."""

KEEPS_UP_TAGS: Final = {KEEPS_UP: "yes"}

_ready: Final = (
    ~dg.AutomationCondition.missing()
    & ~dg.AutomationCondition.any_deps_missing()
    & ~dg.AutomationCondition.any_deps_in_progress()
    & ~dg.AutomationCondition.in_progress()
)

_changed: Final = (
    dg.AutomationCondition.data_version_changed()
    & dg.AutomationCondition.executed_with_tags(tag_keys={KEEPS_UP})
)
"""A run that nobody started has given a partition another content."""

AFTER_PARENTS: Final = (
    dg.AutomationCondition.any_deps_match(
        _changed | dg.AutomationCondition.will_be_requested()
    ).since_last_handled()
    & _ready
).with_label("an input changed, or is about to")
"""For a stage partitioned as its inputs are: it is made in one run with them."""

ACROSS_PARTITIONS: Final = (
    dg.AutomationCondition.any_deps_match(_changed).since_last_handled()
    & ~dg.AutomationCondition.any_deps_match(dg.AutomationCondition.will_be_requested())
    & _ready
).with_label("an input changed, and none is about to")
"""For a stage partitioned otherwise than its inputs: it waits until all of them are made."""


def sensor() -> dg.AutomationConditionSensorDefinition:
    """Give what looks every half minute whether something is to be made again."""
    return dg.AutomationConditionSensorDefinition(
        "keep_up",
        target=dg.AssetSelection.all(),
        default_status=dg.DefaultSensorStatus.RUNNING,
        minimum_interval_seconds=30,
        run_tags=KEEPS_UP_TAGS,
        # Runs start at once; a backfill would wait for its daemon's next look.
        emit_backfills=False,
        description="Make again what depends on what a schedule has found changed.",
    )


def is_automatic(context: dg.AssetExecutionContext) -> bool:
    """Tell whether nobody started this run."""
    return KEEPS_UP in context.run.tags
