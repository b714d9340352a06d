"""The stores that every test of the storage runs on."""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from qd_pipeline.storage import Partition, PartitionStore

S3_SERVERS = ("ministack", "moto_server")


def write(
    store: PartitionStore, content: str, key: str = "cow", fingerprint: object = None
) -> Partition:
    with store.stage("strokes", key) as staged:
        staged.path("table").write_text(content)
        return staged.publish(
            fingerprint={"code": fingerprint or content}, metadata={"rows": len(content)}
        )


def content(store: PartitionStore, key: str = "cow") -> str:
    return store.open_local(store.read("strokes", key), "table").read_text()


def stored(store: PartitionStore) -> set[str]:
    """Return the paths of all that is stored of partitions."""
    objects = store._objects
    return {found.path for part in ("content", "manifests") for found in objects.list(part)}


def folder_of(store: PartitionStore) -> Path:
    """Return the folder of a store that is one."""
    root = store._objects.local_root
    assert root is not None
    return root


def alter(store: PartitionStore, path: str, content: bytes | None) -> None:
    """Write over a stored object as damage would, or remove it."""
    objects = store._objects
    if content is None:
        objects.delete([path])
    else:
        objects.put(path, content)


def s3_server() -> str | None:
    """Return the command of a server that can be started here, if there is one."""
    places = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    return next(filter(None, (shutil.which(name, path=places) for name in S3_SERVERS)), None)


@contextmanager
def serving_s3(log: Path) -> Iterator[str]:
    """Run an S3 server with a bucket named `drawings`; yield its address."""
    command = s3_server()
    assert command is not None
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    arguments = ["-p", port] if Path(command).name == "moto_server" else []
    environment = {**os.environ, "GATEWAY_PORT": port}
    with log.open("wb") as output:
        server = subprocess.Popen(
            [command, *arguments], env=environment, stdout=output, stderr=output
        )
        try:
            url = f"http://127.0.0.1:{port}"
            _create_bucket(f"{url}/drawings", server)
            yield url
        finally:
            server.terminate()
            server.wait(10)


def _create_bucket(url: str, server: "subprocess.Popen[bytes]") -> None:
    request = urllib.request.Request(url, method="PUT")  # noqa: S310 (a server of ours)
    for _ in range(300):
        try:
            with urllib.request.urlopen(request, timeout=5):  # noqa: S310
                return
        except OSError:
            assert server.poll() is None, "the S3 server has ended"
            time.sleep(0.1)
    raise AssertionError("the S3 server does not answer")
