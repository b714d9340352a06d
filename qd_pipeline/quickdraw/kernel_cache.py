"""Where compiled kernels are kept from one process to the next.

Numba names a kernel's folder by the path of its file, and looks at the content of that file
alone. A copy of the sources (a wheel, the code of a served model) would be compiled again, and
after an update a kernel would run what was compiled of the old ones that it calls. So here the
folder is named by a digest of the file and of all that it imports of this package.
"""

import ast
import atexit
import contextlib
import functools
import hashlib
import os
import shutil
import stat
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final, Self

import numba
from numba.core.caching import UserProvidedCacheLocator

_PACKAGE: Final = Path(__file__).parents[1]
_SECONDS_UNTIL_SWEPT: Final = 30 * 24 * 3600.0


class KernelCacheLocator(UserProvidedCacheLocator):
    """Tells numba where it keeps a kernel: in a folder named by its sources."""

    @classmethod
    def from_function(cls, py_func: object, py_file: str) -> Self | None:
        """Return the locator of a kernel of this package, or None for another's function."""
        if not Path(py_file).is_relative_to(_PACKAGE):
            return None
        found: Self | None = super().from_function(py_func, py_file)
        return found

    @classmethod
    def get_suitable_cache_subpath(cls, py_file: str) -> str:
        """Return the name of the folder of the kernels of one file."""
        path = Path(py_file)
        name = f"{path.stem}-{_digest(path)}"
        with contextlib.suppress(OSError):  # not there yet
            os.utime(Path(numba.config.CACHE_DIR, name))
        return name


def folder() -> Path:
    """Return a folder for compiled kernels, made and writable.

    It lies in the user's cache (`XDG_CACHE_HOME`), else with the code, else, where neither can
    be written, in the folder for temporary files, in a place that no other user can write to:
    what lies there is run. Where there is no such place either, it lasts as long as this
    process. Kernels that no process has begun to use for a month are removed.
    """
    for chosen in _places():
        try:
            chosen.mkdir(parents=True, exist_ok=True)
            if os.access(chosen, os.W_OK | os.X_OK):
                _sweep(chosen)
                return chosen
        except OSError:
            continue
    passing = tempfile.mkdtemp(prefix="qd_pipeline-")
    atexit.register(shutil.rmtree, passing, ignore_errors=True)
    return Path(passing)


def _places() -> Iterator[Path]:
    with contextlib.suppress(RuntimeError):  # there are users without a home
        cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        yield cache / "qd_pipeline" / "kernels"
    yield Path(__file__).parent / "__pycache__" / "kernels"
    own = Path(tempfile.gettempdir()) / f"qd_pipeline-{os.getuid()}"
    with contextlib.suppress(OSError):
        own.mkdir(mode=0o700, exist_ok=True)
        found = own.lstat()
        private = stat.S_ISDIR(found.st_mode) and not stat.S_IMODE(found.st_mode) & 0o077
        if private and found.st_uid == os.getuid():
            yield own / "kernels"


@functools.cache
def _digest(path: Path) -> str:
    digest = hashlib.sha256(numba.__version__.encode())
    sources = {path}
    waiting = [path]
    while waiting:
        new = _imported_by(waiting.pop()) - sources
        sources |= new
        waiting.extend(new)
    for source in sorted(sources):
        content = source.read_bytes()
        digest.update(f"{source.relative_to(_PACKAGE)} {len(content)}\n".encode())
        digest.update(content)
    return digest.hexdigest()[:16]


@functools.cache
def _imported_by(path: Path) -> set[Path]:
    """Return the files of this package that a file imports."""
    found = set()
    for node in ast.walk(ast.parse(path.read_bytes())):
        names: list[str] = []
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module, *(f"{node.module}.{each.name}" for each in node.names)]
        elif isinstance(node, ast.Import):
            names = [each.name for each in node.names]
        for name in names:
            module = _PACKAGE.parent.joinpath(*name.split("."))
            for source in (module.with_suffix(".py"), module / "__init__.py"):
                if source.is_relative_to(_PACKAGE) and source.is_file():
                    found.add(source)
    return found


def _sweep(place: Path) -> None:
    for kernels in place.iterdir():
        with contextlib.suppress(OSError):  # another process may sweep too
            if time.time() - kernels.stat().st_mtime > _SECONDS_UNTIL_SWEPT:
                shutil.rmtree(kernels, ignore_errors=True)
