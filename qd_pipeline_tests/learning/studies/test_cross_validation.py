from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, stdev

import numpy as np
import pytest

from qd_pipeline.errors import BadSetting, TrainingDiverged
from qd_pipeline.learning.data import ClassSetData
from qd_pipeline.learning.studies.cross_validation import (
    CrossValidation,
    Fold,
    cross_validate,
    hold_out,
)
from qd_pipeline.learning.training.config import TrainingConfig
from qd_pipeline.quickdraw.split import TEST, TRAIN, VALIDATION, split_of
from qd_pipeline_tests.learning.shapes import draw_shape, write_category, write_shapes

CONFIG = TrainingConfig("dense_baseline", epochs=2, batch_size=32, learning_rate=0.003, units=16)


@pytest.fixture(scope="module")
def shapes(tmp_path_factory: pytest.TempPathFactory) -> ClassSetData:
    return write_shapes(tmp_path_factory.mktemp("shapes"))


def keys_of(data: ClassSetData, split: str) -> set[int]:
    return set(getattr(data, split).column("key_ids").tolist())


def test_every_drawing_but_those_of_the_test_split_is_held_out_once(shapes: ClassSetData) -> None:
    parts = [hold_out(shapes, fold, 4) for fold in range(4)]
    held = [keys_of(part, "test") for part in parts]
    seen = keys_of(shapes, "train") | keys_of(shapes, "validation")
    assert set.union(*held) == seen
    assert sum(map(len, held)) == len(seen)
    assert not seen & keys_of(shapes, "test")


def test_a_fold_is_neither_trained_nor_validated_on(shapes: ClassSetData) -> None:
    part = hold_out(shapes, 0, 3)
    held = keys_of(part, "test")
    assert not held & (keys_of(part, "train") | keys_of(part, "validation"))
    for split, code in (("train", TRAIN), ("validation", VALIDATION)):
        splits = split_of(getattr(part, split).column("key_ids").astype(np.uint64))
        assert (splits == code).all()
    assert (split_of(part.test.column("key_ids").astype(np.uint64)) != TEST).all()


@dataclass
class Reported:
    """What a cross-validation reports, and its result."""

    folds: list[tuple[int, Fold]]
    progress: list[tuple[int, int]]
    result: CrossValidation


@pytest.fixture(scope="module")
def validated(shapes: ClassSetData) -> Reported:
    """Cross-validate once, in two folds."""
    folds: list[tuple[int, Fold]] = []
    progress: list[tuple[int, int]] = []
    result = cross_validate(
        shapes,
        CONFIG,
        count=2,
        on_fold=lambda number, fold: folds.append((number, fold)),
        on_progress=lambda done, total: progress.append((done, total)),
    )
    return Reported(folds, progress, result)


def test_mean_spread_and_predictions_are_those_of_the_folds(
    shapes: ClassSetData, validated: Reported
) -> None:
    result, progress = validated.result, validated.progress
    assert validated.folds == list(enumerate(result.folds))
    assert len(result.folds) == 2
    shares = [fold.accuracy.hits / fold.accuracy.count for fold in result.folds]
    assert result.figures["cv_accuracy"] == pytest.approx(fmean(shares))
    assert result.figures["cv_accuracy_sd"] == pytest.approx(stdev(shares))
    assert result.figures["cv_loss"] == pytest.approx(fmean(fold.loss for fold in result.folds))
    total = CONFIG.epochs * sum(fold.training_drawings for fold in result.folds)
    assert progress[-1] == (total, total)
    assert progress == sorted(progress)
    assert result.figures["cv_accuracy"] > 1 / 3
    predicted = result.predictions
    assert predicted is not None
    assert set(predicted["key_id"].to_pylist()) == keys_of(shapes, "train") | keys_of(
        shapes, "validation"
    )
    right = sum(row["true"] == row["predicted"] for row in predicted.to_pylist())
    assert right == sum(fold.accuracy.hits for fold in result.folds)


def test_each_fold_says_what_accuracy_hides_where_categories_are_unequal(
    validated: Reported,
) -> None:
    result = validated.result
    assert result.predictions is not None
    rows = result.predictions.to_pylist()
    for fold in result.folds:
        held, rows = rows[: fold.accuracy.count], rows[fold.accuracy.count :]
        by_category: dict[str, list[bool]] = {}
        for row in held:
            by_category.setdefault(row["true"], []).append(row["true"] == row["predicted"])
        recalls = [fmean(right) for right in by_category.values()]
        assert fold.balanced_accuracy == pytest.approx(fmean(recalls))
        assert fold.chance == max(map(len, by_category.values())) / len(held)
        assert 0 < fold.macro_f1 <= 1
    for name in ("balanced_accuracy", "macro_f1", "chance"):
        mean = fmean(getattr(fold, name) for fold in result.folds)
        assert result.figures[f"cv_{name}"] == pytest.approx(mean)


def test_a_fold_reads_back_as_it_was_written(validated: Reported) -> None:
    for fold in validated.result.folds:
        assert Fold.from_json(fold.to_json()) == fold


def test_a_fold_that_diverges_ends_the_cross_validation(shapes: ClassSetData) -> None:
    with pytest.raises(TrainingDiverged, match="give a learning rate below"):
        cross_validate(shapes, CONFIG.with_settings(learning_rate=1e30, epochs=20), count=2)


@pytest.mark.parametrize("count", [-1, 0, 1, 256])
def test_a_number_of_folds_out_of_range_is_refused(shapes: ClassSetData, count: int) -> None:
    with pytest.raises(BadSetting, match=f"folds is {count}: give a number from 2 to 255"):
        cross_validate(shapes, CONFIG, count=count)


def test_a_category_that_a_fold_lacks_is_named(tmp_path: Path, shapes: ClassSetData) -> None:
    # `line` has drawings enough to be split, and too few for two hundred folds.
    data = ClassSetData.split(
        [
            shapes.train.categories[0],
            write_category(
                tmp_path, "line", draw_shape("line", 9), key_ids=np.arange(9, dtype=np.uint64)
            ),
        ]
    )
    with pytest.raises(BadSetting, match="has too few drawings for 200 folds"):
        cross_validate(data, CONFIG, count=200)
