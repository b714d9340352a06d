"""Comparison of the last runs as one page."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from qd_pipeline.learning.evaluation.run_comparison import RunComparison
from qd_pipeline.learning.reports import page as pages
from qd_pipeline.learning.reports import scatter


@dataclass(frozen=True)
class _Shown:
    """A class set as the page shows it."""

    compared: RunComparison
    low: float
    chart: scatter.Scatter | None


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
        scatter.Point(f"{number}", run.seconds, run.accuracy)
        for number, run in enumerate(compared.runs, start=1)
        if run.seconds is not None
    ]
    return _Shown(
        compared,
        pages.axis_from(run.accuracy for run in compared.runs),
        scatter.accuracy_against("seconds of training", points) if points else None,
    )
