"""The folder of compiled kernels: never old code, whatever can be written."""

import os
import shutil
import stat
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "qd_pipeline"
NOBODY = 65534

CALLED = """
from qd_pipeline.quickdraw.kernels import kernel
@kernel
def called(): return {}
"""
CALLER = """
from qd_pipeline.quickdraw.called import called
from qd_pipeline.quickdraw.kernels import kernel
@kernel
def caller(): return called()
"""


def copy_of_the_code(folder: Path) -> Path:
    """Return a package with two kernels, one of which calls the other."""
    package = folder / "qd_pipeline" / "quickdraw"
    package.mkdir(parents=True)
    for name in ("__init__.py", "quickdraw/__init__.py"):
        (package.parent / name).touch()
    for name in ("kernels.py", "kernel_cache.py"):
        shutil.copy(PACKAGE / "quickdraw" / name, package)
    (package / "caller.py").write_text(CALLER)
    (package / "called.py").write_text(CALLED.format(1))
    return package


@pytest.fixture
def package(tmp_path: Path) -> Path:
    return copy_of_the_code(tmp_path / "code")


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder of kernels in a user's cache that is empty."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "qd_pipeline" / "kernels"


def run(package: Path, script: str, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=package.parents[1],
        env={**os.environ, **environment},
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


CALL = "from qd_pipeline.quickdraw.caller import caller; print(caller())"
IMPORT = "import os; from qd_pipeline.quickdraw import kernel_cache; "
FOLDER = f"{IMPORT}print(kernel_cache.folder())"
AND_SAY = f"import sys; sys.stderr = sys.stdout; {CALL}"
AS_NOBODY = f"{IMPORT}os.setresuid({NOBODY}, {NOBODY}, {NOBODY}); print(kernel_cache.folder())"


@dataclass
class Called:
    """A package whose kernels were called once, with a cache that was empty before.

    Attributes:
        folder: The folder of both.
        printed: What that printed.
    """

    folder: Path
    printed: str


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Called:
    folder = tmp_path_factory.mktemp("first")
    package = copy_of_the_code(folder / "code")
    return Called(folder, run(package, AND_SAY, XDG_CACHE_HOME=str(folder / "cache")))


@pytest.fixture
def called(first: Called, package: Path, cache: Path, tmp_path: Path) -> Path:
    """Return the package after the first call, which has filled the cache."""
    shutil.copytree(first.folder, tmp_path, dirs_exist_ok=True)
    assert list(cache.glob("*/*.nbc"))
    return package


def test_a_kernel_is_compiled_anew_when_one_that_it_calls_has_changed(
    first: Called, called: Path
) -> None:
    assert first.printed.endswith("1")
    (called / "called.py").write_text(CALLED.format(2))
    assert run(called, CALL) == "2"


@pytest.mark.usefixtures("called")
def test_a_copy_of_the_sources_uses_the_same_kernels(cache: Path, tmp_path: Path) -> None:
    compiled = set(cache.rglob("*.nbc"))
    assert run(copy_of_the_code(tmp_path / "copy"), AND_SAY) == "1"
    assert set(cache.rglob("*.nbc")) == compiled


def test_compiling_kernels_is_announced_once(first: Called, called: Path) -> None:
    assert first.printed == "Compiling the drawing kernels, once …\n1"
    assert run(called, AND_SAY) == "1"


def test_a_folder_that_the_user_names_is_used(package: Path, cache: Path, tmp_path: Path) -> None:
    run(package, CALL, NUMBA_CACHE_DIR=str(tmp_path / "mine"))
    assert list((tmp_path / "mine").rglob("*.nbc"))
    assert not cache.exists()


def test_kernels_that_have_not_been_used_for_a_month_are_removed(called: Path, cache: Path) -> None:
    unused, *used = cache.iterdir()
    os.utime(unused, (time.time() - 31 * 24 * 3600,) * 2)
    run(called, FOLDER)
    assert not unused.exists()
    assert used
    assert all(each.exists() for each in used)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to run as another user")
def test_where_neither_cache_nor_code_can_be_written_they_lie_in_a_private_folder(
    package: Path, tmp_path: Path
) -> None:
    for each in (tmp_path, *tmp_path.parents):
        if each.stat().st_mode & 0o077 == 0:  # the folders that pytest keeps to itself
            each.chmod(0o755)
    theirs, temporary = tmp_path / "theirs", tmp_path / "tmp"
    theirs.mkdir()
    os.chown(theirs, NOBODY, NOBODY)
    temporary.mkdir()
    temporary.chmod(0o1777)
    place = {"TMPDIR": str(temporary), "HOME": "/nonexistent", "PYTHONDONTWRITEBYTECODE": "1"}
    found = run(package, AS_NOBODY, **place, XDG_CACHE_HOME=str(theirs))
    assert Path(found).is_relative_to(theirs)
    found = run(package, AS_NOBODY, **place)
    own = temporary / f"qd_pipeline-{NOBODY}"
    assert Path(found) == own / "kernels"
    assert stat.S_IMODE(own.stat().st_mode) == 0o700
    # What another user has put there is not run.
    shutil.rmtree(own)
    own.mkdir()
    found = run(package, AS_NOBODY, **place)
    assert Path(found).parent == temporary
    assert not Path(found).exists()  # it lasts as long as the process
