"""The tracking server's and the mirror's passwords are in nothing that is shown or kept."""

import os
import threading
from base64 import b64encode
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import mlflow
import pytest
from mlflow import MlflowClient

from qd_pipeline import tracking_uri
from qd_pipeline.errors import TrackingFailed
from qd_pipeline.quickdraw import sample
from qd_pipeline.tracking import DATA, Tracker
from qd_pipeline_tests.commands import qd
from qd_pipeline_tests.homes import prepare
from qd_pipeline_tests.mirror import Mirror

USER, PASSWORD = "alice", "s3cr3t/of:hers"
IN_URI = "alice:s3cr3t%2Fof:hers@"


class Refusing(BaseHTTPRequestHandler):
    """A server that wants other credentials, and notes those that it gets."""

    seen: set[str | None] = set()  # noqa: RUF012 (one for the test)

    def do_GET(self) -> None:
        self.seen.add(self.headers.get("Authorization"))
        self.send_error(401)

    def do_POST(self) -> None:
        self.do_GET()

    def log_message(self, *_: object) -> None:
        """Print nothing."""


def test_the_credentials_of_the_address_reach_the_server_and_no_error(tmp_path: Path) -> None:
    server = HTTPServer(("127.0.0.1", 0), Refusing)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://{IN_URI}127.0.0.1:{server.server_port}"
    with pytest.raises(TrackingFailed) as refused:
        Tracker(url, tmp_path / "mlartifacts", "http://x").run_list(DATA)
    server.shutdown()
    assert Refusing.seen == {f"Basic {b64encode(f'{USER}:{PASSWORD}'.encode()).decode()}"}
    assert "s3cr3t" not in str(refused.value)
    assert "s3cr3t" not in mlflow.get_tracking_uri()
    assert "MLFLOW_TRACKING_URI" not in os.environ


def test_a_users_own_credentials_in_the_environment_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "bob")
    Tracker("http://127.0.0.1:1", tmp_path / "mlartifacts", "http://x")
    assert os.environ["MLFLOW_TRACKING_USERNAME"] == "bob"
    assert tracking_uri.split_credentials("http://host/x") == ("http://host/x", None, None)


def test_a_whole_chain_shows_and_keeps_no_password(
    port: int, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    home, output = prepare(tmp_path / "home"), tmp_path / "output.txt"
    environment = {"MLFLOW_TRACKING_URI": f"http://{IN_URI}127.0.0.1:{port}"}
    with Mirror(tmp_path / "mirror") as mirror:
        for category in ("cow", "panda"):
            mirror.write(category, b"".join(sample.ndjson_lines(category, 30, 0)))
        url = mirror.url.replace("//", "//somebody:topsecret@") + "?token=alsosecret"
        place = ("--source", url, "--home", str(home))
        chosen = ("--class-set", "2", "--epochs", "1", "--drawings", "30")
        small = ("--network", "dense_baseline", "--units", "8")
        with qd(output, "run", *chosen, *small, *place, environment=environment) as command:
            assert command.end() == 0, command.printed
        assert "Authorization" in mirror.asked("cow")[0].headers
        (mirror.folder / "full" / "simplified" / "cow.ndjson").unlink()
        again = ("make", "raw_drawings", "cow", *place)
        with qd(tmp_path / "again.txt", *again, environment=environment) as failed:
            assert failed.end() == 1
    with qd(tmp_path / "send.txt", "send", "--home", str(home), environment=environment) as sent:
        assert sent.end() == 0, sent.printed
    server = tmp_path_factory.getbasetemp().glob("server*/**/*")
    kept = [path for path in (*tmp_path.rglob("*"), *server) if path.is_file()]
    assert any(path.name == "confusion_matrix.png" for path in kept)
    assert any("dagster" in path.parts for path in kept)
    secrets = (b"s3cr3t", b"topsecret", b"alsosecret")
    assert [path for path in kept if any(each in path.read_bytes() for each in secrets)] == []
    client = MlflowClient(f"http://127.0.0.1:{port}")
    runs = client.search_runs([each.experiment_id for each in client.search_experiments()])
    assert runs
    told = repr([each.to_dictionary() for each in runs])
    assert not any(each.decode() in told for each in secrets)
    # Nor does MLflow print a line for each run.
    assert "View run" not in command.printed
