"""What the run list of an experiment shows.

MLflow keeps the columns that somebody chose in their browser, and has none for everybody; but
a saved view belongs to the experiment, as one of its tags: `mlflow.sharedViewState.` and a key,
with the browser's state as JSON, deflated, in Base64. It stands in the list's menu "Views",
and a link with its key opens it.
"""

import json
import zlib
from base64 import b64encode
from collections.abc import Sequence
from typing import Final

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


def tags(columns: Sequence[str], note: str) -> dict[str, str]:
    """Give the tags of an experiment: its kind, a note, and a view.

    Args:
        columns: What the view shows: "metrics.`loss`", "params.`epochs`", "tags.`source`",
            "attributes.`Duration`".
        note: Markdown that heads its page.
    """
    state = json.dumps({**_STATE, "selectedColumns": list(columns)}, separators=(",", ":"))
    packed = b64encode(zlib.compress(state.encode())).decode()
    view = {"name": _NAME, "createdAt": 0, "updatedAt": 0, "state": f"deflate;{packed}"}
    return {
        # Its pages are for training, not for agents and their traces.
        "mlflow.experimentKind": "custom_model_development",
        "mlflow.note.content": note,
        f"mlflow.sharedViewState.{KEY}": json.dumps(view, separators=(",", ":")),
    }
