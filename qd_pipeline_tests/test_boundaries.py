"""The layers stay apart: drawings, learning, storage, tracking, orchestration, serving, cli."""

import ast
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

PACKAGE = Path(__file__).parents[1] / "qd_pipeline"
LEARNING_LIBRARIES = {"keras", "tensorflow", "sklearn", "optuna"}
ORCHESTRATION_LIBRARIES = {"dagster", "dagster_graphql", "dagster_shared", "dagster_webserver"}
SLOW_LIBRARIES = {"tensorflow", "keras", "mlflow", "matplotlib", "pandas", "sklearn", "optuna"}
PRIVATE_IN = ORCHESTRATION_LIBRARIES | {
    *("mlflow", "keras", "tensorflow", "graphql", "optuna", "sklearn", "obstore"),
    *("pydantic", "pydantic_settings", "pyarrow", "numba", "rich", "sqlalchemy", "typer"),
}
MODULES = [
    ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts)
    for path in sorted(PACKAGE.rglob("*.py"))
    if path.stem != "__main__"
]
PARTITIONS = ("storage.store", "storage.partition", "storage.PartitionStore")


def trees(folder: Path = PACKAGE) -> Iterator[tuple[str, ast.AST]]:
    """Yield every module under a folder, by its path."""
    for path in sorted(folder.rglob("*.py")) if folder.is_dir() else [folder]:
        name = str(path.relative_to(PACKAGE.parent))
        yield name, ast.parse(path.read_text(encoding="utf-8"))


def imports(folder: Path = PACKAGE) -> Iterator[tuple[str, str]]:
    """Yield every module under a folder with each module that it imports, anywhere in it."""
    for name, tree in trees(folder):
        for node in ast.walk(tree):
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


@pytest.mark.parametrize(
    ("layer", "libraries"),
    [
        ("quickdraw", ORCHESTRATION_LIBRARIES | LEARNING_LIBRARIES | {"mlflow"}),
        ("learning", ORCHESTRATION_LIBRARIES | {"mlflow"}),
        ("storage", ORCHESTRATION_LIBRARIES | LEARNING_LIBRARIES | {"mlflow"}),
        ("tracking", ORCHESTRATION_LIBRARIES),
        ("serving", ORCHESTRATION_LIBRARIES),
        ("settings", ORCHESTRATION_LIBRARIES | LEARNING_LIBRARIES | {"mlflow"}),
    ],
)
def test_a_layer_does_not_import_libraries_of_another(layer: str, libraries: set[str]) -> None:
    assert any(trees(PACKAGE / layer))
    assert importers_of(libraries, PACKAGE / layer) == set()


@pytest.mark.parametrize(
    ("layer", "forbidden"),
    [
        # Leases and buckets serve downloads too.
        ("quickdraw", ("learning", "orchestration", "cli", "tracking", *PARTITIONS, "settings")),
        ("learning", ("orchestration", "cli", "tracking", "storage", "settings", "serving")),
        ("storage", ("quickdraw", "learning", "orchestration", "cli", "tracking", "settings")),
        ("tracking", ("quickdraw", "orchestration", "cli", *PARTITIONS, "settings")),
        ("serving", ("cli",)),
        ("orchestration", ("cli", "serving")),
        ("settings", ("learning", "orchestration", "cli", "tracking", "storage", "serving")),
    ],
)
def test_imports_go_one_way(layer: str, forbidden: tuple[str, ...]) -> None:
    names = tuple(f"qd_pipeline.{name}" for name in forbidden)
    against = {
        (name, module)
        for name, module in imports(PACKAGE / layer)
        if any(module == each or module.startswith(f"{each}.") for each in names)
    }
    assert against == set()


def is_private(path: str) -> bool:
    return any(
        part.startswith("_") and not (part.startswith("__") and part.endswith("__"))
        for part in path.split(".")
    )


def reached(tree: ast.AST) -> Iterator[str]:
    """Yield what a module reaches in libraries: what it imports, and attributes of that."""
    names: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name
                top = alias.name.split(".")[0]
                names[alias.asname or top] = alias.name if alias.asname else top
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for alias in node.names:
                yield f"{node.module}.{alias.name}"
                names[alias.asname or alias.name] = f"{node.module}.{alias.name}"
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            first, _, rest = ast.unparse(node).partition(".")
            if first in names and rest.replace(".", "").isidentifier():
                yield f"{names[first]}.{rest}"
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module"):
            yield from (str(each.value) for each in node.args if isinstance(each, ast.Constant))


def test_nothing_of_ours_uses_what_a_library_keeps_private() -> None:
    private = {
        (name, path)
        for name, tree in trees()
        for path in reached(tree)
        if path.split(".")[0] in PRIVATE_IN and is_private(path)
    }
    assert private == set()


def test_what_is_imported_from_dagster_is_what_dagster_exports() -> None:
    import dagster  # noqa: PLC0415 (one test of many)

    imported = {
        path.split(".")[1]
        for _, tree in trees()
        for path in reached(tree)
        if path.startswith("dagster.")
    }
    assert imported
    exported = {name for name, value in vars(dagster).items() if not isinstance(value, ModuleType)}
    assert imported - exported == set()


def test_private_attributes_of_libraries_objects_are_not_touched() -> None:
    touched = set()
    for name, tree in trees():
        own = {
            node.attr if isinstance(node, ast.Attribute) else node.name
            for node in ast.walk(tree)
            if isinstance(node, ast.FunctionDef)
            or (isinstance(node, ast.Attribute) and ast.unparse(node.value) in {"self", "cls"})
        }
        touched |= {
            (name, node.attr)
            for node in ast.walk(tree)
            if isinstance(node, ast.Attribute) and is_private(node.attr) and node.attr not in own
        }
    # The public way to copy a named tuple with changes begins with an underscore.
    assert {each for each in touched if each[1] != "_replace"} == set()


# Where a library reads the environment itself, or offers no other way to be told.
READS_THE_ENVIRONMENT = {
    "qd_pipeline/settings/settings.py",
    "qd_pipeline/settings/messages.py",
    "qd_pipeline/cli/__init__.py",
    "qd_pipeline/cli/doctor.py",
    "qd_pipeline/learning/backend.py",
    "qd_pipeline/orchestration/instance.py",
    "qd_pipeline/quickdraw/kernel_cache.py",
    "qd_pipeline/storage/bucket.py",
    "qd_pipeline/tracking/__init__.py",
    "qd_pipeline/tracking/store.py",
}


def test_only_the_settings_read_the_environment() -> None:
    readers = {
        name
        for name, tree in trees()
        if any(path in {"os.environ", "os.getenv", "os.environb"} for path in reached(tree))
    }
    assert readers - READS_THE_ENVIRONMENT == set()


def test_no_variable_of_ours_is_read_outside_the_settings() -> None:
    named = {
        name
        for name, tree in trees()
        for call in ast.walk(tree)
        if isinstance(call, ast.Call | ast.Subscript)
        and "environ" in ast.unparse(call.func if isinstance(call, ast.Call) else call.value)
        and "'QD_" in ast.unparse(call)
    }
    assert {name for name in named if not name.startswith("qd_pipeline/settings/")} == set()


IMPORT_STEP_BY_STEP = f"""
import importlib, json, sys

import qd_pipeline.definitions
by_definitions = sorted({SLOW_LIBRARIES} & set(sys.modules))

names = {MODULES}
for name in names:
    if name.startswith("qd_pipeline.learning.") and name.removesuffix(".__init__").count(".") == 2:
        importlib.import_module(name)
by_learning = sorted({{"keras", "tensorflow"}} & set(sys.modules))

from qd_pipeline.learning import networks
networks.build("seed_cnn", 2)
backend = sys.modules["keras"].backend.backend()
for stream in (sys.stdout, sys.stderr):
    print("built", file=stream)

for name in names:
    importlib.import_module(name)
print(json.dumps([by_definitions, by_learning, backend]))
"""


@pytest.fixture(scope="module")
def imported(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str], list[str]]:
    """Import every module in a new process, slow libraries last.

    Returns its working directory, and its lines on both streams.
    """
    folder = tmp_path_factory.mktemp("imports")
    (folder / "home").mkdir()
    done = subprocess.run(
        [sys.executable, "-c", IMPORT_STEP_BY_STEP],
        check=True,
        capture_output=True,
        text=True,
        cwd=folder,
        env={
            **os.environ,
            "PYTHONPATH": str(PACKAGE.parent),
            "HOME": str(folder / "home"),
            "QD_HOME": str(folder / "data"),
            "KERAS_BACKEND": "jax",
        },
    )
    return folder, done.stdout.splitlines(), done.stderr.splitlines()


def test_loading_the_definitions_imports_no_slow_library(
    imported: tuple[Path, list[str], list[str]],
) -> None:
    by_definitions, _, _ = json.loads(imported[1][-1])
    assert by_definitions == []


def test_keras_comes_when_a_network_is_built_and_then_without_noise_or_files(
    imported: tuple[Path, list[str], list[str]],
) -> None:
    folder, printed, complained = imported
    _, by_learning, backend = json.loads(printed[-1])
    assert (by_learning, backend) == ([], "tensorflow")
    assert printed[0] == complained[0] == "built"
    assert not (folder / "home" / ".keras").exists()


def test_importing_any_module_leaves_the_working_directory_alone(
    imported: tuple[Path, list[str], list[str]],
) -> None:
    assert [path.name for path in imported[0].iterdir()] == ["home"]


def test_no_module_is_a_grab_bag() -> None:
    names = {path.stem for path in PACKAGE.rglob("*.py")}
    assert not names & {"utils", "helpers", "common", "misc"}
