from pathlib import Path

import numpy as np
import pytest

from qd_pipeline.errors import BadSetting
from qd_pipeline.learning.data import ClassSetData
from qd_pipeline.learning.training.config import TrainingConfig
from qd_pipeline.learning.training.selection import (
    training_drawings,
    unknown_key_ids,
    validation_drawings,
)
from qd_pipeline_tests.learning.shapes import draw_shape, write_category


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> ClassSetData:
    """Return circles and lines, every third from Germany."""
    folder = tmp_path_factory.mktemp("shapes")
    countries = [("DE", "US", "FR")[row % 3] for row in range(60)]
    return ClassSetData.split(
        [
            write_category(folder, shape, draw_shape(shape, 60), countries=countries)
            for shape in ("circle", "line")
        ]
    )


def test_excluded_drawings_are_neither_trained_nor_validated_on(
    data: ClassSetData, tmp_path: Path
) -> None:
    excluded = [
        int(split.column("key_ids")[0]) for split in (data.train, data.validation, data.test)
    ]
    (tmp_path / "keys.txt").write_text("\n".join(map(str, [*excluded, 7, 9])))
    config = TrainingConfig(exclude=str(tmp_path / "keys.txt"))
    trained = training_drawings(data, config).column("key_ids")
    assert trained.tolist() == [key for key in data.train.column("key_ids") if key != excluded[0]]
    validated = validation_drawings(data, config).column("key_ids")
    assert validated.tolist() == data.validation.column("key_ids").tolist()[1:]
    assert unknown_key_ids(data, config) == 2
    assert unknown_key_ids(data, TrainingConfig()) == 0


def test_only_drawings_from_some_countries_are_trained_on(data: ClassSetData) -> None:
    config = TrainingConfig(countries="DE,FR")
    trained = training_drawings(data, config)
    assert set(trained.column("countrycodes")) == {"DE", "FR"}
    assert len(trained) == np.isin(data.train.column("countrycodes"), ["DE", "FR"]).sum()
    assert validation_drawings(data, config) is data.validation


def test_a_category_without_drawings_from_a_country_is_named(data: ClassSetData) -> None:
    with pytest.raises(BadSetting, match="circle has no training drawing left with countries: "):
        training_drawings(data, TrainingConfig(countries="AT"))
