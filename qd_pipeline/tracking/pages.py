"""MLflow's own pages, as people who train classifiers want to find them.

MLflow keeps what somebody chose (a run list's columns, say) in their browser, and can choose
nothing for everybody. So its page brings our choices along, for browsers that have none yet.
`mlflow server --app-name qd_pipeline` serves it, as one of MLflow's entry points `mlflow.app`.
"""

import json
from pathlib import Path
from typing import Final

from flask import Response, request
from mlflow import MlflowClient
from mlflow.server import app as _flask_app
from mlflow.server.fastapi_app import app

from qd_pipeline.settings import Settings
from qd_pipeline.tracking.experiments import EXPERIMENTS

__all__ = ["app"]

_INDEX: Final = Path(str(_flask_app.static_folder), "index.html")

# As MLflow 3.17 names them. Its pages would begin with agents, an assistant and news.
_EVERYWHERE: Final = {
    "mlflow.workflowType_v1": "machine_learning",
    "mlflow.assistant.fab.autoOpenedOnFirstLoad_v1": True,
    "_mlflow_model_registry_promo_modal_dismissed_v1": True,
}
_OF_EXPERIMENT: Final = 'MLflowLocalStorage-1.1-ExperimentPage-["{}"]-ReactComponentState'

_SCRIPT: Final = """<script>
for (const [key, value] of Object.entries(%s)) localStorage[key] ??= JSON.stringify(value);
</script>"""


@_flask_app.after_request
def _with_choices(response: Response) -> Response:
    if request.path != "/" or response.status_code not in {200, 304}:
        return response
    # Whole and never kept: experiments are made while a browser is open.
    page = _INDEX.read_text(encoding="utf-8").replace("<head>", f"<head>{_script()}", 1)
    return Response(page, headers={"Cache-Control": "no-store"})


def _script() -> str:
    client = MlflowClient(Settings.from_environment().tracking_uri)
    found = {name: client.get_experiment_by_name(name) for name in EXPERIMENTS}
    columns = {
        _OF_EXPERIMENT.format(made.experiment_id): {"selectedColumns": EXPERIMENTS[name].columns}
        for name, made in found.items()
        if made
    }
    return _SCRIPT % json.dumps({**_EVERYWHERE, **columns})
