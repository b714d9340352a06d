"""MLflow's web page, with the columns that matter in its run lists.

MLflow keeps in each browser which columns somebody chose, and lets nobody choose for all. So the
page that `mlflow server --app-name qd_pipeline` serves brings our choices to a browser, once.
`app` is an entry point `mlflow.app`, MLflow's way to extend its server; a version of MLflow that
stores its choices under other names passes over ours.
"""

import json
from pathlib import Path
from typing import Final

from flask import Response
from mlflow.server import app as flask_app
from mlflow.server.fastapi_app import app as mlflow_app
from starlette.applications import Starlette

from qd_pipeline.tracking.experiments import EXPERIMENTS

# As MLflow 3.17 names them. Its pages would begin with agents, an assistant, news, and a notice of
# its telemetry, which is off.
_EVERYWHERE: Final = {
    "mlflow.workflowType_v1": "machine_learning",
    "mlflow.assistant.fab.autoOpenedOnFirstLoad_v1": True,
    "mlflow.telemetry.info.alert.dismissed_v1": True,
    "_mlflow_model_registry_promo_modal_dismissed_v1": True,
}

# What somebody chooses later stays: ours are laid over the state that is there, once.
_SCRIPT: Final = """<script>{
const [everywhere, columns] = %s;
for (const [key, value] of Object.entries(everywhere)) localStorage[key] ??= JSON.stringify(value);
const request = new XMLHttpRequest();
request.open("POST", "ajax-api/2.0/mlflow/experiments/search", false);
request.setRequestHeader("Content-Type", "application/json");
request.send(JSON.stringify({max_results: 1000, filter: "name LIKE 'quickdraw-%%'"}));
const found = request.status === 200 ? JSON.parse(request.responseText).experiments ?? [] : [];
for (const {experiment_id: id, name} of found) {
  const key = `MLflowLocalStorage-1.1-ExperimentPage-["${id}"]-ReactComponentState`;
  const text = JSON.stringify(columns[name]), given = `qd_pipeline-${key}`;
  if (text === undefined || localStorage[given] === text) continue;
  let state = {};
  try { state = JSON.parse(localStorage[key] ?? "{}"); } catch { /* It is no JSON: ours alone. */ }
  localStorage[key] = JSON.stringify({...state, selectedColumns: columns[name]});
  localStorage[given] = text;
}
}</script>"""


def app() -> Starlette:
    """Return MLflow's server with our choices in its page."""
    index = Path(str(flask_app.static_folder), "index.html").read_text(encoding="utf-8")
    columns = {name: experiment.columns for name, experiment in EXPERIMENTS.items()}
    script = _SCRIPT % json.dumps([_EVERYWHERE, columns])
    # Never kept: experiments are created while a browser is open.
    headers = {"Cache-Control": "no-store"}
    page = index.replace("<head>", f"<head>{script}", 1)
    # MLflow's own view of it, wherever a prefix has put it.
    flask_app.view_functions["serve"] = lambda: Response(page, headers=headers)
    server: Starlette = mlflow_app
    return server
