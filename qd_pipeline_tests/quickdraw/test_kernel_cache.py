"""The folder of compiled kernels: never old code, whatever can be written."""

import os
import shutil
import stat
import subprocess
import sys
import time
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


def copy_of_the_code(tmp_path: Path) -> Path:
    """Give a package with two kernels, one of which calls the other."""
    package = tmp_path / "code" / "qd_pipeline" / "quickdraw"
    package.mkdir(parents=True)
    for name in ("__init__.py", "quickdraw/__init__.py"):
        (package.parent / name).touch()
    for name in ("kernels.py", "kernel_cache.py"):
        shutil.copy(PACKAGE / "quickdraw" / name, package)
    (package / "caller.py").write_text(CALLER)
    (package / "called.py").write_text(CALLED.format(1))
    return package


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
AS_NOBODY = f"{IMPORT}os.setresuid({NOBODY}, {NOBODY}, {NOBODY}); print(kernel_cache.folder())"


def test_a_kernel_is_compiled_anew_when_one_that_it_calls_has_changed(tmp_path: Path) -> None:
    package = copy_of_the_code(tmp_path)
    assert run(package, CALL) == "1"
    before = list((package / "__pycache__").glob("kernels-*/*/*.nbc"))
    assert before
    (package / "called.py").write_text(CALLED.format(2))
    assert run(package, CALL) == "2"


def test_that_kernels_are_compiled_is_said_and_only_then(tmp_path: Path) -> None:
    room = copy_of_the_code(tmp_path)
    call = f"import sys; sys.stderr = sys.stdout; {CALL}"
    assert run(room, call) == "Compiling the drawing kernels, once …\n1"
    assert run(room, call) == "1"


def test_a_folder_that_the_user_names_is_used(tmp_path: Path) -> None:
    package = copy_of_the_code(tmp_path)
    run(package, CALL, NUMBA_CACHE_DIR=str(tmp_path / "mine"))
    assert list((tmp_path / "mine").rglob("*.nbc"))
    assert not list((package / "__pycache__").glob("kernels-*"))


def test_folders_of_other_sources_are_swept_when_nobody_has_used_them_for_a_day(
    tmp_path: Path,
) -> None:
    package = copy_of_the_code(tmp_path)
    unused, used = (package / "__pycache__" / f"kernels-{name}" for name in ("unused", "used"))
    for each in (unused, used):
        each.mkdir(parents=True)
    os.utime(unused, (time.time() - 90_000,) * 2)
    run(package, FOLDER)
    assert not unused.exists()
    assert used.exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to run as another user")
def test_what_cannot_be_written_beside_the_code_goes_to_the_user_or_to_a_private_folder(
    tmp_path: Path,
) -> None:
    package = copy_of_the_code(tmp_path)
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
    assert Path(found).parent == temporary / f"qd_pipeline-{NOBODY}"
    assert stat.S_IMODE(Path(found).parent.stat().st_mode) == 0o700
    # What somebody else has laid there is not run.
    shutil.rmtree(Path(found).parent)
    Path(found).parent.mkdir()
    found = run(package, AS_NOBODY, **place)
    assert Path(found).parent == temporary
    assert not Path(found).exists()  # it lasts as long as the process
