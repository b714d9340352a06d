"""Sessions of processes: the servers of `qd ui`, and what they have started."""

import contextlib
import os
import signal
from collections.abc import Collection

import psutil


def end(leaders: Collection[int], seconds: float) -> None:
    """End the processes of some sessions and their children, also where a leader has ended.

    Args:
        leaders: Process ids of the sessions' leaders.
        seconds: How long to wait before those that are left are killed, and then for those.
    """
    family = _processes(leaders)
    for process in family:
        _tell(process, signal.SIGTERM)
    stubborn = psutil.wait_procs(family, timeout=seconds)[1]
    for process in stubborn:
        _tell(process, signal.SIGKILL)
    psutil.wait_procs(stubborn, timeout=seconds)


def has_children(process: int) -> bool:
    """Return whether a process has started others that have not ended."""
    with contextlib.suppress(psutil.NoSuchProcess):
        return bool(psutil.Process(process).children())
    return False


def _processes(leaders: Collection[int]) -> list[psutil.Process]:
    found: dict[int, psutil.Process] = {}
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.NoSuchProcess, ProcessLookupError, PermissionError):
            if os.getsid(process.pid) in leaders:
                members = [process, *process.children(recursive=True)]
                found |= {member.pid: member for member in members}
    return list(found.values())


def _tell(process: psutil.Process, number: int) -> None:
    with contextlib.suppress(psutil.NoSuchProcess):
        process.send_signal(number)
