"""One machine over servers: PostgreSQL behind Dagster and MLflow, partitions in a bucket."""

import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import obstore
import pytest

from qd_pipeline.storage import PartitionStore
from qd_pipeline_tests.cluster.conftest import CHAIN
from qd_pipeline_tests.cluster.deployment import AN_HOUR_AHEAD, Deployment, contents, qd, rows
from qd_pipeline_tests.cluster.services import PASSWORD, SECRET_KEY
from qd_pipeline_tests.tracking.server import Gate

NAME = "dagster"
"""Of the database and the prefix of the store."""

OPEN = "SELECT count(*) FROM runs WHERE status NOT IN ('SUCCESS', 'FAILURE', 'CANCELED')"


@pytest.fixture(scope="module")
def home(servers: Deployment, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Run the chain over the servers; return the data directory."""
    folder = tmp_path_factory.mktemp("over-servers")
    qd(folder, {**servers.settings(NAME), "QD_HOME": str(folder / "home")}, *CHAIN)
    return folder / "home"


def test_the_chain_over_servers_gives_bit_for_bit_what_one_machine_gives(
    servers: Deployment,
    home: Path,
    one_machine: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    own = contents(PartitionStore(one_machine))
    assert contents(servers.store(NAME, monkeypatch, tmp_path)) == own
    # Only what is temporary is left on the machine: no partitions, no databases.
    assert not (home / "store").exists()
    assert not list(home.glob("**/*.db"))


def test_credentials_are_in_no_database_bucket_log_or_file(
    servers: Deployment, home: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    bucket = servers.store(NAME, monkeypatch, tmp_path)._objects._bucket  # type: ignore[attr-defined]
    stored = b"".join(
        obstore.get(bucket, found["path"]).bytes().to_bytes()
        for page in obstore.list(bucket)
        for found in page
    )
    files = b"".join(file.read_bytes() for file in home.rglob("*") if file.is_file())
    logs = b"".join(file.read_bytes() for file in servers.folder.glob("*.log"))
    everything = {
        "Dagster's database": rows(servers.postgres, NAME).encode(),
        "MLflow's database": rows(servers.postgres, "mlflow").encode(),
        "the bucket": stored,
        "the data directory": files,
        "the servers' logs": logs,
    }
    for place, text in everything.items():
        assert text, place
        for secret in (PASSWORD, SECRET_KEY):
            assert secret.encode() not in text, place


def test_a_database_that_is_restarted_while_a_step_is_at_work_costs_nothing(
    servers: Deployment, home: Path, tmp_path: Path
) -> None:
    def restart() -> None:
        servers.postgres.stop()
        servers.postgres.start()

    assert "bitmaps cow is materialized." in bitmaps_made_while(restart, servers, home, tmp_path)
    assert servers.postgres.ask(
        NAME, "SELECT pg_postmaster_start_time() > now() - '5 min'::interval"
    )


def test_a_bucket_that_is_away_for_twenty_seconds_is_waited_for(
    servers: Deployment, home: Path, tmp_path: Path
) -> None:
    said = bitmaps_made_while(lambda: time.sleep(20), servers, home, tmp_path)
    assert "bitmaps cow is materialized." in said


def bitmaps_made_while(
    happens: Callable[[], None], servers: Deployment, home: Path, folder: Path
) -> str:
    """Run a step; when it stores its first file, shut the bucket until something has happened.

    Meanwhile the step waits, and asks no server anything.
    """
    port = urlsplit(servers.bucket["AWS_ENDPOINT_URL"]).port
    assert port is not None
    gate, opened = Gate(port), threading.Event()
    gate.shut_at = b"PUT /drawings/dagster/content/"

    def open_again() -> None:
        while gate.shut_at:
            time.sleep(0.1)
        happens()
        gate.open()
        opened.set()

    threading.Thread(target=open_again, daemon=True).start()
    settings = {**servers.settings(NAME), "QD_HOME": str(home), "AWS_ENDPOINT_URL": gate.url}
    said = qd(folder, settings, "make", "bitmaps", "cow")
    assert opened.is_set()
    return said


@pytest.mark.skipif(shutil.which("faketime") is None, reason="needs Debian's package faketime")
def test_machines_with_clocks_an_hour_apart_may_write_one_partition_at_once(
    servers: Deployment, home: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert home.exists()
    store = servers.store(NAME, monkeypatch, tmp_path)
    before = store.read("strokes", "cow")

    def make(name: str, on: Sequence[str]) -> str:
        machine = {**servers.settings(NAME), "QD_HOME": str(tmp_path / name)}
        return qd(tmp_path, machine, "make", "strokes", "cow", on=on)

    with ThreadPoolExecutor() as machines:
        right, wrong = machines.map(make, ("right", "wrong"), ((), AN_HOUR_AHEAD))
    for said in (right, wrong):
        assert "strokes cow is materialized." in said
    # Whichever came last: one partition, whole, and neither run was taken for abandoned.
    made = servers.store(NAME, monkeypatch, tmp_path).read("strokes", "cow")
    assert before.sequence < made.sequence <= before.sequence + 2
    assert (made.files, made.fingerprint) == (before.files, before.fingerprint)
    assert servers.postgres.ask(NAME, OPEN) == 0
    settings = {**servers.settings(NAME), "QD_HOME": str(tmp_path / "wrong")}
    said = qd(tmp_path, settings, "doctor", on=AN_HOUR_AHEAD)
    assert "s behind this machine's: set both by NTP" in said


def test_a_machine_with_a_full_disk_says_so_in_a_sentence_and_leaves_the_partition_as_it_was(
    servers: Deployment, home: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=32k", "tmpfs", str(disk)]
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("needs the right to mount a small disk")
    store = servers.store(NAME, monkeypatch, tmp_path)
    before = store.read("strokes", "cow")
    settings = {**servers.settings(NAME), "QD_HOME": str(home), "QD_CACHE": str(disk)}
    try:
        said = qd(tmp_path, settings, "make", "strokes", "cow", code=1)
    finally:
        subprocess.run(["umount", "--lazy", str(disk)], check=True)
    assert said.count("✗") == 1
    assert "No space left on device" in said
    assert "Traceback" not in said
    after = servers.store(NAME, monkeypatch, tmp_path / "again").read("strokes", "cow")
    assert after == before
    assert servers.postgres.ask(NAME, OPEN) == 0


def test_doctor_says_in_a_sentence_each_what_cannot_be_used(
    servers: Deployment, home: Path, tmp_path: Path
) -> None:
    settings = {
        **servers.settings(NAME),
        "QD_HOME": str(home),
        "QD_STORE": "s3://nowhere/x",
        "QD_DAGSTER_STORAGE": f"postgresql://qd:wrong@127.0.0.1:{servers.postgres.port}/dagster",
        "MLFLOW_TRACKING_URI": "http://127.0.0.1:9",
    }
    said = qd(tmp_path, settings, "doctor", code=1)
    assert said.count("✗") == 3
    assert "s3://nowhere/x is in a bucket that does not exist: create the bucket." in said
    assert "Dagster's database does not answer as it should (connection to server" in said
    assert "MLflow" in said
    assert "Traceback" not in said


SHARE = """
import sys
from qd_pipeline.learning.studies import shared_trials

url, worker = sys.argv[1], int(sys.argv[2])

def point(number, known):
    # Each knows all that are three points before it, and no other.
    assert [trial.user_attrs["point"] for trial in known] == list(range(max(0, number - 2)))
    return {"x": number + sum(trial.value for trial in known)}

def evaluate(trial, known, done):
    return trial.suggest_float("x", 0, 1e9) / 2

with shared_trials.opened(url, "shared", 1, alone=False) as study:
    found = shared_trials.work_through(study, 12, point, evaluate, workers=3, worker=worker)
print(*[trial.value for trial in found or ()])
"""


def test_workers_at_the_same_moment_try_each_point_once_and_find_what_one_alone_finds(
    servers: Deployment,
) -> None:
    url = servers.postgres.url("studies").replace("postgresql:", "postgresql+psycopg2:")
    command = [sys.executable, "-W", "ignore", "-c", SHARE]
    workers = [
        subprocess.Popen([*command, url, str(number)], stdout=subprocess.PIPE, text=True)
        for number in range(3)
    ]
    said = [worker.communicate(timeout=300)[0].split() for worker in workers]
    assert [worker.returncode for worker in workers] == [0, 0, 0]
    values: list[float] = []
    for number in range(12):
        values.append((number + sum(values[: max(0, number - 2)])) / 2)
    assert said == [[str(value) for value in values], [], []]
    complete = (
        "SELECT count(*) FROM trials JOIN studies USING (study_id) "
        "WHERE study_name = 'shared' AND state = 'COMPLETE'"
    )
    assert servers.postgres.ask("studies", complete) == 12
