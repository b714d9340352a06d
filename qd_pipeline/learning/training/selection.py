"""Selection of the drawings that a training learns from; evaluation is always on all."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from qd_pipeline.errors import BadSetting
from qd_pipeline.learning.training import key_ids

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from qd_pipeline.learning.data import CategoryData, ClassSetData, LabelledDrawings
    from qd_pipeline.learning.training.config import TrainingConfig

    Mask = Callable[[CategoryData], NDArray[np.bool_]]


def training_drawings(data: ClassSetData, config: TrainingConfig) -> LabelledDrawings:
    """Return the drawings of the training split that a configuration trains on.

    Raises:
        BadSetting: A category has none, or the file of excluded key_ids cannot be read.
    """
    kept = data.train
    for name, mask in _filters(config).items():
        kept = kept.filtered(mask)
        if kept.missing_category:
            raise BadSetting(
                f"category {kept.missing_category}",
                f"has no training drawing left with {name.replace('_', ' ')}",
                "take more drawings per category, or leave it out",
            )
    return kept


def validation_drawings(data: ClassSetData, config: TrainingConfig) -> LabelledDrawings:
    """Return the drawings of the validation split without those that are excluded.

    Raises:
        BadSetting: The file of excluded key_ids cannot be read.
    """
    return data.validation.filtered(_not_in(config.exclude)) if config.exclude else data.validation


def unknown_key_ids(data: ClassSetData, config: TrainingConfig) -> int:
    """Return how many of the excluded key_ids are of no drawing of the class set.

    Raises:
        BadSetting: The file of excluded key_ids cannot be read.
    """
    if not config.exclude:
        return 0
    known = np.concatenate([category.key_ids for category in data.train.categories])
    return int((~np.isin(key_ids.read(config.exclude), known)).sum())


def _filters(config: TrainingConfig) -> dict[str, Mask]:
    """Return the masks of the drawings to keep, by the setting that asks for them."""
    filters: dict[str, Mask] = {}
    if config.exclude:
        filters["exclude"] = _not_in(config.exclude)
    if config.only_recognized:
        filters["only_recognized"] = lambda category: category.recognized
    if config.countries:
        countries = config.countries.split(",")
        filters["countries"] = lambda category: np.isin(category.countrycodes, countries)
    return filters


def _not_in(path: str) -> Mask:
    excluded = key_ids.read(path)
    return lambda category: ~np.isin(category.key_ids, excluded)
