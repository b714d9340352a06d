"""Servers of a deployment, each real: PostgreSQL, an S3 server, MLflow's server."""

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from qd_pipeline_tests.tracking.server import free_port

PASSWORD = "p-4f0c7a91"  # noqa: S105 (of a server of our own)
SECRET_KEY = "k-93be5d20"  # noqa: S105 (as above)


def postgres_programs() -> Path | None:
    """Return the folder of PostgreSQL's programs, where Debian's package or the PATH has them."""
    found = shutil.which("initdb")
    if found:
        return Path(found).resolve().parent
    return next(iter(sorted(Path("/usr/lib/postgresql").glob("*/bin"))), None)


@dataclass
class Postgres:
    """A PostgreSQL server of ours.

    Attributes:
        port: Its port.
        folder: Its data.
    """

    port: int
    folder: Path
    programs: Path

    def url(self, database: str) -> str:
        return f"postgresql://qd:{PASSWORD}@127.0.0.1:{self.port}/{database}"

    def ask(self, database: str, query: str) -> Any:
        """Return the one value that a query has."""
        import psycopg2  # noqa: PLC0415 (of an extra)

        with contextlib.closing(psycopg2.connect(self.url(database))) as connection:
            cursor = connection.cursor()
            cursor.execute(query)
            return cursor.fetchone()[0]

    def start(self) -> None:
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 -c fsync=off -k {self.folder}"
        self._run("pg_ctl", "start", "-w", "-l", str(self.folder / "log"), "-o", options)

    def stop(self, mode: str = "fast") -> None:
        self._run("pg_ctl", "stop", "-m", mode)

    def init(self) -> None:
        with tempfile.NamedTemporaryFile("w") as password:
            password.write(PASSWORD)
            password.flush()
            Path(password.name).chmod(0o644)
            self._run("initdb", "-U", "qd", "-A", "scram-sha-256", f"--pwfile={password.name}")

    def _run(self, program: str, *arguments: str) -> None:
        # It refuses to run as root.
        root = os.geteuid() == 0
        subprocess.run(
            [str(self.programs / program), "-D", str(self.folder), *arguments],
            check=True,
            cwd=self.folder,
            user="nobody" if root else None,
            group=pwd.getpwnam("nobody").pw_gid if root else None,
            extra_groups=[] if root else None,
            stdout=subprocess.DEVNULL,
        )


@contextmanager
def postgres() -> Iterator[Postgres]:
    """Run a server with the databases `dagster`, `ray`, `celery`, `studies` and `mlflow`."""
    programs = postgres_programs()
    assert programs is not None
    # Not below pytest's folders: an ordinary user must reach it.
    folder = Path(tempfile.mkdtemp(prefix="qd-postgres-"))
    if os.geteuid() == 0:
        nobody = pwd.getpwnam("nobody")
        os.chown(folder, nobody.pw_uid, nobody.pw_gid)
    server = Postgres(free_port(), folder, programs)
    server.init()
    server.start()
    try:
        import psycopg2  # noqa: PLC0415 (of an extra)

        with contextlib.closing(psycopg2.connect(server.url("postgres"))) as connection:
            connection.autocommit = True
            for name in ("dagster", "ray", "celery", "studies", "mlflow"):
                connection.cursor().execute(f"CREATE DATABASE {name}")
        yield server
    finally:
        server.stop("immediate")
        shutil.rmtree(folder)


@contextmanager
def mlflow_server(
    backend: str, artifacts: str, folder: Path, bucket: Mapping[str, str]
) -> Iterator[str]:
    """Run MLflow's server over a database and a bucket; yield its address."""
    port, log = free_port(), folder / "mlflow.log"
    command = [sys.executable, "-m", "mlflow", "server", "--workers", "1"]
    command += ["--host", "127.0.0.1", "--port", str(port)]
    command += [f"--artifacts-destination={artifacts}", "--app-name=qd_pipeline"]
    # Its command line, which any user of the machine reads, holds no password.
    environment = {
        **bucket,
        "MLFLOW_BACKEND_STORE_URI": backend.replace("postgresql:", "postgresql+psycopg2:"),
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    }
    url = f"http://127.0.0.1:{port}"
    with running(command, log, environment) as process:
        wait_until(lambda: answers(f"{url}/health"), process, log)
        yield url


@contextmanager
def running(
    command: list[str], log: Path, environment: Mapping[str, str], cwd: Path | None = None
) -> Iterator["subprocess.Popen[bytes]"]:
    """Run a process in a session of its own until the block ends."""
    with log.open("ab") as output:
        process = subprocess.Popen(
            command,
            stdout=output,
            stderr=output,
            env={**os.environ, **environment},
            cwd=cwd,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(30)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def wait_until(
    done: Callable[[], bool],
    process: "subprocess.Popen[bytes] | None" = None,
    log: Path | None = None,
    seconds: float = 180,
) -> None:
    """Wait until something is so, while a process runs."""
    deadline = time.monotonic() + seconds
    while not done():
        said = log.read_text(errors="replace") if log else ""
        assert process is None or process.poll() is None, f"it has ended: {said}"
        assert time.monotonic() < deadline, f"it takes too long: {said}"
        time.sleep(0.2)


def program(name: str) -> list[str]:
    """Return a console script of this very environment, whatever the PATH says."""
    return [sys.executable, str(Path(sys.executable).with_name(name))]


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5):  # noqa: S310 (a server of ours)
            return True
    except OSError:
        return False
