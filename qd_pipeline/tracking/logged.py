"""An MLflow run, read back."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Self

from mlflow.entities import Run


@dataclass(frozen=True)
class LoggedRun:
    """One MLflow run, as values.

    Attributes:
        id: Its id.
        link: Its page in MLflow's UI.
        started: Start time.
        params: Settings, as text.
        metrics: The last value of each.
        tags: Ours and MLflow's.
    """

    id: str
    link: str
    started: datetime
    params: Mapping[str, str]
    metrics: Mapping[str, float]
    tags: Mapping[str, str]

    @classmethod
    def of(cls, run: Run, link: str) -> Self:
        """Return the values of a run of MLflow's."""
        return cls(
            id=run.info.run_id,
            link=link,
            started=datetime.fromtimestamp(run.info.start_time / 1000, UTC),
            params=dict(run.data.params),
            metrics=dict(run.data.metrics),
            tags=dict(run.data.tags),
        )
