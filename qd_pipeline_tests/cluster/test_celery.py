"""Celery workers, with PostgreSQL as their broker too."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from subprocess import Popen

import pytest

from qd_pipeline_tests.cluster.deployment import Deployment
from qd_pipeline_tests.cluster.ray_nodes import kill
from qd_pipeline_tests.cluster.services import program, running, wait_until
from qd_pipeline_tests.tracking.server import free_port

pytest.importorskip("dagster_celery", reason="needs the extra celery")

NAME = "celery"
"""Of the database and the prefix of the store."""

COMMAND = ("run", "--class-set", "2", "--drawings", "40", "--preset", "notebook", "--epochs", "1")
OPEN = "SELECT count(*) FROM runs WHERE status NOT IN ('SUCCESS', 'FAILURE', 'CANCELED')"
BEGUN = "SELECT count(*) FROM runs WHERE status = 'STARTED'"


@contextmanager
def worker(settings: dict[str, str], folder: Path) -> Iterator[Popen[bytes]]:
    command = [*program("celery"), "-A", "qd_pipeline.orchestration.celery_app", "worker"]
    log = folder / "worker.log"
    options = ["--concurrency=1", "--queues=dagster", "--loglevel=INFO"]
    with running([*command, *options], log, {**settings, "QD_HOME": str(folder)}) as process:
        wait_until(lambda: " ready." in log.read_text(), process, log)
        yield process


def test_a_run_on_celery_whose_worker_is_killed_is_made_again_by_another(
    servers: Deployment, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    broker = servers.postgres.url(NAME).replace("postgresql:", "sqla+postgresql+psycopg2:")
    settings = {
        **servers.settings(NAME),
        "QD_ENGINE": "celery",
        "QD_ENGINE_ADDRESS": broker,
        "QD_DAGSTER_PORT": str(free_port()),
        "QD_ABANDONED_AFTER": "10",
    }
    log, ui = tmp_path / "log", tmp_path / "ui.log"
    for name in ("one", "two", "home"):
        (tmp_path / name).mkdir()
    with ExitStack() as parts:
        web = {**settings, "QD_HOME": str(tmp_path / "home")}
        process = parts.enter_context(running([*program("qd"), "ui"], ui, web, tmp_path))
        wait_until(lambda: "Ctrl-C stops both" in ui.read_text(), process, ui, 300)
        first = parts.enter_context(worker(settings, tmp_path / "one"))
        laptop = {**settings, "QD_HOME": str(tmp_path / "laptop")}
        with running([*program("qd"), *COMMAND], log, laptop, tmp_path) as command:
            wait_until(lambda: servers.postgres.ask(NAME, BEGUN) > 0, command, log, 300)
            kill(first)
            parts.enter_context(worker(settings, tmp_path / "two"))
            assert command.wait(500) == 0, log.read_text()
        assert servers.postgres.ask(NAME, OPEN) == 0
    assert servers.store(NAME, monkeypatch, tmp_path).find("evaluations", "2")
