"""`mlflow models serve`, for as long as a test asks it."""

import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

SECONDS_TO_START = 180


@contextmanager
def model_server(model: str, programs: Path, log: Path, **environment: str) -> Iterator[int]:
    """Serve a model until the block ends, and give the port.

    Args:
        model: Its URI, or its folder.
        programs: Folder of the `mlflow` to start.
        log: File for what it prints; it runs in the folder of that.
        environment: Variables that it has beside those of the tests.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [str(programs / "mlflow"), "models", "serve", "--model-uri", model]
    with log.open("wb") as output:
        server = subprocess.Popen(
            [*command, "--port", str(port), "--env-manager", "local", "--workers", "1"],
            stdout=output,
            stderr=subprocess.STDOUT,
            env={
                **{name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
                "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
                **environment,
            },
            cwd=log.parent,
            start_new_session=True,
        )
    try:
        until = time.monotonic() + SECONDS_TO_START
        while not _is_up(port):
            assert server.poll() is None, log.read_text()
            assert time.monotonic() < until, log.read_text()
            time.sleep(0.2)
        yield port
    finally:
        # The command starts processes of its own.
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()


def ask(
    port: int, method: str, path: str, body: str | None = None, kind: str = "application/json"
) -> tuple[int, str]:
    """Send a request; give the status and the text of the answer."""
    with closing(HTTPConnection("127.0.0.1", port, timeout=120)) as connection:
        connection.request(method, path, body, {"Content-Type": kind})
        answer = connection.getresponse()
        return answer.status, answer.read().decode()


def predictions(port: int, body: dict[str, Any]) -> list[dict[str, Any]]:
    """Ask for predictions, and give them."""
    status, content = ask(port, "POST", "/invocations", json.dumps(body))
    assert status == 200, content
    found: list[dict[str, Any]] = json.loads(content)["predictions"]
    return found


def _is_up(port: int) -> bool:
    try:
        return ask(port, "GET", "/ping")[0] == 200
    except OSError:
        return False
