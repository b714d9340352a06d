"""Nobody let in: no code from data, no secret in what is kept, no name that leads elsewhere."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from qd_pipeline import catalog, class_sets
from qd_pipeline.definitions import build_definitions
from qd_pipeline.errors import BadSetting, HomeFailed
from qd_pipeline.quickdraw.download import parse_source
from qd_pipeline.settings import Settings
from qd_pipeline.storage import PartitionStore
from qd_pipeline_tests.cli.in_process import qd
from qd_pipeline_tests.homes import prepare
from qd_pipeline_tests.tracking.server import WITHOUT_PAUSES

PACKAGE = Path(__file__).parents[1] / "qd_pipeline"
UNPICKLING = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve", "marshal", "torch"}
OUTSIDE = [
    "../cow",
    "..",
    "/etc/passwd",
    "cow/../../x",
    "cow\0",
    "cow\n",
    "c" * 5000,
    "~root",
    "%2e%2e",
    "..\\cow",
]


def calls() -> Iterator[tuple[str, ast.Call]]:
    """Return every call in the package with the name of what is called."""
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                yield ast.unparse(node.func), node


def keyword(call: ast.Call, name: str) -> str | None:
    given = {each.arg: ast.unparse(each.value) for each in call.keywords}
    return given.get(name)


def test_nothing_of_ours_unpickles() -> None:
    imported = set()
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                imported |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                imported.add(node.module.split(".")[0])
    assert imported & UNPICKLING == set()


def test_arrays_are_loaded_without_pickles_and_networks_without_code() -> None:
    loads = [call for name, call in calls() if name in {"np.load", "numpy.load"}]
    assert loads
    assert {keyword(call, "allow_pickle") for call in loads} == {"False"}
    networks = [call for name, call in calls() if name.endswith("load_model")]
    assert networks
    assert {keyword(call, "safe_mode") for call in networks} == {"True"}


def test_nothing_of_ours_runs_text_as_code_or_through_a_shell() -> None:
    assert not [call for name, call in calls() if name in {"eval", "exec", "os.system", "os.popen"}]
    assert not [call for name, call in calls() if keyword(call, "shell") == "True"]
    assert not [call for name, call in calls() if keyword(call, "verify") == "False"]
    assert not [call for name, call in calls() if name in {"yaml.load", "yaml.unsafe_load"}]


@pytest.mark.parametrize("name", OUTSIDE)
def test_no_name_from_outside_leads_out_of_the_home(name: str, tmp_path: Path) -> None:
    with pytest.raises(BadSetting):
        catalog.category(name)
    with pytest.raises(BadSetting):
        catalog.category_of(name)
    with pytest.raises(BadSetting):
        class_sets.checked(name, ["cow", "panda"])
    with pytest.raises(BadSetting):
        class_sets.checked("2", ["cow", name])
    with pytest.raises(BadSetting):
        PartitionStore((tmp_path / "store").as_uri()).find("strokes", name)
    with pytest.raises(BadSetting):
        parse_source(name)
    with pytest.raises(BadSetting):
        parse_source("http://127.0.0.1:1").url_of(name)
    assert list(tmp_path.iterdir()) == []


def test_a_home_that_is_a_link_to_nowhere_is_told(tmp_path: Path) -> None:
    (tmp_path / "home").symlink_to(tmp_path / "nowhere" / "home")
    refused = qd("run", "--home", tmp_path / "home")
    assert refused.code == 1
    assert "cannot be written" in refused.said


def test_dagsters_page_of_resources_shows_no_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QD_SOURCE", "http://me:topsecret@example.org/mirror")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://me:topsecret@example.org/")
    resources = build_definitions(Settings.load()).resources or {}
    shown = {name: repr(resource.model_dump()) for name, resource in resources.items()}
    assert "topsecret" not in repr(shown)
    assert "QD_SOURCE" in shown["source"]
    assert "MLFLOW_TRACKING_URI" in shown["mlflow"]


def test_errors_show_no_password_whoever_wrote_their_words() -> None:
    said = str(HomeFailed("MLflow", "at http://me:topsecret@host:1/x does not answer", "wait"))
    assert said == "MLflow at http://***@host:1/x does not answer: wait."


def test_a_tracking_servers_password_is_in_no_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    address = {"MLFLOW_TRACKING_URI": "http://me:topsecret@127.0.0.1:1/"}
    for name, value in {**address, **WITHOUT_PAUSES}.items():
        monkeypatch.setenv(name, value)
    home = prepare(tmp_path / "home")
    refused = qd("make", "raw_drawings", "cow", "--home", home)
    assert refused.code == 1
    assert "MLflow" in refused.printed
    assert "topsecret" not in refused.printed + caplog.text
    assert "Traceback" not in refused.printed
    kept = [path for path in home.rglob("*") if path.is_file()]
    assert not any(b"topsecret" in path.read_bytes() for path in kept)
