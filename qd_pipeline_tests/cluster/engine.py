"""A deployment whose runs a Ray cluster makes."""

import json
import os
import sys
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from subprocess import Popen

from qd_pipeline_tests.cluster.deployment import Deployment
from qd_pipeline_tests.cluster.ray_nodes import TOKEN, Cluster, ray_cluster
from qd_pipeline_tests.cluster.services import PASSWORD, program, running, wait_until
from qd_pipeline_tests.tracking.server import free_port


@dataclass
class Engine:
    """A deployment with an engine.

    Attributes:
        cluster: The Ray cluster.
        settings: Environment of the machine that commands are given on.
        folder: Of the machine that Dagster's web server and daemon run on.
        parts: What runs.
        ui: Process that runs the web server and the daemon.
    """

    cluster: Cluster
    settings: dict[str, str]
    folder: Path
    parts: ExitStack
    ui: Popen[bytes] | None = None

    def start_ui(self) -> None:
        """Run Dagster's web server and daemon, now or again."""
        log = self.folder / "ui.log"
        log.unlink(missing_ok=True)
        web = {**self.settings, "QD_HOME": str(self.folder / "home")}
        command = [*program("qd"), "ui"]
        self.ui = self.parts.enter_context(running(command, log, web, self.folder))
        wait_until(lambda: "Ctrl-C stops both" in log.read_text(), self.ui, log, 300)

    def jobs(self) -> list[dict[str, object]]:
        """Return Ray's descriptions of all jobs."""
        request = urllib.request.Request(  # noqa: S310 (a server of ours)
            f"{self.cluster.address}/api/jobs/", headers={"Authorization": f"Bearer {TOKEN}"}
        )
        with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
            found: list[dict[str, object]] = json.load(answer)
        return found


@contextmanager
def engine_over(
    servers: Deployment, name: str, folder: Path, cores: Sequence[int] = ()
) -> Iterator[Engine]:
    """Run two nodes, and Dagster's web server and daemon over them.

    Args:
        servers: The servers.
        name: Of the database and the prefix of the store.
        folder: For logs and data directories.
        cores: The processor core of each node, by default any.
    """
    # A node knows its credentials, and nothing of our settings.
    programs = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    secrets = {**servers.bucket, "PGPASSWORD": PASSWORD, "PATH": programs}
    with ExitStack() as parts:
        cluster = parts.enter_context(ray_cluster(secrets, cores))
        settings = {
            **servers.settings(name),
            "QD_ENGINE": "ray",
            "QD_ENGINE_ADDRESS": cluster.address,
            "QD_ENGINE_TRAININGS": "2",
            "QD_DAGSTER_PORT": str(free_port()),
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN": TOKEN,
        }
        laptop = {**settings, "QD_HOME": str(folder / "laptop")}
        engine = Engine(cluster, laptop, folder, parts)
        engine.start_ui()
        yield engine
