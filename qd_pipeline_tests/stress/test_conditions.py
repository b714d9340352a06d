"""Odd machines: another clock, another language, another place, code that cannot be written."""

import os
import shutil
import site
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from qd_pipeline.quickdraw import sample
from qd_pipeline.storage import PartitionStore

PACKAGE = Path(__file__).parents[2] / "qd_pipeline"
STRESS = bool(os.environ.get("QD_STRESS"))

# A machine whose clock jumps by QD_TEST_JUMP seconds, to and fro every second, and whose
# file system at QD_TEST_PLACE knows no `flock`.
SHIM = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

int clock_gettime(clockid_t clock, struct timespec *now) {
    static int (*real)(clockid_t, struct timespec *);
    if (!real) real = dlsym(RTLD_NEXT, "clock_gettime");
    int answer = real(clock, now);
    const char *jump = getenv("QD_TEST_JUMP");
    if (clock == CLOCK_REALTIME && jump && now->tv_sec % 2) now->tv_sec += atol(jump);
    return answer;
}

int flock(int file, int operation) {
    static int (*real)(int, int);
    if (!real) real = dlsym(RTLD_NEXT, "flock");
    const char *place = getenv("QD_TEST_PLACE");
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (place && length > 0 && !strncmp(path, place, strlen(place))) {
        errno = ENOLCK;
        return -1;
    }
    return real(file, operation);
}
"""
DE = "de_DE.UTF-8"
CONDITIONS = [
    {"TZ": "Pacific/Kiritimati", "LC_ALL": "C", "LANG": "C"},
    {"TZ": "America/St_Johns", "LC_ALL": DE, "LANG": DE, "PYTHONOPTIMIZE": "1"},
    {"TZ": "UTC+12", "LC_ALL": "POSIX", "PYTHONCOERCECLOCALE": "0"},
]


@pytest.fixture
def shim(tmp_path: Path) -> Path:
    """Return the library that makes the machine odd."""
    compiler = shutil.which("cc")
    if compiler is None or sys.platform != "linux":
        pytest.skip("needs a C compiler, to put the clock wrong for one process alone")
    source, library = tmp_path / "shim.c", tmp_path / "shim.so"
    source.write_text(SHIM)
    command = [compiler, "-shared", "-fPIC", "-O1", "-o", str(library), str(source), "-ldl"]
    subprocess.run(command, check=True, capture_output=True)
    return library


def read_only_copy(folder: Path) -> Path:
    """Return a copy of the code whose kernels have to be compiled and kept elsewhere."""
    shutil.copytree(PACKAGE, folder / "qd_pipeline", ignore=shutil.ignore_patterns("__pycache__"))
    # Root may write what is read-only; but nobody makes a folder where a file is.
    (folder / "qd_pipeline" / "quickdraw" / "__pycache__").touch()
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o555 if path.is_dir() else 0o444)
    return folder


SCRIPT = "from qd_pipeline.cli import main; main()"
CHOSEN = ("--class-set", "2", "--epochs", "1", "--drawings", "30")


def see_made(home: Path, done: subprocess.CompletedProcess[bytes]) -> None:
    """See that a command made the chain in a home."""
    printed = (done.stdout + done.stderr).decode(errors="replace")
    assert done.returncode == 0, printed
    assert "Traceback" not in printed
    store = PartitionStore((home / "store").as_uri())
    for stage, key in (("strokes", "cow"), ("bitmaps", "panda"), ("evaluations", "2")):
        store.open_all(store.read(stage, key))
    raw = store.read("raw_drawings", "cow")
    lines = store.open_local(raw, "drawings.ndjson").read_bytes()
    assert lines == b"".join(sample.ndjson_lines("cow", 30, 0))


@pytest.mark.parametrize("number", range(len(CONDITIONS) if STRESS else 1))
def test_the_chain_runs_wherever_and_whenever_it_is(
    number: int, shim: Path, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    code = read_only_copy(tmp_path / "Programme und Kode ß") if STRESS else PACKAGE.parent
    home = tmp_path / "Größe und Übermaß" / "絵 と 線" / ("n" * 60) / ("long " * 12) / "home"
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, "run", *CHOSEN, "--home", str(home)],
        check=False,
        capture_output=True,
        cwd=code,
        env={
            **os.environ,
            **CONDITIONS[number],
            "LD_PRELOAD": str(shim),
            "QD_TEST_JUMP": str(400 * 24 * 3600 if number % 2 else -400 * 24 * 3600),
            "QD_TEST_PLACE": str(home),
            # A clock that is fast has old kernels removed: it has none but its own.
            **({"XDG_CACHE_HOME": str(tmp_path / "cache")} if STRESS else {}),
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONPATH": str(code),
        },
    )
    see_made(home, done)
    record_property("times", 1)


# The interpreter may lie where others may not look: they get it in another place.
SOMEBODY_ELSE = """
set -e
mount --bind "$1" "$2"
interpreter="$2/bin/$3"
shift 3
exec setpriv --reuid 65534 --regid 65534 --clear-groups "$interpreter" "$@"
"""


@pytest.mark.skipif(not STRESS, reason="compiles every kernel: part of `make stress`")
@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to become somebody else")
def test_the_chain_runs_as_another_user_who_may_not_write_to_the_code(
    record_property: Callable[[str, object], None],
) -> None:
    # Not among pytest's folders, which are closed to others.
    with TemporaryDirectory() as name:
        place = Path(name)
        place.chmod(0o755)
        code, python, theirs = read_only_copy(place / "code"), place / "python", place / "theirs"
        python.mkdir()
        theirs.mkdir()
        shutil.chown(theirs, 65534, 65534)
        interpreter = f"python{sys.version_info.major}.{sys.version_info.minor}"
        done = subprocess.run(
            [
                *("unshare", "--mount", "sh", "-c", SOMEBODY_ELSE, "sh"),
                *(sys.base_prefix, str(python), interpreter, "-c", SCRIPT),
                *("run", *CHOSEN, "--home", str(theirs / "home")),
            ],
            check=False,
            capture_output=True,
            cwd=theirs,
            env={
                "PATH": os.environ["PATH"],
                "HOME": str(theirs),
                "LD_LIBRARY_PATH": str(python / "lib"),
                "PYTHONPATH": os.pathsep.join([str(code), *site.getsitepackages()]),
            },
        )
        see_made(theirs / "home", done)
        owners = {path.stat().st_uid for path in (theirs / "home").rglob("*")}
        assert owners == {65534}
    record_property("times", 1)
