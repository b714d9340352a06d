"""What the tests of tracking share."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from qd_pipeline.learning import networks
from qd_pipeline.learning.classifier import Classifier, Training
from qd_pipeline.learning.training.config import TrainingConfig
from qd_pipeline.tracking import Tracker
from qd_pipeline_tests.tracking.server import mlflow_server


def tracker_in(home: Path) -> Tracker:
    """Open the default store of a data directory."""
    return Tracker(f"sqlite:///{home}/mlflow.db", home / "mlartifacts", "http://127.0.0.1:5000")


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Create an empty store, to copy: MLflow takes seconds to create one."""
    home = tmp_path_factory.mktemp("empty")
    tracker_in(home)
    return home / "mlflow.db"


@pytest.fixture
def home(tmp_path: Path, empty_store: Path) -> Path:
    """Give a data directory with an empty store."""
    home = tmp_path / "one"
    home.mkdir()
    shutil.copy(empty_store, home / "mlflow.db")
    return home


@pytest.fixture(scope="session")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """Start a tracking server, and give its port."""
    with mlflow_server(tmp_path_factory.mktemp("server")) as port:
        yield port


@pytest.fixture(scope="session")
def classifier_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Save a classifier of two categories that has learned nothing."""
    network = networks.build("dense_baseline", 2)
    folder = tmp_path_factory.mktemp("classifier")
    Classifier(network, ("cow", "panda"), Training(TrainingConfig(), (), 0, 0, 0)).save(folder)
    return folder
