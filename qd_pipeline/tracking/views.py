"""A saved view of an experiment's run list: the columns that matter.

It belongs to the experiment, as one of its tags: `mlflow.sharedViewState.` and a key, with the
browser's state as JSON, deflated, in Base64. It stands in the list's menu "Views", and a link
with its key opens it. Another version of MLflow that does not know it shows its own columns.
"""

import json
import zlib
from base64 import b64encode
from typing import Final

from qd_pipeline.tracking.experiments import Experiment

KEY: Final = "columns-that-matter"
"""Of our view, in links: `?viewStateShareKey=`."""

_NAME: Final = "Columns that matter"

# As MLflow 3.17 writes it; what is left out is as MLflow has it.
_STATE: Final = {
    "searchFilter": "",
    "orderByKey": "attributes.start_time",
    "orderByAsc": False,
    "startTime": "ALL",
    "lifecycleFilter": "Active",
    "datasetsFilter": [],
    "modelVersionFilter": "All Runs",
    "columnOrder": [],
    "columnWidths": {},
    "runsHiddenMode": "FIRST_20_RUNS",
    "viewMaximized": False,
    "runListHidden": False,
    "isAccordionReordered": False,
    "useGroupedValuesInCharts": True,
    "hideEmptyCharts": True,
    "groupBy": None,
    "groupsExpanded": {},
}


def tags(experiment: Experiment) -> dict[str, str]:
    """Return the tags of an experiment: its kind, its note, and a view of its columns."""
    state = {**_STATE, "selectedColumns": list(experiment.columns)}
    packed = b64encode(zlib.compress(json.dumps(state, separators=(",", ":")).encode())).decode()
    view = {"name": _NAME, "createdAt": 0, "updatedAt": 0, "state": f"deflate;{packed}"}
    return {
        # Its pages are for training, not for agents and their traces.
        "mlflow.experimentKind": "custom_model_development",
        "mlflow.note.content": experiment.note,
        f"mlflow.sharedViewState.{KEY}": json.dumps(view, separators=(",", ":")),
    }
