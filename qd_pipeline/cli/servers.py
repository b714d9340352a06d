"""Processes that are started together, watched together and ended together."""

import errno
import itertools
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from qd_pipeline.errors import BadSetting, HomeFailed

_SECONDS_TO_END: Final = 10.0
_SECONDS_TO_START: Final = 180.0
_SECONDS_BETWEEN_LOOKS: Final = 0.5
_LOOKS_TO_WORKERS: Final = 20  # through all processes of the machine, which takes milliseconds


@dataclass(frozen=True)
class Server:
    """A process to start.

    Attributes:
        name: What people call it, and what its log is called.
        command: The command line.
        port: Port that it answers on, or None.
        setting: The setting that gives it another port.
        host: Address that it listens on.
        socket: Unix socket that it answers on, or None.
        has_worker: Whether a process that it starts does the work.
    """

    name: str
    command: Sequence[str]
    port: int | None = None
    setting: str = ""
    host: str = "127.0.0.1"
    socket: Path | None = None
    has_worker: bool = False

    def answers(self) -> bool:
        """Return whether it answers; one that listens nowhere does."""
        if self.socket is not None:
            with socket.socket(socket.AF_UNIX) as visitor:
                return visitor.connect_ex(str(self.socket)) == 0
        return self.port is None or _answers(self.host, self.port)


def program(name: str) -> list[str]:
    """Return a console script of this very environment, whatever the PATH says."""
    return [sys.executable, str(Path(sys.executable).with_name(name))]


class Stopped(KeyboardInterrupt):
    """Ctrl-C or SIGTERM."""


class Servers:
    """A group of servers, from the first to start to the last to end.

    Each is in a session of its own: Ctrl-C reaches only us, and we end them in good order,
    with all that they have started. That also holds where we run in the background with
    SIGINT ignored, which they would inherit and Dagster's would take to SIGTERM too. The
    environment is asked for at each start: what was imported in between may have added to it.
    """

    def __init__(self, logs: Path, environment: Callable[[], Mapping[str, str]]) -> None:
        self._logs = logs
        self._environment = environment
        self._started: list[tuple[Server, subprocess.Popen[bytes]]] = []

    def __enter__(self) -> Self:
        # With handlers of our own, children start with the defaults.
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, _stop)
        self._logs.mkdir(parents=True, exist_ok=True)
        return self

    def __exit__(self, *reason: object) -> None:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        from qd_pipeline.cli import sessions  # noqa: PLC0415 (see `options`)

        sessions.end({started.pid for _, started in self._started}, _SECONDS_TO_END)

    def start(self, server: Server) -> None:
        """Start one.

        Raises:
            BadSetting: Its port is taken, or it cannot listen there.
        """
        if server.port is not None:
            _ensure_free(server, server.port)
        with (self._logs / f"{server.name}.log").open("wb") as log:
            process = subprocess.Popen(
                server.command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=self._environment(),
                start_new_session=True,
            )
        self._started.append((server, process))

    def wait_until_up(self, *servers: Server) -> None:
        """Wait until some of those that were started answer.

        Raises:
            HomeFailed: Any has ended, or one does not answer in three minutes, which only a
                machine with much else to do needs.
        """
        deadline = time.monotonic() + _SECONDS_TO_START
        for server in servers:
            while not server.answers():
                self._ensure_all_alive()
                if time.monotonic() > deadline:
                    raise self._failed(server, "does not answer")
                time.sleep(0.1)
        self._ensure_all_alive()

    def watch(self) -> None:
        """Wait until one of them ends, or until Ctrl-C or SIGTERM.

        Raises:
            HomeFailed: One has ended by itself.
            Stopped: Ctrl-C or SIGTERM.
        """
        for look in itertools.count():
            self._ensure_all_alive()
            if look % _LOOKS_TO_WORKERS == 0:
                self._ensure_workers_alive()
            time.sleep(_SECONDS_BETWEEN_LOOKS)

    def _ensure_all_alive(self) -> None:
        for server, process in self._started:
            if process.poll() is not None:
                raise self._failed(server, "has ended")

    def _ensure_workers_alive(self) -> None:
        from qd_pipeline.cli import sessions  # noqa: PLC0415 (see `options`)

        for server, process in self._started:
            if server.has_worker and not sessions.has_children(process.pid):
                raise self._failed(server, "has lost the process that works for it")

    def _failed(self, server: Server, cause: str) -> HomeFailed:
        return HomeFailed(server.name, cause, f"see {self._logs / server.name}.log")


def _stop(*_: object) -> None:
    raise Stopped


def ensure_ports(servers: Sequence[Server]) -> None:
    """Refuse servers whose ports they cannot have.

    Raises:
        BadSetting: Two are set to the same, one is taken, or no server can listen there.
    """
    listening = [(server, server.port) for server in servers if server.port is not None]
    for (first, port), (second, other) in itertools.combinations(listening, 2):
        if port == other:
            raise BadSetting(
                f"{first.setting} and {second.setting}",
                f"are both {port}",
                "set one of them to another port",
            )
    for server, port in listening:
        _ensure_free(server, port)


def _ensure_free(server: Server, port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((server.host, port))
        except OSError as error:
            if error.errno == errno.EADDRNOTAVAIL:
                remedy = "set QD_UI_HOST to one of its addresses, or to 0.0.0.0 for all of them"
                cause = "is no address of this machine"
                raise BadSetting(f"host {server.host}", cause, remedy) from error
            taken = error.errno == errno.EADDRINUSE
            raise BadSetting(
                f"port {port}",
                f"is taken, and {server.name} needs it"
                if taken
                else f"cannot be used by {server.name} ({error.strerror})",
                f"{'stop what uses it, or ' if taken else ''}set {server.setting} to another port",
            ) from error


def _answers(host: str, port: int) -> bool:
    import urllib3  # noqa: PLC0415 (see `options`)

    try:
        # Directly: urllib3 asks no proxy, and none knows the way to this machine's own servers.
        urllib3.request("GET", f"http://{host}:{port}/", timeout=2, retries=False)
    except urllib3.exceptions.HTTPError:
        return False
    return True
