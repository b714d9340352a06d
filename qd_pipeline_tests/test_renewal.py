"""Renewal in the background: again and again, whatever one call raises, in one process only."""

import subprocess
import sys
import time
from datetime import timedelta

from qd_pipeline.renewal import renewing

SOON = timedelta(milliseconds=20)


def test_leases_are_renewed_after_one_of_them_could_not_be() -> None:
    calls = []

    def fail() -> None:
        calls.append("failed")
        raise OSError

    with renewing(fail, SOON), renewing(lambda: calls.append("renewed"), SOON):
        deadline = time.monotonic() + 10
        while not (calls.count("failed") > 1 and "renewed" in calls):
            assert time.monotonic() < deadline
            time.sleep(0.01)


def test_a_forked_process_does_not_renew_what_its_parent_holds() -> None:
    script = """
import os, time
from datetime import timedelta
from qd_pipeline.renewal import renewing
parent, soon = os.getpid(), timedelta(milliseconds=20)
def renew():
    os.write(1, b"parent\\n" if os.getpid() == parent else b"child\\n")
with renewing(renew, soon):
    time.sleep(0.1)
    if os.fork() == 0:
        with renewing(lambda: os.write(1, b"own\\n"), soon):
            time.sleep(0.2)
        os._exit(0)
    os.wait()
"""
    ran = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    assert set(ran.stdout.split()) == {"parent", "own"}
