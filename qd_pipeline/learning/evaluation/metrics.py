"""The figures that classifiers are compared by, under the same names for every class set."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pyarrow.compute as pc

from qd_pipeline.learning.evaluation.intervals import Proportion

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pyarrow as pa

    from qd_pipeline.learning.classifier import Training
    from qd_pipeline.learning.evaluation.evaluate import Evaluation

_IMBALANCED_FROM: Final = 1.1
_RECALL: Final = "recall/"


def metrics_of(evaluation: Evaluation, training: Training) -> dict[str, float]:
    """Return an evaluation's figures as MLflow takes them; those without a value are left out.

    Args:
        evaluation: The evaluation.
        training: How its classifier was trained.

    Returns:
        `test_…` figures, `training_seconds`, and `recall/<category>` for each category that has
        test drawings. Shares are 0–1.
    """
    low, high = evaluation.accuracy.interval
    calibration = evaluation.calibration
    figures = {
        "test_accuracy": evaluation.accuracy.share,
        "test_accuracy_low": low,
        "test_accuracy_high": high,
        "test_chance": evaluation.chance,
        "test_balanced_accuracy": evaluation.balanced_accuracy,
        "test_macro_f1": evaluation.macro_f1,
        "test_log_loss": evaluation.log_loss,
        "test_map3": evaluation.map_at_3.value if evaluation.map_at_3 else None,
        "test_ece": calibration.error if calibration else None,
        **{f"test_top{count}_accuracy": top.share for count, top in evaluation.top.items()},
        "test_drawings": evaluation.accuracy.count,
        "training_seconds": training.seconds,
        **{f"{_RECALL}{scores.category}": scores.recall for scores in evaluation.scores},
    }
    return {name: value for name, value in figures.items() if value is not None}


def headline(figures: Mapping[str, float]) -> str:
    """Return the accuracy in one line; for imbalanced categories, with the figures that say more.

    Args:
        figures: What `metrics_of` returned.

    >>> figures = {"test_accuracy": 0.992, "test_drawings": 649, "test_chance": 0.992}
    >>> figures |= {"test_balanced_accuracy": 0.5, "test_macro_f1": 0.498}
    >>> headline({**figures, "recall/cat": 1, "recall/dog": 0}).partition("; ")[2]
    'unequal categories: balanced accuracy 50.0 %, macro F1 49.8 %, chance 99.2 %'
    """
    drawings = round(figures["test_drawings"])
    accuracy = str(Proportion(round(figures["test_accuracy"] * drawings), drawings))
    categories = sum(name.startswith(_RECALL) for name in figures)
    return accuracy + imbalance_note(figures, categories, prefix="test")


def imbalance_note(figures: Mapping[str, float], categories: int, *, prefix: str) -> str:
    """Return what is to be said after an accuracy: nothing where categories are about equal.

    Args:
        figures: Those whose names begin with `prefix`: chance, balanced accuracy, macro F1.
        categories: Number of categories.
        prefix: `test`, or `cv` for the means over folds.

    >>> figures = {"cv_chance": 0.9, "cv_balanced_accuracy": 0.55, "cv_macro_f1": 0.5}
    >>> imbalance_note(figures, 2, prefix="cv")
    '; unequal categories: balanced accuracy 55.0 %, macro F1 50.0 %, chance 90.0 %'
    """
    if not are_imbalanced(figures[f"{prefix}_chance"], categories):
        return ""
    balanced, f1, chance = (
        f"{figures[f'{prefix}_{name}'] * 100:.1f} %"
        for name in ("balanced_accuracy", "macro_f1", "chance")
    )
    return f"; unequal categories: balanced accuracy {balanced}, macro F1 {f1}, chance {chance}"


def are_imbalanced(chance: float, categories: int) -> bool:
    """Return whether accuracy misleads: the largest category exceeds an equal share by a tenth.

    >>> are_imbalanced(0.988, 2), are_imbalanced(0.52, 2)
    (True, False)
    """
    return chance * categories > _IMBALANCED_FROM


def chance_of(predictions: pa.Table) -> float:
    """Return the accuracy of always naming the largest category of the test drawings, 0–1."""
    counts = pc.value_counts(predictions["true"].cast("string"))
    largest: int = pc.max(counts.field("counts")).as_py() or 0
    return largest / predictions.num_rows if predictions.num_rows else 0.0
