"""Statuses of Dagster runs."""

from typing import Final

import dagster as dg

ENDED: Final = (
    dg.DagsterRunStatus.SUCCESS,
    dg.DagsterRunStatus.FAILURE,
    dg.DagsterRunStatus.CANCELED,
)
"""Those of runs that have ended."""
