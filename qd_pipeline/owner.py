"""Who is writing: a name for this process that others can look up.

Locks do not work on every network file system, and a lock left behind by a killed process
says nothing; a name that tells the living from the dead needs neither.
"""

import os
import socket
from functools import cache
from pathlib import Path

import psutil


def token() -> str:
    """Name this process: machine, process number and the moment that it started."""
    return f"{_machine()}~{os.getpid()}~{_started(os.getpid())}"


def is_alive(name: str) -> bool:
    """Tell whether the process of that name may still be at work.

    A process of another machine (or another container) cannot be looked up from here and
    counts as alive; what is no name of a process at all does not.
    """
    machine, _, process_and_start = name.partition("~")
    process, _, started = process_and_start.partition("~")
    if not (process.isdecimal() and started.isdecimal()):
        return False
    return machine != _machine() or str(_started(int(process))) == started


@cache
def _machine() -> str:
    namespace = Path("/proc/self/ns/pid")
    place = namespace.stat().st_ino if namespace.exists() else 0
    return f"{socket.gethostname()}-{place}"


def _started(process: int) -> int | None:
    try:
        return int(psutil.Process(process).create_time() * 100)
    except psutil.Error:
        return None
