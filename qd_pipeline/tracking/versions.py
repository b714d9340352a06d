"""Registered versions of classifiers, and what their tags say."""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Self

from mlflow.entities.model_registry import ModelVersion

SUCCEEDED: Final = "succeeded"
SINCE: Final = "champion_since"
CLASSIFIER: Final = "classifier"
CATEGORIES: Final = "categories"
"""Tags of a version: the champion before it, since when it is one, data version, categories."""

_PREFIX: Final = "quickdraw-"


def model_of(class_set: str) -> str:
    """Return the name of a class set's registered model."""
    return f"{_PREFIX}{class_set}"


class DecidedBy(StrEnum):
    """What promoted or demoted a version last: a person or an evaluation. A tag of the version."""

    PERSON = "person"
    EVALUATION = "evaluation"


@dataclass(frozen=True)
class Version:
    """One registered version of a classifier.

    Attributes:
        model: Name of the registered model.
        number: Counted by MLflow, from 1.
        run: The MLflow run that trained and evaluated it.
        tags: Its tags in the registry.
    """

    model: str
    number: int
    run: str
    tags: Mapping[str, str]

    @classmethod
    def of(cls, found: ModelVersion) -> Self:
        """Return a version of MLflow's."""
        return cls(found.name, int(found.version), found.run_id or "", dict(found.tags))

    def __str__(self) -> str:
        return f"{self.model} version {self.number}"

    @property
    def class_set(self) -> str:
        """The key of the class set whose classifier it is."""
        return self.model.removeprefix(_PREFIX)

    @property
    def promotion(self) -> str:
        """The command that makes it the champion."""
        return f"`qd promote {self.class_set} {self.number}`"

    @property
    def categories(self) -> tuple[str, ...]:
        """The categories that it tells apart; empty where its tags do not say."""
        return tuple(json.loads(self.tags.get(CATEGORIES, "[]")))

    @property
    def synthetic(self) -> bool:
        """Whether it was trained on generated drawings."""
        return self.tags.get("synthetic") == "true"

    @property
    def was_champion(self) -> bool:
        """Whether it is or ever was the champion."""
        return SINCE in self.tags

    def tells_apart(self, categories: Collection[str]) -> bool:
        """Return whether it was trained for these categories, as far as its tags say."""
        return not self.categories or set(self.categories) == set(categories)
