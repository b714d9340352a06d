"""The last runs side by side as one page."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from qd_pipeline.learning.evaluation.run_comparison import RunComparison
from qd_pipeline.learning.reports import page as pages
from qd_pipeline.learning.reports import scatter


@dataclass(frozen=True)
class _Shown:
    """A class set as the page shows it."""

    standings: RunComparison
    low: float
    chart: scatter.Scatter | None


def html(shown: Sequence[RunComparison], *, made: datetime) -> str:
    """Give the page: one HTML text that needs nothing from elsewhere.

    Args:
        shown: Class sets, in the order of the page; one may have no runs yet.
        made: When the runs were read.
    """
    return pages.render(
        "comparison.html.j2",
        shown=[_shown(standings) for standings in shown],
        synthetic=any(run.synthetic for standings in shown for run in standings.runs),
        made=made,
    )


def _shown(standings: RunComparison) -> _Shown:
    points = [
        scatter.Point(f"{number}", run.seconds, run.accuracy)
        for number, run in enumerate(standings.runs, start=1)
        if run.seconds is not None
    ]
    return _Shown(
        standings,
        pages.axis_from(run.accuracy for run in standings.runs),
        scatter.accuracy_against("seconds of training", points) if points else None,
    )
