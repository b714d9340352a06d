"""The evaluation as a page to read and as files to compute with."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import pyarrow.parquet as pq

from qd_pipeline.learning.evaluation.error_analysis import MIN_COUNTRY_DRAWINGS
from qd_pipeline.learning.evaluation.predictions_table import FEW
from qd_pipeline.learning.figures import write_json
from qd_pipeline.learning.reports import charts, many_categories
from qd_pipeline.learning.reports import page as pages
from qd_pipeline.learning.studies import data_study

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    from qd_pipeline.learning.classifier import Training
    from qd_pipeline.learning.evaluation.error_analysis import Slice
    from qd_pipeline.learning.evaluation.evaluate import Evaluation
    from qd_pipeline.learning.evaluation.promotion import PromotionDecision
    from qd_pipeline.learning.studies.data_study import DataStudy

_PAIRS_SHOWN: Final = 15
_CONFUSIONS_SHOWN: Final = 6
_CURVES_UP_TO: Final = 16
_METRICS: Final = ("accuracy", "loss")

PAGE: Final = "report.html"
FIGURES: Final = "evaluation.json"
PREDICTIONS: Final = "predictions.parquet"
"""Files of an evaluation: a self-contained page, the same figures, what was predicted."""


@dataclass(frozen=True, kw_only=True)
class Header:
    """What was evaluated, where and when: the head of the report.

    Args:
        made: When.
        class_set: Partition key of the class set.
        source: Where the drawings are from, as a user should read it.
        synthetic: Whether they were generated; the page then says so first.
        model: The registered version, or empty.
        run_link: Page of the MLflow run, or empty.
        commit: Of the code, or empty where it is not known.
        versions: Of the software, by name.
    """

    made: datetime
    class_set: str
    source: str
    synthetic: bool
    model: str = ""
    run_link: str = ""
    commit: str = ""
    versions: Mapping[str, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return the values by name."""
        return {**vars(self), "made": self.made.isoformat(timespec="seconds")}


@dataclass(frozen=True)
class EvaluationReport:
    """What a report shows.

    Args:
        evaluation: The figures.
        training: How the classifier was trained.
        header: What was evaluated, where and when.
        decision: Whether it becomes champion, where that was decided.
        study: The data study of the same drawings, where there is one.
    """

    evaluation: Evaluation
    training: Training
    header: Header
    decision: PromotionDecision | None = None
    study: DataStudy | None = None

    def write(self, folder: Path) -> None:
        """Write page, figures and predictions into a folder that exists."""
        (folder / PAGE).write_text(self.html(), encoding="utf-8")
        # A line a figure would make megabytes of a large matrix.
        indent = 2 if len(self.evaluation.class_set) <= FEW else None
        write_json(folder / FIGURES, self._figures(), indent=indent)
        pq.write_table(self.evaluation.predictions, folder / PREDICTIONS, compression="zstd")

    def _figures(self) -> dict[str, Any]:
        return {
            **self.header.to_json(),
            "training": self.training,
            "evaluation": self.evaluation,
            **({"promotion": self.decision} if self.decision else {}),
            **({"data_study": self.study} if self.study else {}),
        }

    def html(self) -> str:
        """Return the page: one HTML text that needs nothing from elsewhere."""
        evaluation, training = self.evaluation, self.training
        categories, predictions = evaluation.class_set, evaluation.predictions
        few = len(categories) <= FEW
        curves = [each for each in evaluation.scores if each.support and evaluation.calibration]
        return pages.render(
            "report.html.j2",
            header=self.header,
            evaluation=evaluation,
            largest=max(evaluation.scores, key=lambda scores: scores.support).category,
            training=training,
            decision=self.decision,
            loss_differs=_loss_differs(training),
            cells={
                (categories.index(each.category), categories.index(each.predicted)): each
                for each in (evaluation.confusions if few else ())
            },
            confusions=evaluation.confusions[:_CONFUSIONS_SHOWN],
            slices=_slices(evaluation),
            learning_curves=[charts.learning_curves(training.history, [name]) for name in _METRICS],
            reliability=charts.reliability(evaluation.calibration)
            if evaluation.calibration
            else (),
            coverage=charts.coverage(evaluation.coverage) if evaluation.coverage else None,
            precision_recall={
                each.category: charts.precision_recall(each.category, predictions)
                for each in (curves if len(categories) <= _CURVES_UP_TO else ())
            },
            **({"many": None} if few else many_categories.shown(evaluation)),
            **(data_study.shown(self.study) if self.study else {"study": None}),
        )


def _loss_differs(training: Training) -> str:
    """Return why the loss that was minimised is not the log loss; empty if it is."""
    config = training.config
    reasons = {
        f"with labels smoothed by {config.label_smoothing:g}": config.label_smoothing > 0,
        "before calibration": training.temperature != 1,
        "without flip averaging": config.flip_averaging,
    }
    return ", ".join(reason for reason, holds in reasons.items() if holds)


@dataclass(frozen=True)
class SliceChart:
    """Slices as the page shows them: intervals on an axis from `low` to 1."""

    title: str
    lead: str
    slices: tuple[Slice, ...]
    low: float
    beside_accuracy: bool = True


def _slices(evaluation: Evaluation) -> tuple[SliceChart, ...]:
    pairs = evaluation.category_pairs
    similar = "How often the right one of two categories is the more probable one."
    if len(evaluation.class_set) > FEW:
        similar += f" The {_PAIRS_SHOWN} hardest of those that are most often confused."
    elif len(pairs) > _PAIRS_SHOWN:
        similar += f" The {_PAIRS_SHOWN} hardest of {len(pairs)} pairs."
    countries = f"Of at least {MIN_COUNTRY_DRAWINGS} test drawings, the weakest first."
    if not evaluation.countries:
        countries = f"No country has {MIN_COUNTRY_DRAWINGS} test drawings here."
    return (
        _chart(
            "Recognised by the game?",
            "Did the game itself recognise the drawing?",
            evaluation.recognized,
        ),
        _chart("Similar pairs", similar, pairs[:_PAIRS_SHOWN], beside_accuracy=False),
        _chart("Countries", countries, evaluation.countries),
        _chart("Strokes", "By the number of strokes.", evaluation.stroke_counts),
    )


def _chart(
    title: str, lead: str, slices: Sequence[Slice], *, beside_accuracy: bool = True
) -> SliceChart:
    shown = tuple(part for part in slices if part.correct.count)
    low = pages.axis_from(part.correct for part in shown)
    return SliceChart(title, lead, shown, low, beside_accuracy)
