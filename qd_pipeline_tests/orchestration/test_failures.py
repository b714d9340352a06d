"""Notification of failed runs: a line in the log, and the webhook."""

import errno
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import dagster as dg
import pytest

from qd_pipeline.orchestration.failures import LOG, Failed, notify
from qd_pipeline.orchestration.outcomes import Outcome
from qd_pipeline.orchestration.registry import STAGES
from qd_pipeline.settings import Settings
from qd_pipeline_tests.orchestration.automated import report_failure
from qd_pipeline_tests.orchestration.chain import runner

FAILED = Failed("bitmaps", "cow", "bitmaps cow is damaged: rebuild it.", "1234")


class Webhook(HTTPServer):
    """Keeps what it is told, and answers with a status."""

    def __init__(self, status: int = 200) -> None:
        super().__init__(("127.0.0.1", 0), _Listener)
        self.status = status
        self.told: list[dict[str, str]] = []
        self.url = f"http://127.0.0.1:{self.server_address[1]}/a-secret"


class _Listener(BaseHTTPRequestHandler):
    server: Webhook

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.told.append(json.loads(body))
        self.send_response(self.server.status)
        self.send_header("Location", "/elsewhere")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Keep the tests' output quiet."""


@pytest.fixture
def webhook() -> Iterator[Webhook]:
    with Webhook() as webhook:
        thread = threading.Thread(target=webhook.serve_forever, args=(0.01,))
        thread.start()
        yield webhook
        webhook.shutdown()
        thread.join()


def settings(home: Path, url: str | None = None) -> Settings:
    return Settings.load(home=home, webhook_url=url)


def lines(home: Path) -> list[str]:
    return (home / "logs" / LOG).read_text(encoding="utf-8").splitlines()


def test_a_failure_is_one_line_however_many_its_sentence_has(tmp_path: Path) -> None:
    assert notify(Failed("strokes", "cow", "bad\nnews: mend it."), settings(tmp_path)) is None
    notify(FAILED, settings(tmp_path))
    first, second = lines(tmp_path)
    assert first.endswith("strokes cow failed: bad news: mend it.")
    assert second.endswith(f"{FAILED.sentence} (Dagster run 1234)")


def test_the_webhook_is_told(tmp_path: Path, webhook: Webhook) -> None:
    assert notify(FAILED, settings(tmp_path, webhook.url)) is None
    (told,) = webhook.told
    assert told.pop("text") == str(FAILED)
    assert told == {
        "asset": "bitmaps",
        "partition": "cow",
        "sentence": FAILED.sentence,
        "run": "1234",
    }


@pytest.mark.parametrize("status", [302, 404, 500])
def test_a_webhook_that_refuses_does_no_harm(tmp_path: Path, webhook: Webhook, status: int) -> None:
    webhook.status = status
    missed = notify(FAILED, settings(tmp_path, webhook.url))
    assert missed == f"the webhook answered {status}"
    assert len(webhook.told) == 1
    assert len(lines(tmp_path)) == 1


def test_a_webhook_that_is_gone_does_no_harm_and_its_address_stays_secret(tmp_path: Path) -> None:
    with Webhook() as gone:
        url = gone.url
    missed = notify(FAILED, settings(tmp_path, url))
    assert missed is not None
    assert missed.startswith("the webhook did not answer")
    assert "a-secret" not in missed


def test_the_sensor_names_asset_partition_cause_and_remedy_of_a_failed_run(tmp_path: Path) -> None:
    made = runner(tmp_path)
    result = made.definitions.resolve_job_def("categories").execute_in_process(
        partition_key="cow",
        instance=made.instance,
        asset_selection=[dg.AssetKey("bitmaps")],
        raise_on_error=False,
    )
    assert not result.success
    report_failure(
        settings(tmp_path), made.instance, result.dagster_run, result.get_run_failure_event()
    )
    (line,) = lines(tmp_path)
    sentence = (
        "strokes cow is needed for bitmaps cow and not in the store: materialize what is "
        "stale with `qd run`."
    )
    assert f"bitmaps cow failed: {sentence} (Dagster run {result.run_id})" in line


def test_the_sensor_leaves_a_failed_run_of_a_command_to_the_command(tmp_path: Path) -> None:
    made = runner(tmp_path)
    made.materialize("cow", [made.pipeline.stages["bitmaps"]])
    assert "strokes cow is needed" in made.failures["cow"]
    (run,) = made.instance.get_runs()
    (ended,) = made.instance.all_logs(run.run_id, of_type=dg.DagsterEventType.RUN_FAILURE)
    report_failure(settings(tmp_path), made.instance, run, ended.dagster_event)
    assert not (tmp_path / "logs").exists()


def test_the_sensor_reports_a_run_whose_process_was_killed(tmp_path: Path) -> None:
    instance = runner(tmp_path).instance
    run = dg.DagsterRun(
        "categories",
        status=dg.DagsterRunStatus.STARTED,
        tags={"dagster/partition": "cow"},
        asset_selection=frozenset({dg.AssetKey("bitmaps")}),
    )
    instance.add_run(run)
    failure = instance.report_run_failed(run, "The process that made it was killed.")
    report_failure(settings(tmp_path), instance, run, failure)
    (line,) = lines(tmp_path)
    cause = "The process that made it was killed: materialize again with `qd make bitmaps cow`."
    assert f"bitmaps cow failed: {cause} (Dagster run {run.run_id})" in line


def test_an_error_of_the_operating_system_names_its_file() -> None:
    error = FileNotFoundError(errno.ENOENT, "No such file or directory", "/elsewhere/list.csv")
    sentence = Outcome(STAGES[1], "cow", error=error).sentence
    assert "strokes cow: [Errno 2] No such file or directory: '/elsewhere/list.csv'; " in sentence
