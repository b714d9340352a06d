"""Dagster's daemon killed in the middle of a backfill: after a restart it completes."""

from pathlib import Path

from qd_pipeline.orchestration import recovery
from qd_pipeline_tests.daemon import WORKSPACE, answers, ask, kill, started, wait_until
from qd_pipeline_tests.orchestration.chain import runner
from qd_pipeline_tests.tracking.server import free_port

STAGES = ("raw_drawings", "strokes", "bitmaps")
ANIMALS = ("cow", "panda")

LAUNCH = """
mutation($params: LaunchBackfillParams!) {
  launchPartitionBackfill(backfillParams: $params) {
    ... on LaunchBackfillSuccess { backfillId }
    ... on PythonError { message }
  }
}"""
STATUS = """
query($id: String!) {
  partitionBackfillOrError(backfillId: $id) { ... on PartitionBackfill { status } }
}"""


def test_a_backfill_whose_daemon_is_killed_completes_after_a_restart(tmp_path: Path) -> None:
    home, port = tmp_path / "home", free_port()
    made = runner(home)
    # The instance is there before its web server.
    assert made.instance.root_directory
    web = ("dagster-webserver", *WORKSPACE, "-p", str(port), "-h", "127.0.0.1")
    with started(home, *web, QD_DRAWINGS="20"):
        wait_until(lambda: answers(port))
        with started(home, "dagster-daemon", "run", *WORKSPACE, QD_DRAWINGS="20") as daemon:
            launched = ask(
                port,
                LAUNCH,
                params={
                    "assetSelection": [{"path": [stage]} for stage in STAGES],
                    "partitionNames": ANIMALS,
                },
            )["launchPartitionBackfill"]
            assert "backfillId" in launched, launched
            wait_until(lambda: any((home / "store").glob("manifests/*/*/*.json")))
            kill(daemon)
        # As `qd ui` does before it starts the daemon.
        recovery.recover(made.pipeline, made.store, made.tracker, made.instance)
        with started(home, "dagster-daemon", "run", *WORKSPACE, QD_DRAWINGS="20"):

            def status() -> str:
                found = ask(port, STATUS, id=launched["backfillId"])["partitionBackfillOrError"]
                return str(found["status"])

            wait_until(lambda: status().startswith("COMPLETED") or status().startswith("FAIL"))
            assert status() == "COMPLETED_SUCCESS"
    for stage in STAGES:
        for animal in ANIMALS:
            made.store.open_all(made.store.read(stage, animal))
