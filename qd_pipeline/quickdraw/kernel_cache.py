"""Where compiled kernels are kept from one process to the next.

Numba looks at the file of the kernel that is called, not at those of the kernels that it
calls: after an update it would run what was compiled of the old ones. So the folder is named
by a digest of all the sources, and other sources have another folder.
"""

import atexit
import contextlib
import hashlib
import os
import shutil
import stat
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

_SOURCES: Final = Path(__file__).parent
_SECONDS_UNTIL_SWEPT: Final = 24 * 3600.0
_PREFIX: Final = "kernels-"


def folder() -> Path:
    """Return a folder for the kernels as they are now, made and writable.

    It lies with the code, else in the user's cache (`XDG_CACHE_HOME`), else, where neither can
    be written, in the folder for temporary files, in a place that no other user can write to:
    what lies there is run. Where there is no such place either, it lasts as long as this
    process. Folders of other sources that no process has begun to use for a day are
    removed.
    """
    name = f"{_PREFIX}{_digest()}"
    for base in _bases():
        chosen = base / name
        try:
            chosen.mkdir(parents=True, exist_ok=True)
            if os.access(chosen, os.W_OK | os.X_OK):
                os.utime(chosen)
                _sweep(base, chosen)
                return chosen
        except OSError:
            continue
    passing = tempfile.mkdtemp(prefix="qd_pipeline-")
    atexit.register(shutil.rmtree, passing, ignore_errors=True)
    return Path(passing)


def _bases() -> Iterator[Path]:
    yield _SOURCES / "__pycache__"
    with contextlib.suppress(RuntimeError):  # there are users without a home
        yield Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "qd_pipeline"
    own = Path(tempfile.gettempdir()) / f"qd_pipeline-{os.getuid()}"
    with contextlib.suppress(OSError):
        own.mkdir(mode=0o700, exist_ok=True)
        found = own.lstat()
        private = stat.S_ISDIR(found.st_mode) and not stat.S_IMODE(found.st_mode) & 0o077
        if private and found.st_uid == os.getuid():
            yield own


def _digest() -> str:
    digest = hashlib.sha256()
    for path in sorted(_SOURCES.rglob("*.py")):
        content = path.read_bytes()
        digest.update(f"{path.relative_to(_SOURCES)} {len(content)}\n".encode())
        digest.update(content)
    return digest.hexdigest()[:16]


def _sweep(base: Path, chosen: Path) -> None:
    for other in base.glob(f"{_PREFIX}*"):
        with contextlib.suppress(OSError):  # another process may sweep too
            if other != chosen and time.time() - other.stat().st_mtime > _SECONDS_UNTIL_SWEPT:
                shutil.rmtree(other, ignore_errors=True)
