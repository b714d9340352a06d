"""The package built as a wheel, and installed where there is no checkout."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from qd_pipeline_tests.cli.pages import ensure_ends, ensure_up, running
from qd_pipeline_tests.daemon import ask
from qd_pipeline_tests.homes import prepare

ROOT = Path(__file__).parents[2]
UV = (sys.executable, "-m", "uv", "--quiet", "--offline")
TINY = ("--class-set", "2", "--drawings", "30", "--epochs", "1", "--network", "dense_baseline")
LOCATIONS = """{ workspaceOrError { ... on Workspace { locationEntries {
  name locationOrLoadError { __typename } } } } }"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel from a copy of the sources, and install it into a folder of its own."""
    folder = tmp_path_factory.mktemp("wheel")
    sources, place = folder / "sources", folder / "site"
    unwanted = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "qd_pipeline", sources / "qd_pipeline", ignore=unwanted)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, sources)
    build = ("build", "--wheel", "--no-build-isolation", "--python", sys.executable)
    subprocess.run([*UV, *build, "--out-dir", str(folder), str(sources)], check=True)
    (wheel,) = folder.glob("*.whl")
    install = ("pip", "install", "--no-deps", "--python", sys.executable, "--target", str(place))
    subprocess.run([*UV, *install, str(wheel)], check=True)
    shutil.rmtree(sources)
    return place


def test_an_installed_wheel_runs_the_chain_and_serves_this_machine_alone_until_ctrl_c(
    installed: Path, tmp_path: Path
) -> None:
    home, qd = prepare(tmp_path / "home"), installed / "bin" / "qd"
    environment = {**os.environ, "PYTHONPATH": str(installed)}
    where = [sys.executable, "-c", "import qd_pipeline; print(qd_pipeline.__file__)"]
    found = subprocess.run(
        where, check=True, cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert found.stdout.startswith(str(installed))
    run = subprocess.run(
        [sys.executable, str(qd), "run", *TINY, "--home", str(home)],
        check=False,
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert "8 partitions materialized" in run.stdout
    with running(home, program=qd, folder=tmp_path, PYTHONPATH=str(installed)) as ui:
        (location,) = ask(int(ui.dagster.rpartition(":")[2]), LOCATIONS)["workspaceOrError"][
            "locationEntries"
        ]
        assert location == {
            "name": "qd_pipeline",
            "locationOrLoadError": {"__typename": "RepositoryLocation"},
        }
        ensure_up(ui, lets_others_in=False)
        ensure_ends(ui, signal.SIGINT)
    assert {path.name for path in tmp_path.iterdir()} == {"home"}
