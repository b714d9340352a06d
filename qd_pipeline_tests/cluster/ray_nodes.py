"""A Ray cluster of two nodes with one processor each, which share nothing but the network."""

import contextlib
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from qd_pipeline_tests.cluster.services import program, running, wait_until
from qd_pipeline_tests.tracking.server import free_port

if TYPE_CHECKING:
    import subprocess

TOKEN = "t-7c1d5e02b4f94a6e8d3f"  # noqa: S105 (of a cluster of our own)


@dataclass
class Cluster:
    """A head and a worker.

    Attributes:
        address: Of its job server.
        worker: Process of the worker.
        cores: Processor cores of the head and the worker; any where there are none.
    """

    address: str
    port: int
    folder: Path
    environment: Mapping[str, str]
    cores: Sequence[int] = ()
    worker: "subprocess.Popen[bytes] | None" = None

    @contextmanager
    def node(self, name: str, *arguments: str) -> Iterator["subprocess.Popen[bytes]"]:
        """Run a node until the block ends."""
        core = [str(self.cores[name != "head"])] if self.cores else []
        command = ["taskset", "--cpu-list", *core] if core else []
        command += [*program("ray"), "start", "--block", "--num-cpus=1", "--disable-usage-stats"]
        command += ["--object-store-memory=100000000", "--include-log-monitor=false", *arguments]
        environment = {**self.environment, "QD_HOME": str(self.folder / name)}
        log = self.folder / f"{name}.log"
        with running(command, log, environment, self.folder) as process:
            try:
                wait_until(lambda: "Ray runtime started" in log.read_text(), process, log)
                yield process
            finally:
                kill(process)

    def start_worker(
        self, name: str = "worker", *arguments: str
    ) -> contextlib.AbstractContextManager["subprocess.Popen[bytes]"]:
        return self.node(name, f"--address=127.0.0.1:{self.port}", *arguments)


@contextmanager
def ray_cluster(environment: Mapping[str, str], cores: Sequence[int] = ()) -> Iterator[Cluster]:
    """Run a cluster; what its nodes need of secrets is in their own environment."""
    # The paths of Ray's sockets must be short.
    folder = Path(tempfile.mkdtemp(prefix="qd-"))
    dashboard, port = free_port(), free_port()
    secret = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": TOKEN}
    # On a busy machine.
    secret["RAY_raylet_start_wait_time_s"] = "170"
    address = f"http://127.0.0.1:{dashboard}"
    cluster = Cluster(address, port, folder, {**environment, **secret}, cores)
    head = ["--head", f"--port={port}", f"--dashboard-port={dashboard}", f"--temp-dir={folder}/r"]
    try:
        with ExitStack() as nodes:
            nodes.enter_context(cluster.node("head", *head, "--dashboard-host=127.0.0.1"))
            cluster.worker = nodes.enter_context(cluster.start_worker())
            yield cluster
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def kill(process: "subprocess.Popen[bytes]") -> None:
    """Kill a node with all that it runs, as a power failure would."""
    with contextlib.suppress(psutil.NoSuchProcess):
        own = psutil.Process(process.pid)
        for each in [*own.children(recursive=True), own]:
            with contextlib.suppress(psutil.NoSuchProcess):
                each.kill()
