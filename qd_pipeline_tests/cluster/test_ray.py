"""Two Ray nodes without a shared folder: runs are submitted from a third place, and followed."""

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from qd_pipeline.storage import PartitionStore
from qd_pipeline_tests.cluster.conftest import CHAIN, FOLDS, SEARCH
from qd_pipeline_tests.cluster.deployment import STAGES, Deployment, contents, qd, rows, trials
from qd_pipeline_tests.cluster.services import PASSWORD, SECRET_KEY, program, running, wait_until

pytest.importorskip("dagster_ray", reason="needs the extra ray")

from qd_pipeline_tests.cluster.engine import Engine, engine_over
from qd_pipeline_tests.cluster.ray_nodes import kill

NAME = "ray"
"""Of the database and the prefix of the store."""


@pytest.fixture(scope="module")
def engine(servers: Deployment, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """Run two nodes, and Dagster's web server and daemon over them."""
    with engine_over(servers, NAME, tmp_path_factory.mktemp("deployment")) as engine:
        yield engine


@pytest.fixture(scope="module")
def followed(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Begin the chain, leave it with Ctrl-C, and follow it; return what both commands said.

    In between the daemon and the web server are killed, and started again.
    """
    folder = tmp_path_factory.mktemp("followed")
    log = folder / "left.log"
    with running([*program("qd"), *CHAIN], log, engine.settings, folder) as process:
        wait_until(lambda: len(engine.jobs()) > 1, process, log, 300)
        os.kill(process.pid, signal.SIGINT)
        assert process.wait(60) == 130
    assert engine.ui is not None
    kill(engine.ui)
    engine.start_ui()
    return f"{' '.join(log.read_text().split())}\n{qd(folder, engine.settings, *CHAIN)}"


@pytest.fixture
def store(
    followed: str, servers: Deployment, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> PartitionStore:
    """Return the deployment's store, with what the chain has made."""
    assert followed
    return servers.store(NAME, monkeypatch, tmp_path)


def test_runs_that_are_left_go_on_while_the_daemon_is_killed_and_the_same_command_follows_them(
    followed: str,
) -> None:
    left, then = followed.split("\n")
    assert "runs go on at http://127.0.0.1:" in left
    assert "materialized" in then or "Everything is up to date" in then
    assert "✗" not in then


def test_two_nodes_give_bit_for_bit_what_one_machine_gives(
    engine: Engine, store: PartitionStore, one_machine: str
) -> None:
    assert contents(store) == contents(PartitionStore(one_machine))
    # Nothing was made twice, and both nodes took part.
    assert {store.read(stage, key).sequence for stage in STAGES for key in ("cow", "panda")} == {1}
    assert len({job["driver_node_id"] for job in engine.jobs()}) == 2
    assert not any((engine.cluster.folder / name / "store").exists() for name in ("head", "worker"))


def test_a_classifier_that_a_node_has_trained_answers_where_it_is_asked(
    engine: Engine, followed: str, tmp_path: Path
) -> None:
    assert followed
    drawing = tmp_path / "drawing.ndjson"
    drawing.write_text('{"drawing": [[[0, 120, 255], [10, 200, 0]], [[30, 60], [200, 90]]]}\n')
    (answer,) = json.loads(qd(tmp_path, engine.settings, "predict", "--json", str(drawing)))
    assert answer["classifier"].endswith("champion")
    assert {each["category"] for each in answer["categories"]} == {"cow", "panda"}
    assert "champion" in qd(tmp_path, engine.settings, "status")


def test_two_nodes_share_a_search_and_its_trials_are_those_of_one_machine(
    engine: Engine, store: PartitionStore, servers: Deployment, one_machine: str, tmp_path: Path
) -> None:
    before = {job["submission_id"] for job in engine.jobs()}
    qd(tmp_path, engine.settings, *SEARCH)
    nodes = {job["driver_node_id"] for job in engine.jobs() if job["submission_id"] not in before}
    assert len(nodes) == 2
    own = trials(PartitionStore(one_machine))
    assert trials(store) == own
    # The nodes shared them: each trial was evaluated once, in the common database.
    ended = (
        "SELECT count(*) FROM trials JOIN studies USING (study_id) "
        "WHERE study_name LIKE '2-%' AND state IN ('COMPLETE', 'PRUNED')"
    )
    assert servers.postgres.ask("studies", ended) == len(own)
    assert store.read("searches", "2").sequence == 1


def test_two_nodes_share_the_folds_of_a_cross_validation_to_what_one_machine_finds(
    engine: Engine, store: PartitionStore, one_machine: str, tmp_path: Path
) -> None:
    before = {job["submission_id"] for job in engine.jobs()}
    qd(tmp_path, engine.settings, *FOLDS)
    nodes = {job["driver_node_id"] for job in engine.jobs() if job["submission_id"] not in before}
    assert len(nodes) == 2
    found = store.read("cross_validations", "2")
    own = PartitionStore(one_machine).read("cross_validations", "2")
    assert found.files["predictions.parquet"] == own.files["predictions.parquet"]
    assert found.fingerprint == own.fingerprint
    # Each was trained once.
    folds = [store.read(f"cross_validation_fold_{number}", "2") for number in range(4)]
    assert [fold.sequence for fold in folds] == [1, 1, 1, 1]


def test_credentials_are_in_no_description_of_a_job_and_no_log_of_a_node(
    engine: Engine, followed: str, servers: Deployment
) -> None:
    assert followed
    logs = engine.cluster.folder.rglob("*")
    texts = {
        "Ray's jobs": json.dumps(engine.jobs()).encode(),
        "Dagster's database": rows(servers.postgres, NAME).encode(),
        "the nodes' files": b"".join(file.read_bytes() for file in logs if file.is_file()),
    }
    for place, text in texts.items():
        assert text, place
        for secret in (PASSWORD, SECRET_KEY):
            assert secret.encode() not in text, place


def test_doctor_says_that_all_can_be_used(engine: Engine, followed: str, tmp_path: Path) -> None:
    assert followed
    said = qd(tmp_path, engine.settings, "doctor")
    assert "store: s3://drawings/ray creates once, reads ranges, lists and deletes." in said
    assert "(PostgreSQL" in said
    assert f"and so does Ray {engine.cluster.address}" in said
    assert "holds our experiments" in said
    assert "✗" not in said
    assert PASSWORD not in said


def training_begins(servers: Deployment) -> bool:
    begun = (
        "SELECT count(*) FROM runs JOIN event_logs USING (run_id) WHERE status = 'STARTED' "
        "AND step_key = 'classifiers' AND dagster_event_type = 'STEP_START'"
    )
    return bool(servers.postgres.ask(NAME, begun))


def test_runs_whose_node_is_killed_are_made_again_on_another(
    engine: Engine,
    followed: str,
    servers: Deployment,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    assert followed
    before = {job["submission_id"] for job in engine.jobs()}
    log = tmp_path / "log"
    retries = "SELECT count(*) FROM run_tags WHERE key = 'dagster/auto_retry_run_id'"
    repeated = servers.postgres.ask(NAME, retries)
    worker = engine.cluster.worker
    assert worker is not None
    # Another number of drawings: both categories are made again, each by a run on its own node. The
    # training asks for a GPU, which only nodes have that start later; Ray takes our word for it.
    command = [*program("qd"), *CHAIN[:4], "160", *CHAIN[5:]]
    settings = {**engine.settings, "QD_ENGINE_GPUS": "1"}
    with ExitStack() as trainers, running(command, log, settings, tmp_path) as process:

        def running_jobs() -> int:
            new = [job for job in engine.jobs() if job["submission_id"] not in before]
            return sum(job["status"] == "RUNNING" for job in new)

        wait_until(lambda: running_jobs() == 2, process, log, 300)
        kill(worker)
        trainer = trainers.enter_context(engine.cluster.start_worker("trainer", "--num-gpus=1"))
        wait_until(lambda: training_begins(servers), process, log, 300)
        kill(trainer)
        trainers.enter_context(engine.cluster.start_worker("second trainer", "--num-gpus=1"))
        assert process.wait(500) == 0, log.read_text()
    store = servers.store(NAME, monkeypatch, tmp_path)
    for key in ("cow", "panda"):
        # It reads whole, and one more was made of each: nothing is lost, nothing is there twice.
        made = store.read("bitmaps", key)
        store.open_all(made)
        assert made.sequence == 2
    assert store.read("classifiers", "2").sequence == 2
    said = subprocess.run(
        [*program("qd"), "status"],
        check=True,
        env={**os.environ, **engine.settings},
        capture_output=True,
        text=True,
        cwd=tmp_path,
    ).stdout
    assert "stale" not in said
    # That of the worker and that of the trainer.
    assert servers.postgres.ask(NAME, retries) - repeated >= 2


def test_ctrl_c_pressed_twice_ends_the_runs(
    engine: Engine, followed: str, servers: Deployment, tmp_path: Path
) -> None:
    assert followed
    log, jobs = tmp_path / "log", len(engine.jobs())
    command = [*program("qd"), "make", "classifiers", "2"]
    with running(command, log, engine.settings, tmp_path) as process:
        wait_until(lambda: len(engine.jobs()) > jobs, process, log, 300)
        os.kill(process.pid, signal.SIGINT)
        wait_until(lambda: "Ctrl-C again ends them" in log.read_text(), process, log)
        os.kill(process.pid, signal.SIGINT)
        assert process.wait(240) == 130
    last = "SELECT status FROM runs ORDER BY id DESC LIMIT 1"
    wait_until(lambda: servers.postgres.ask(NAME, last) == "CANCELED", seconds=300)
