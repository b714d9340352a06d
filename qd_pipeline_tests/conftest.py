"""What every test may lean on."""

import gc
import os
import signal
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from xdist.scheduler import LoadScopeScheduling

from qd_pipeline_tests import kernels
from qd_pipeline_tests.stress import faults

# A quarter of the time that the libraries take to import went to a collector that found nothing.
gc.disable()

# A shell that starts the tests in the background has them ignore Ctrl-C, which some of them press.
signal.signal(signal.SIGINT, signal.default_int_handler)

# The tests mean the defaults, whatever is set where they run; and the definitions read the
# settings when they are imported, which may be before any fixture.
for name in list(os.environ):
    if name.startswith(("QD_", "MLFLOW_", "DAGSTER_")) and not name.startswith("QD_STRESS"):
        del os.environ[name]

# It waits two minutes for a schedule to tick.
collect_ignore = [] if "QD_STRESS" in os.environ else ["stress/test_automation.py"]

# The first to start: those that fork processes, then those that wait for servers.
LONGEST = (
    "stress/test_automation.py",
    "stress/test_kill.py",
    "learning/studies/test_search.py",
    "cli/test_browser.py",
    "orchestration/test_chain.py",
    "cli/test_wheel.py",
    "orchestration/test_staleness.py",
    "stress/test_daemon.py",
    "orchestration/test_schedules.py",
    "learning/training/test_train.py",
    "orchestration/test_studies.py",
    "quickdraw/sketches/test_svg.py",
    "quickdraw/sketches/test_frames.py",
    "orchestration/test_real_drawings.py",
    "serving/test_page.py",
    "cli/test_studies.py",
    "orchestration/test_promotion.py",
    "serving/test_mlflow_model.py",
)

# A busy machine, or a kernel that is compiled first, says nothing about what is tested.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")

REAL_DRAWINGS = Path(__file__).parents[2] / "shared" / "quickdraw"


def pytest_sessionstart(session: pytest.Session) -> None:
    """Compile the kernels once, before several workers need them at the same time."""
    if session.config.getoption("numprocesses", None):
        kernels.compile_all()


def pytest_collection_finish() -> None:
    """Have the garbage collector look again, though not through what was imported."""
    gc.freeze()
    gc.enable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the longest files, so that no worker is left alone with one at the end."""
    places = {Path(__file__).parent / name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: places.get(item.path, len(LONGEST)))


class ByFile(LoadScopeScheduling):
    """Hands out files; those that fork processes in two halves, which share a fork server each."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        if file.endswith("/tracking/test_web_page.py"):
            return "other forks"  # whose MLflow server it asks
        if not forks(file):
            return file
        return "commands" if "/cli/" in file or "/stress/" in file else "other forks"


@cache
def forks(file: str) -> bool:
    """Return whether a file of tests imports `commands.py`."""
    text = (Path(__file__).parents[1] / file).read_text(encoding="utf-8")
    return "from qd_pipeline_tests.commands import" in text


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByFile | None:
    """Replace the scheduler of `--dist=loadfile`."""
    return ByFile(config, log) if config.getvalue("dist") == "loadfile" else None


@pytest.fixture(autouse=True)
def _nothing_left_in_the_environment() -> Iterator[None]:
    """Forget what a test sets: MLflow and our options hand it on to all that comes after."""
    os.environ.pop("MLFLOW_TRACKING_URI", None)
    before = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture(scope="session")
def real_drawings() -> Path:
    """Give the folder of real drawings, laid out like the public bucket."""
    if not (REAL_DRAWINGS / "full" / "simplified").is_dir():
        pytest.skip("needs real drawings in ../shared/quickdraw, which is not there")
    return REAL_DRAWINGS


@pytest.fixture(scope="session")
def two(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a data directory with the class set of two, made once for all workers, to copy."""
    from qd_pipeline_tests.orchestration.chain import home_of_two  # noqa: PLC0415 (reads settings)

    folder = tmp_path_factory.getbasetemp()
    # A worker's folder lies in that of all of them.
    return home_of_two(folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder)


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """After the full counts, print the table of faults."""
    if "QD_STRESS" not in os.environ:
        return
    reports = [
        report
        for outcome in ("passed", "failed", "error", "skipped")
        for report in terminalreporter.getreports(outcome)
        if report.when == "call" or report.outcome != "passed"
    ]
    faults.show(
        (report.nodeid, report.outcome, dict(report.user_properties).get("times", 1))
        for report in reports
    )
