"""Who is writing: a name for this process that others can look up.

Locks do not work on every network file system, and a lock left behind by a killed process
says nothing; a name that tells the living from the dead needs neither.
"""

import os
import secrets
import socket
import time
from functools import cache
from pathlib import Path
from typing import Final

import psutil

SECONDS_OF_PATIENCE: Final = 24 * 3600.0
"""How long a process of another machine may be silent before it counts as dead."""


def token() -> str:
    """Name this process: machine, process number and the moment that it started."""
    return f"{_machine()}~{os.getpid()}~{_started(os.getpid())}"


def is_alive(name: str, silent: float = 0.0) -> bool:
    """Return whether the process of that name may still be at work.

    A process of another machine (or another container) cannot be looked up from here: it
    counts as alive until it has been silent for a day. What is no name of a process does not.

    Args:
        name: What `token` gave in that process.
        silent: Seconds since it was seen at work.
    """
    machine, _, process_and_start = name.partition("~")
    process, _, started = process_and_start.partition("~")
    if not (process.isdecimal() and started.replace("-", "").isalnum()):
        return False
    if machine != _machine():
        return silent < SECONDS_OF_PATIENCE
    return _started(int(process)) == started


def claim(path: Path) -> Path:
    """Return a name beside a path for this process alone, another one at every call."""
    return path.with_name(f"{path.name}~{token()}~{secrets.token_hex(4)}")


def is_claimed(path: Path, silent: float | None = None) -> bool:
    """Return whether a path has its name from `claim` in a process that may still be at work.

    Args:
        path: What may have such a name.
        silent: Seconds since that process was seen at work; by default since it wrote there.

    Raises:
        FileNotFoundError: It is not there (any more), and no time was given.
    """
    if silent is None:
        silent = time.time() - path.stat().st_mtime
    return is_alive(path.name.partition("~")[2].rpartition("~")[0], silent)


@cache
def _machine() -> str:
    namespace = Path("/proc/self/ns/pid")
    place = namespace.stat().st_ino if namespace.exists() else 0
    return f"{socket.gethostname()}-{place}"


def _started(process: int) -> str | None:
    """Say when a process began, in words that last while it does.

    As ticks of this run of the machine, for the date of the same moment changes when
    somebody sets the clock.
    """
    try:
        fields = Path(f"/proc/{process}/stat").read_text(encoding="ascii", errors="replace")
        # The name of the program, in brackets, may hold anything; the 20th after it is the start.
        return f"{fields.rpartition(')')[2].split()[19]}-{_boot()}"
    except (FileNotFoundError, ProcessLookupError):
        if Path("/proc/self/stat").exists():
            return None
    try:
        return str(int(psutil.Process(process).create_time() * 100))
    except psutil.Error:
        return None


@cache
def _boot() -> str:
    name = Path("/proc/sys/kernel/random/boot_id")
    return name.read_text(encoding="ascii")[:8] if name.exists() else ""
