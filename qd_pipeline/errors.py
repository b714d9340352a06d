"""One family of errors: each names the culprit, the cause and the remedy.

Whatever a user can cause ends in one of these, and the command line, the Dagster
page and the page for drawing show nothing but its one sentence.
"""

import errno
import os
import re
from pathlib import Path
from typing import Final

_SECRET: Final = re.compile(r"(?<=://)[^/?#\s]*@")


class QdError(Exception):
    """Something that a user can understand and mend.

    Args:
        culprit: What is wrong: a file, a URL, a setting, a partition.
        cause: What was found there, in the user's words.
        remedy: What to do about it: a command, a setting, a place to look.

    A URL's user and password are hidden, wherever the words came from.

    >>> print(BadSetting("QD_DRAWINGS", "is -3", "give a whole number from 1, or 'all'"))
    QD_DRAWINGS is -3: give a whole number from 1, or 'all'.
    """

    def __init__(self, culprit: str, cause: str, remedy: str) -> None:
        culprit, cause, remedy = (_SECRET.sub("***@", text) for text in (culprit, cause, remedy))
        super().__init__(culprit, cause, remedy)
        self.culprit = culprit
        self.cause = cause
        self.remedy = remedy

    def __str__(self) -> str:
        end = "" if self.remedy.endswith(("?", "!", ".")) else "."
        return f"{self.culprit} {self.cause}: {self.remedy}{end}"


class BadSetting(QdError):
    """A setting, an option or a name that the project does not know or cannot take."""


class BadDrawing(QdError):
    """A drawing or picture that cannot be read as one."""


class SourceFailed(QdError):
    """The source of drawings did not give what it was asked for."""


class SourceUnreachable(SourceFailed):
    """The source's server could not be connected to, whatever file it was asked for."""


class TrainingDiverged(QdError):
    """A training whose loss or weights are no longer finite: it has no result."""


class MissingPartition(QdError):
    """A partition that a later stage needs is not in the store."""


class DamagedPartition(QdError):
    """A stored file is not what was written."""


class HomeFailed(QdError):
    """The data directory cannot be written or read: permissions, a full disk, a size limit."""


class StoreFailed(QdError):
    """The partition store cannot be used: it does not answer, refuses, or has another format."""


class StorageFailed(QdError):
    """Dagster's database on a server cannot be reached."""


class EngineFailed(QdError):
    """Runs cannot be submitted to the engine."""


class TrackingFailed(QdError):
    """MLflow cannot be reached, or does not hold what it should."""


_DISK_REMEDIES = {
    errno.ENOSPC: "free some space there, or set QD_HOME to a larger disk",
    errno.EDQUOT: "free some of your quota, or set QD_HOME to another disk",
    errno.EFBIG: "raise the file-size limit (`ulimit -f`), or ask for fewer drawings",
    errno.EROFS: "set QD_HOME to a folder that you may write to",
    errno.EACCES: "set QD_HOME to a folder that you may write to",
    errno.EPERM: "set QD_HOME to a folder that you may write to",
}


_OF_ANY_DISK: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS)


def is_about_disk(error: OSError, folder: Path) -> bool:
    """Return whether an error says that a folder cannot be written.

    The error of a socket, or of a file elsewhere, does not.
    """
    names = [os.fsdecode(name) for name in (error.filename, error.filename2) if name]
    if names:
        return any(Path(name).is_relative_to(folder) for name in names)
    # Writing to an open file names none, and some libraries have the reason in words only.
    return error.errno in _OF_ANY_DISK or any(os.strerror(e) in str(error) for e in _OF_ANY_DISK)


def disk_failure(error: OSError, folder: Path, doing: str = "written") -> HomeFailed:
    """Return the error for what the operating system refused.

    Args:
        error: Its own error.
        folder: The folder in which it refused.
        doing: What it refused: that the folder be "written" or "read".
    """
    remedy = _DISK_REMEDIES.get(
        error.errno or 0, f"check that the disk is sound and can be {doing}"
    )
    return HomeFailed(str(folder), f"cannot be {doing} ({error.strerror or error})", remedy)
