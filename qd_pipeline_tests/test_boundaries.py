"""The rooms stay apart: the drawings, the learning, the orchestration."""

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "qd_pipeline"
LEARNING_LIBRARIES = {"keras", "tensorflow", "sklearn"}
ORCHESTRATION_LIBRARIES = {"dagster", "dagster_graphql", "dagster_webserver"}
SLOW_LIBRARIES = {"tensorflow", "keras", "mlflow", "matplotlib", "pandas", "sklearn", "optuna"}


def imports(folder: Path) -> Iterator[tuple[str, str]]:
    """Give every module under a folder with each module that it imports, anywhere in it."""
    for path in sorted(folder.rglob("*.py")) if folder.is_dir() else [folder]:
        name = str(path.relative_to(PACKAGE.parent))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                yield from ((name, alias.name) for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module:
                yield name, node.module
                yield from ((name, f"{node.module}.{alias.name}") for alias in node.names)


def importers_of(libraries: set[str], folder: Path = PACKAGE) -> set[str]:
    return {name for name, module in imports(folder) if module.split(".")[0] in libraries}


def test_only_tracking_and_the_served_model_import_mlflow() -> None:
    importers = importers_of({"mlflow"})
    assert importers
    served = "qd_pipeline/serving/mlflow_model.py"
    assert all(name.startswith("qd_pipeline/tracking/") or name == served for name in importers)


@pytest.mark.parametrize("room", ["quickdraw", "learning"])
def test_the_drawings_and_the_learning_know_no_dagster(room: str) -> None:
    assert importers_of(ORCHESTRATION_LIBRARIES | {"mlflow"}, PACKAGE / room) == set()


def test_the_drawings_know_no_learning() -> None:
    assert importers_of(LEARNING_LIBRARIES, PACKAGE / "quickdraw") == set()


@pytest.mark.parametrize(
    ("room", "forbidden"),
    [
        ("quickdraw", ("learning", "orchestration", "cli", "tracking", "store")),
        ("learning", ("orchestration", "cli", "tracking", "store")),
        ("orchestration", ("cli",)),
        ("storage", ("quickdraw", "learning", "orchestration", "cli", "tracking")),
        ("tracking", ("quickdraw", "orchestration", "cli", "store")),
    ],
)
def test_imports_go_one_way(room: str, forbidden: tuple[str, ...]) -> None:
    names = tuple(f"qd_pipeline.{name}" for name in forbidden)
    against = {
        (name, module)
        for name, module in imports(PACKAGE / room)
        if any(module == each or module.startswith(f"{each}.") for each in names)
    }
    assert against == set()


def test_nothing_of_ours_imports_what_a_library_keeps_private() -> None:
    dagster = {"dagster", "dagster_graphql"}
    libraries = dagster | {"mlflow", "keras", "tensorflow", "pyarrow", "numba", "rich", "typer"}
    private = {
        (name, module)
        for name, module in imports(PACKAGE)
        if module.split(".")[0] in libraries
        and any(part.startswith("_") for part in module.split("."))
    }
    assert private == set()


def test_loading_the_definitions_imports_no_slow_library() -> None:
    script = (
        f"import sys, qd_pipeline.definitions;print(*sorted({SLOW_LIBRARIES} & set(sys.modules)))"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", script], check=True, capture_output=True, text=True
    )
    assert loaded.stdout.split() == []


def test_importing_any_module_leaves_the_home_alone(tmp_path: Path) -> None:
    modules = [
        ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts)
        for path in sorted(PACKAGE.rglob("*.py"))
        if path.stem != "__main__"
    ]
    script = f"import importlib\nfor name in {modules}: importlib.import_module(name)"
    home = tmp_path / "home"
    subprocess.run(
        [sys.executable, "-c", script],
        check=True,
        capture_output=True,
        cwd=tmp_path,
        env={**os.environ, "QD_HOME": str(home)},
    )
    assert not [*tmp_path.iterdir()]


def test_the_command_line_reads_its_options_before_the_partitions_are_known() -> None:
    script = (
        "import sys, qd_pipeline.cli; print('qd_pipeline.orchestration.partitions' in sys.modules)"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", script], check=True, capture_output=True, text=True
    )
    assert loaded.stdout.strip() == "False"


def test_no_module_is_a_grab_bag() -> None:
    names = {path.stem for path in PACKAGE.rglob("*.py")}
    assert not names & {"utils", "helpers", "common", "misc"}
