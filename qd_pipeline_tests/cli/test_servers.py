"""What a group of servers leaves behind when it ends: nothing."""

import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from qd_pipeline.cli.servers import Server, ensure_ports
from qd_pipeline.errors import BadSetting

WATCH = """
import os, sys
from pathlib import Path
from qd_pipeline.cli.servers import Server, Servers

folder, command, has_worker = sys.argv[1:]
with Servers(Path(folder) / "logs", lambda: os.environ) as servers:
    servers.start(Server("parent", ["sh", "-c", command], has_worker=has_worker == "yes"))
    servers.watch()
"""


def watched(folder: Path, command: str, *, has_worker: bool = False) -> str:
    """Start and watch a server until it is told why all was ended."""
    arguments = (str(folder), command, "yes" if has_worker else "no")
    ended = subprocess.run(
        [sys.executable, "-c", WATCH, *arguments], capture_output=True, text=True, check=False
    )
    return ended.stderr


def test_what_a_server_has_started_ends_though_the_server_itself_has_ended_before(
    tmp_path: Path,
) -> None:
    child = tmp_path / "child"
    said = watched(tmp_path, f"sleep 300 & echo $! > {child}; exit 1")
    assert "parent has ended" in said
    assert not psutil.pid_exists(int(child.read_text()))


def test_a_server_that_has_lost_the_process_that_works_for_it_is_told_as_one_that_has_ended(
    tmp_path: Path,
) -> None:
    said = watched(tmp_path, "exec sleep 300", has_worker=True)
    assert "parent has lost the process that works for it: see" in said


def test_a_host_that_is_not_this_machines_is_not_called_a_taken_port() -> None:
    elsewhere = Server("web", ["true"], port=3000, host="192.0.2.7", setting="QD_PORT")
    with pytest.raises(BadSetting, match=r"host 192\.0\.2\.7 is no address of this machine"):
        ensure_ports([elsewhere])
