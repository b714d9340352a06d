"""What a group of servers leaves behind when it ends: nothing."""

import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from qd_pipeline.cli.servers import Server, Servers
from qd_pipeline.errors import BadSetting

ENDS_BY_ITSELF = """
import os, sys
from pathlib import Path
from qd_pipeline.cli.servers import Server, Servers

folder = Path(sys.argv[1])
with Servers(folder / "logs", os.environ) as servers:
    servers.start(Server("parent", ["sh", "-c", f"sleep 300 & echo $! > {folder}/child; exit 1"]))
    servers.watch()
"""


def test_what_a_server_has_started_ends_though_the_server_itself_has_ended_before(
    tmp_path: Path,
) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", ENDS_BY_ITSELF, str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert "parent has ended" in ended.stderr
    assert not psutil.pid_exists(int((tmp_path / "child").read_text()))


def test_a_host_that_is_not_this_machines_is_not_called_a_taken_port(tmp_path: Path) -> None:
    elsewhere = Server("web", ["true"], port=3000, host="192.0.2.7", setting="QD_PORT")
    with pytest.raises(BadSetting, match=r"host 192\.0\.2\.7 is no address of this machine"):
        Servers(tmp_path, {}).start(elsewhere)
