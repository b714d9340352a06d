"""The stages bound to settings: partitions, configurations, inputs."""

import copy
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, get_args

from pydantic import ValidationError, create_model
from pydantic.fields import FieldInfo

from qd_pipeline.class_sets import ClassSets
from qd_pipeline.errors import BadSetting, MissingPartition
from qd_pipeline.learning.bounds import Bounds
from qd_pipeline.orchestration.partitions import By, Partitions
from qd_pipeline.orchestration.registry import STAGES
from qd_pipeline.orchestration.stage import Stage, StageConfig
from qd_pipeline.settings import Settings
from qd_pipeline.storage import Partition, PartitionReader

Inputs = Mapping[str, Mapping[str, Partition]]
"""Published partitions by input stage and key."""


class Pipeline:
    """The stages as some settings want them.

    Args:
        settings: The settings.
        stages: The stages, each after its inputs.
    """

    def __init__(self, settings: Settings, stages: Sequence[Stage] = STAGES) -> None:
        self.settings = settings
        self.stages = {stage.name: stage for stage in stages}
        self.partitions = Partitions(settings.class_sets)

    @property
    def class_sets(self) -> ClassSets:
        """Categories by class set, in the order of the network's outputs."""
        return self.settings.class_sets

    @cached_property
    def config_types(self) -> Mapping[str, type[StageConfig]]:
        """Each stage's configuration, with the settings' own values as defaults."""
        return {
            name: _with_defaults(stage.config, stage.declared(self.settings))
            for name, stage in self.stages.items()
        }

    def stage(self, name: str) -> Stage:
        """Return a stage by its name.

        Raises:
            BadSetting: There is no such stage.
        """
        if name not in self.stages:
            raise BadSetting(
                f"stage {name[:80]!r}", "is not known", f"give one of {', '.join(self.stages)}"
            )
        return self.stages[name]

    def chain(self, by: By) -> Sequence[Stage]:
        """Return the stages that `qd run` and automation materialize, in order."""
        return [each for each in self.stages.values() if each.by is by and not each.on_request]

    def config(self, stage: Stage, **given: Any) -> StageConfig:
        """Return a configuration: the settings' own values, and what is given in their place.

        Raises:
            BadSetting: A value is not valid.
        """
        config = self.config_types[stage.name]
        try:
            return config(**given)
        except ValidationError as error:
            raise _bad_config(error, config.model_fields) from None

    def declared(self, stage: Stage, made: Partition) -> StageConfig:
        """Return what a published partition is to be made with now.

        What was chosen for it by an option or in the launchpad stays chosen; the rest is as the
        settings have it now.
        """
        recorded = self.recorded(stage, made)
        chosen = made.metadata.get("chosen", ())
        return self.config(stage, **{name: recorded[name] for name in chosen if name in recorded})

    def recorded(self, stage: Stage, made: Partition) -> Mapping[str, Any]:
        """Return the configuration that a partition was made with, as far as it is known now."""
        # A partition of another version of this project may say nothing about it.
        return self.known(stage, made.metadata.get("run_config", {}))

    def known(self, stage: Stage, config: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return what is known now of a recorded configuration."""
        known = self.config_types[stage.name].model_fields
        found = {name: value for name, value in config.items() if name in known}
        if found.get("exclude"):
            # The data directory may have been moved since.
            kept = self.settings.excluded.resolve() / Path(found["exclude"]).name
            found["exclude"] = str(kept) if kept.is_file() else found["exclude"]
        return found

    def chosen(self, stage: Stage, config: StageConfig) -> list[str]:
        """Return the fields of a configuration that differ from the settings' own values."""
        own = self.config(stage).model_dump()
        return [name for name, value in config.model_dump().items() if own[name] != value]

    def input_keys(self, stage: Stage, key: str) -> Sequence[tuple[str, str, bool]]:
        """Return the partitions that a partition reads: stage, key, and whether it is optional."""
        return [
            (each.stage, upstream, each.optional)
            for each in stage.inputs
            for upstream in self.partitions.upstream_keys(
                key, of=stage.by, upstream=self.stages[each.stage].by
            )
        ]

    def read_inputs(self, stage: Stage, key: str, store: PartitionReader) -> Inputs:
        """Read the manifests of a partition's inputs, each once.

        Raises:
            MissingPartition: A required one is not in the store.
            DamagedPartition: A manifest is not what was written.
        """
        found: dict[str, dict[str, Partition]] = {each.stage: {} for each in stage.inputs}
        missing = []
        for name, upstream, optional in self.input_keys(stage, key):
            made = store.find(name, upstream)
            if made is not None:
                found[name][upstream] = made
            elif not optional:
                missing.append((name, upstream))
        if missing:
            raise MissingPartition(
                ", ".join(f"{name} {upstream}" for name, upstream in missing[:_MOST_NAMED]),
                f"{'is' if len(missing) == 1 else 'are'} needed for {stage.name} {key} and not in "
                "the store",
                f"make it with `qd make {' '.join(missing[0])}`"
                if self.stages[missing[0][0]].on_request
                else "materialize what is stale with `qd run`",
            )
        return found


_MOST_NAMED = 10


def _bad_config(error: ValidationError, known: Mapping[str, FieldInfo]) -> BadSetting:
    """Return the first error of a configuration in one sentence."""
    first = error.errors()[0]
    name = ".".join(str(part) for part in first["loc"])
    wanted = first["msg"].removeprefix("Value error, ").removeprefix("Input should be ")
    field = known.get(name)
    if field and (bounds := _bounds(field)):
        wanted = str(bounds)
    return BadSetting(name.replace("_", " "), f"is {first['input']!r:.80}", f"give {wanted}")


def _bounds(field: FieldInfo) -> Bounds | None:
    found = {
        name: bound
        for each in field.metadata
        for name in ("ge", "gt", "le", "lt")
        if (bound := getattr(each, name, None)) is not None
    }
    whole = int in (field.annotation, *get_args(field.annotation))
    if whole and "gt" in found:
        found["ge"] = found.pop("gt") + 1
    return Bounds(**found, whole=whole) if found else None


def _with_defaults(config: type[StageConfig], defaults: Mapping[str, Any]) -> type[StageConfig]:
    fields: dict[str, Any] = {}
    for name, value in defaults.items():
        field = copy.copy(config.model_fields[name])
        field.default = value
        fields[name] = (field.annotation, field)
    return create_model(config.__name__, __base__=config, __doc__=config.__doc__, **fields)
