"""MLflow's own pages, as people who train classifiers want to find them.

MLflow keeps what somebody chose (a run list's columns, say) in their browser, and can choose
nothing for everybody. So its page brings our choices along, once for each browser.
`mlflow server --app-name qd_pipeline` serves it: `app` is one of MLflow's entry points
`mlflow.app`, a function that its server calls.
"""

import json
from pathlib import Path
from typing import Final

from flask import Response, request
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from mlflow.server import app as _flask_app
from mlflow.server.fastapi_app import app as _fastapi_app
from starlette.applications import Starlette

from qd_pipeline.settings import Settings
from qd_pipeline.tracking.experiments import EXPERIMENTS

_INDEX: Final = Path(str(_flask_app.static_folder), "index.html")

# As MLflow 3.17 names them. Its pages would begin with agents, an assistant and news.
_EVERYWHERE: Final = {
    "mlflow.workflowType_v1": "machine_learning",
    "mlflow.assistant.fab.autoOpenedOnFirstLoad_v1": True,
    "_mlflow_model_registry_promo_modal_dismissed_v1": True,
}
_OF_EXPERIMENT: Final = 'MLflowLocalStorage-1.1-ExperimentPage-["{}"]-ReactComponentState'

# What somebody chose later stays: ours are laid over the state that is there, once.
_SCRIPT: Final = """<script>
const [everywhere, ofExperiments] = %s;
for (const [key, value] of Object.entries(everywhere)) localStorage[key] ??= JSON.stringify(value);
for (const [key, state] of Object.entries(ofExperiments)) {
  const given = `qd_pipeline-${key}`, text = JSON.stringify(state);
  if (localStorage[given] === text) continue;
  localStorage[key] = JSON.stringify({...JSON.parse(localStorage[key] ?? "{}"), ...state});
  localStorage[given] = text;
}
</script>"""


def app() -> Starlette:
    """Make MLflow's server with our choices in its page, over the store of the environment.

    Raises:
        qd_pipeline.errors.BadSetting: A variable of the environment is wrong.
        mlflow.exceptions.MlflowException: The store cannot be opened.
    """
    client = MlflowClient(Settings.load().mlflow_uri)

    @_flask_app.after_request
    def with_choices(response: Response) -> Response:
        if request.path != "/" or response.status_code not in {200, 304}:
            return response
        try:
            script = _choices(client)
        except MlflowException:
            return response  # its pages say themselves what is wrong with the store
        page = _INDEX.read_text(encoding="utf-8").replace("<head>", f"<head>{script}", 1)
        # Whole and never kept: experiments are made while a browser is open.
        return Response(page, headers={"Cache-Control": "no-store"})

    server: Starlette = _fastapi_app
    return server


def _choices(client: MlflowClient) -> str:
    found = [(client.get_experiment_by_name(name), name) for name in EXPERIMENTS]
    columns = {
        _OF_EXPERIMENT.format(made.experiment_id): {"selectedColumns": EXPERIMENTS[name].columns}
        for made, name in found
        if made
    }
    return _SCRIPT % json.dumps([_EVERYWHERE, columns])
