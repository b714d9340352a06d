"""Comparison of the last runs as one page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from qd_pipeline.learning.reports import charts
from qd_pipeline.learning.reports import page as pages

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from matplotlib.figure import Figure

    from qd_pipeline.learning.evaluation.run_comparison import RunComparison


@dataclass(frozen=True)
class _Shown:
    """A class set as the page shows it."""

    compared: RunComparison
    low: float
    chart: Figure | None

    @property
    def unequal(self) -> bool:
        """Whether accuracy misleads for one of the runs."""
        return any(run.is_imbalanced for run in self.compared.runs)


def html(found: Sequence[RunComparison], *, made: datetime) -> str:
    """Return the page: one HTML text that needs nothing from elsewhere.

    Args:
        found: Class sets, in the order of the page; one may have no runs yet.
        made: When the runs were read.
    """
    return pages.render(
        "comparison.html.j2",
        shown=[_shown(compared) for compared in found],
        synthetic=any(run.synthetic for compared in found for run in compared.runs),
        made=made,
    )


def _shown(compared: RunComparison) -> _Shown:
    points = [
        charts.Point(f"{number} ★" if run.is_champion else f"{number}", run.seconds, run.accuracy)
        for number, run in enumerate(compared.runs, start=1)
        if run.seconds is not None
    ]
    return _Shown(
        compared,
        pages.axis_from(run.accuracy for run in compared.runs),
        charts.accuracy_against("seconds of training", points) if len(points) > 1 else None,
    )
