"""Dagster's daemon killed in the middle of a backfill: after a restart it completes."""

from pathlib import Path

from qd_pipeline.definitions import workshop_of
from qd_pipeline.orchestration import instance, recovery
from qd_pipeline.settings import Settings
from qd_pipeline.store import Store
from qd_pipeline_tests.daemon import WORKSPACE, answers, ask, kill, started, wait_until
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
    dagster = instance.of(home)
    web = ("dagster-webserver", *WORKSPACE, "-p", str(port), "-h", "127.0.0.1")
    store = Store(home / "store")
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
            wait_until(lambda: any((home / "store").glob("*/*/manifest.json")))
            kill(daemon)
        # As `qd ui` does before it starts the daemon.
        settings = Settings.from_environment({"QD_HOME": str(home)})
        recovery.recover(workshop_of(settings), dagster)
        with started(home, "dagster-daemon", "run", *WORKSPACE, QD_DRAWINGS="20"):

            def status() -> str:
                found = ask(port, STATUS, id=launched["backfillId"])["partitionBackfillOrError"]
                return str(found["status"])

            wait_until(lambda: status().startswith("COMPLETED") or status().startswith("FAIL"))
            assert status() == "COMPLETED_SUCCESS"
    for stage in STAGES:
        for animal in ANIMALS:
            store.read(stage, animal).verified()
