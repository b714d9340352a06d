"""The evaluation as a page to read and as files to compute with."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import pyarrow.parquet as pq

from qd_pipeline.learning.evaluation.error_analysis import COUNTRY_DRAWINGS
from qd_pipeline.learning.reports import charts
from qd_pipeline.learning.reports import page as pages
from qd_pipeline.learning.studies import data_study

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from qd_pipeline.learning.classifier import Training
    from qd_pipeline.learning.evaluation.error_analysis import Slice
    from qd_pipeline.learning.evaluation.evaluate import Evaluation
    from qd_pipeline.learning.evaluation.promotion import PromotionDecision
    from qd_pipeline.learning.studies.data_study import DataStudy

_PAIRS_SHOWN: Final = 15
_MATRIX_UP_TO: Final = 40


@dataclass(frozen=True)
class Report:
    """The files of one evaluation.

    Args:
        page: One self-contained HTML page.
        figures: The same figures, as JSON.
        predictions: The predictions of every test drawing, as Parquet.
    """

    page: Path
    figures: Path
    predictions: Path


def write(
    folder: Path,
    evaluation: Evaluation,
    training: Training,
    *,
    source: str,
    synthetic: bool,
    decision: PromotionDecision | None = None,
    study: DataStudy | None = None,
) -> Report:
    """Write `report.html`, `evaluation.json` and `predictions.parquet` into a folder.

    Args:
        folder: One that exists.
        evaluation: The figures.
        training: How the classifier came about.
        source: Where the drawings are from, as a user should read it.
        synthetic: Whether they were generated rather than drawn by people.
        decision: Whether it becomes champion, where that was asked.
        study: What more drawings bring and unrecognised ones cost, where that was asked.
    """
    report = Report(
        folder / "report.html", folder / "evaluation.json", folder / "predictions.parquet"
    )
    page = html(
        evaluation, training, source=source, synthetic=synthetic, decision=decision, study=study
    )
    report.page.write_text(page, encoding="utf-8")
    shown = figures(
        evaluation, training, source=source, synthetic=synthetic, decision=decision, study=study
    )
    text = json.dumps(shown, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    report.figures.write_text(text, encoding="utf-8")
    pq.write_table(evaluation.predictions, report.predictions, compression="zstd")
    return report


def figures(
    evaluation: Evaluation,
    training: Training,
    *,
    source: str,
    synthetic: bool,
    decision: PromotionDecision | None = None,
    study: DataStudy | None = None,
) -> dict[str, Any]:
    """Return the figures that the page shows, as JSON takes them."""
    return {
        "source": source,
        "synthetic": synthetic,
        "training": training.to_json(),
        "evaluation": evaluation.to_json(),
        **({"promotion": decision.to_json()} if decision else {}),
        **({"data_study": study.to_json()} if study else {}),
    }


def html(
    evaluation: Evaluation,
    training: Training,
    *,
    source: str,
    synthetic: bool,
    decision: PromotionDecision | None = None,
    study: DataStudy | None = None,
) -> str:
    """Return the page: one HTML text that needs nothing from elsewhere.

    Args:
        evaluation: The figures.
        training: How the classifier came about.
        source: Where the drawings are from.
        synthetic: Whether they were generated; the page then says so first.
        decision: Whether it becomes champion, where that was asked.
        study: What more drawings bring and unrecognised ones cost, where that was asked.
    """
    return pages.render(
        "report.html.j2",
        evaluation=evaluation,
        training=training,
        source=source,
        synthetic=synthetic,
        decision=decision,
        curves=[charts.learning_curve(training.history, each) for each in ("accuracy", "loss")],
        reliability=charts.reliability(evaluation.calibration) if evaluation.calibration else (),
        show_matrix=len(evaluation.class_set) <= _MATRIX_UP_TO,
        guesses=_guesses(evaluation),
        **(data_study.shown(study) if study else {"study": None}),
    )


@dataclass(frozen=True)
class Guess:
    """One of the guesses as the page shows it: intervals on an axis from `low` to 1."""

    title: str
    lead: str
    groups: tuple[Slice, ...]
    low: float


def _guesses(evaluation: Evaluation) -> tuple[Guess, ...]:
    pairs = evaluation.category_pairs
    species = "Two categories at a time: how often is the right one of the two more probable?"
    if len(pairs) > _PAIRS_SHOWN:
        species += f" The {_PAIRS_SHOWN} hardest of {len(pairs)} pairs."
    culture = f"By country of at least {COUNTRY_DRAWINGS} test drawings, the largest first."
    if not evaluation.countries:
        culture = f"No country has {COUNTRY_DRAWINGS} test drawings here."
    return (
        _guess("Quality", "Did the game itself guess the drawing?", evaluation.recognized),
        _guess("Species", species, pairs[:_PAIRS_SHOWN]),
        _guess("Culture", culture, evaluation.countries),
        _guess("Strokes", "By the number of strokes.", evaluation.stroke_counts),
    )


def _guess(title: str, lead: str, groups: Sequence[Slice]) -> Guess:
    shown = tuple(group for group in groups if group.correct.count)
    return Guess(title, lead, shown, pages.axis_from(group.correct for group in shown))
