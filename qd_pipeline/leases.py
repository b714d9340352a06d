"""Leases: which process works on a run, and how long that counts.

A process has a random id. It renews its lease, a time in a tag of the run, again and again; one
that was not renewed for `SECONDS` has expired, whatever the clocks of two machines say within an
hour. A process that was killed is noticed sooner where it wrote to the same data directory on
the same machine: it held a lock on a file there, which the kernel releases when it ends.
"""

import atexit
import contextlib
import fcntl
import os
import secrets
import time
from pathlib import Path
from typing import Final

SECONDS: Final = 3 * 3600.0
"""How long a lease counts that is not renewed: hours, since clocks differ."""

_SECONDS_KEPT: Final = 7 * 24 * 3600.0
_BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")

# By folder of lock files: this process's id and the file that it holds locked.
_own: dict[Path, tuple[str, int | None]] = {}
# A child of `fork` is another process.
os.register_at_fork(after_in_child=_own.clear)


class Leases:
    """The leases of the processes that work with one data directory.

    Args:
        folder: Folder of the lock files; it is made when the first lease is taken.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @property
    def owner(self) -> str:
        """This process's id: random, the same for as long as it lives."""
        if self._folder not in _own:
            name = f"{_boot()}-{secrets.token_hex(8)}"
            _own[self._folder] = (name, _locked(self._folder / name))
        return _own[self._folder][0]

    def has_expired(self, owner: str, renewed: float) -> bool:
        """Return whether a process has stopped working on something.

        Args:
            owner: Its id.
            renewed: When it last renewed its lease, in seconds since 1970.
        """
        return self.has_ended(owner) or time.time() - renewed > SECONDS

    @property
    def any_ended(self) -> bool:
        """Whether a process has ended, on this machine, without releasing its lock file."""
        return any(self.has_ended(file.name) for file in self._folder.glob("*-*"))

    def sweep(self) -> None:
        """Remove the lock files of processes that have ended; call it when their runs are closed.

        Those from before the machine was restarted, or from other machines, go after a week.
        """
        for file in self._folder.glob("*-*"):
            with contextlib.suppress(OSError):  # another process was faster
                idle = time.time() - file.stat().st_mtime
                if self.has_ended(file.name) or idle > _SECONDS_KEPT:
                    file.unlink()

    def has_ended(self, owner: str) -> bool:
        """Return whether it is known to have ended: its lock is free, on this very machine."""
        if owner == self.owner or owner.partition("-")[0] != _boot() or "/" in owner:
            return False
        try:
            file = os.open(self._folder / owner, os.O_RDONLY)
        except OSError:
            return False
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            return False
        else:
            return True
        finally:
            os.close(file)


def _locked(path: Path) -> int | None:
    """Create a file that stays locked while this process lives; return None if locking fails."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o666)
    except OSError:
        return None
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(file)
        path.unlink(missing_ok=True)
        return None
    atexit.register(_released, path, os.getpid())
    return file


def _released(path: Path, process: int) -> None:
    if os.getpid() == process:  # handlers are inherited by forks
        with contextlib.suppress(OSError):
            path.unlink()


def _boot() -> str:
    """Return an id of this machine since it started: only its own processes see its locks."""
    return _BOOT_ID.read_text(encoding="ascii")[:8] if _BOOT_ID.exists() else secrets.token_hex(4)
